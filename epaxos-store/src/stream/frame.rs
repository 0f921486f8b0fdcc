//! Frames: a kind, a length, a checksum, and at most a mebibyte.
//!
//! | bytes | hold |
//! |---|---|
//! | 0 | kind: 1 head, 2 rows, 3 first part of a row, 4 next part, 5 end |
//! | 1 | family of the rows: 1 record, 2 instance; 0 otherwise |
//! | 2..4 | zeros |
//! | 4..8 | length of the payload in bytes, big-endian, at most 1 MiB |
//! | 8..12 | CRC-32C of bytes 0..8 and the payload, big-endian |
//! | 12.. | the payload |

use std::io::{ErrorKind, Read, Write};

use crate::checksum::crc32c;
use crate::codec::Kind;
use crate::error::StoreError;

/// The most bytes of a frame's payload.
pub(crate) const PAYLOAD_BYTES_MAX: usize = 1 << 20;

/// Bytes before the payload.
const HEADER_BYTES: usize = 12;

/// What a frame is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum FrameKind {
    Head,
    Rows(Family),
    FirstPart(Family),
    NextPart(Family),
    End,
}

/// The rows that a stream carries.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Family {
    Record,
    Instance,
}

impl Family {
    pub(crate) const ALL: [Self; 2] = [Self::Record, Self::Instance];

    pub(crate) fn kind(self) -> Kind {
        match self {
            Self::Record => Kind::Record,
            Self::Instance => Kind::Instance,
        }
    }

    pub(crate) fn tag(self) -> u8 {
        match self {
            Self::Record => 1,
            Self::Instance => 2,
        }
    }
}

impl FrameKind {
    fn tags(self) -> [u8; 2] {
        match self {
            Self::Head => [1, 0],
            Self::Rows(family) => [2, family.tag()],
            Self::FirstPart(family) => [3, family.tag()],
            Self::NextPart(family) => [4, family.tag()],
            Self::End => [5, 0],
        }
    }

    fn of_tags(kind: u8, family: u8) -> Option<Self> {
        if let (1 | 5, 0) = (kind, family) {
            return Some(if kind == 1 { Self::Head } else { Self::End });
        }
        let family = Family::ALL
            .into_iter()
            .find(|known| known.tag() == family)?;
        match kind {
            2 => Some(Self::Rows(family)),
            3 => Some(Self::FirstPart(family)),
            4 => Some(Self::NextPart(family)),
            _ => None,
        }
    }
}

/// Writes one frame; how many bytes it has.
pub(crate) fn write_frame(
    to: &mut impl Write,
    kind: FrameKind,
    payload: &[u8],
) -> Result<u64, StoreError> {
    let [kind, family] = kind.tags();
    let length = u32::try_from(payload.len()).unwrap_or(u32::MAX);
    let mut head = [kind, family, 0, 0, 0, 0, 0, 0];
    if let Some(bytes) = head.last_chunk_mut() {
        *bytes = length.to_be_bytes();
    }
    let checksum = crc32c(&[&head, payload]).to_be_bytes();
    let written = to
        .write_all(&head)
        .and_then(|()| to.write_all(&checksum))
        .and_then(|()| to.write_all(payload));
    written.map_err(|error| StoreError::io("write a stream", "", &error))?;
    Ok((HEADER_BYTES as u64).saturating_add(payload.len() as u64))
}

/// Reads frames, and counts their bytes.
#[derive(Debug)]
pub(crate) struct FrameReader<R> {
    from: R,
    offset: u64,
    payload: Vec<u8>,
}

impl<R: Read> FrameReader<R> {
    pub(crate) fn new(from: R) -> Self {
        Self {
            from,
            offset: 0,
            payload: Vec::new(),
        }
    }

    /// An error at the start of the frame that was read last.
    pub(crate) fn wrong(&self, what: &'static str) -> StoreError {
        let frame = (HEADER_BYTES as u64).saturating_add(self.payload.len() as u64);
        StoreError::Stream {
            offset: self.offset.saturating_sub(frame),
            what,
        }
    }

    /// The next frame. A stream that ends before its end frame is cut off.
    pub(crate) fn next(&mut self) -> Result<(FrameKind, &[u8]), StoreError> {
        let mut header = [0; HEADER_BYTES];
        self.fill(&mut header)?;
        let wrong = |what| StoreError::Stream {
            offset: self.offset,
            what,
        };
        let ([kind, family, flags @ ..], sizes) = split(header);
        let (length, checksum) = sizes;
        let frame = FrameKind::of_tags(kind, family).ok_or_else(|| wrong("unknown frame"))?;
        if flags != [0, 0] {
            return Err(wrong("unknown flags"));
        }
        let length = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
        if length > PAYLOAD_BYTES_MAX {
            return Err(wrong("the frame is longer than a frame may be"));
        }
        let mut payload = std::mem::take(&mut self.payload);
        payload.resize(length, 0);
        let filled = self.fill(&mut payload);
        self.payload = payload;
        filled?;
        let [head @ .., _, _, _, _] = header;
        if crc32c(&[&head, &self.payload]) != u32::from_be_bytes(checksum) {
            return Err(StoreError::Stream {
                offset: self.offset,
                what: "the frame's checksum does not match",
            });
        }
        self.offset = self
            .offset
            .saturating_add(HEADER_BYTES as u64)
            .saturating_add(length as u64);
        Ok((frame, &self.payload))
    }

    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), StoreError> {
        self.from.read_exact(bytes).map_err(|error| {
            if error.kind() == ErrorKind::UnexpectedEof {
                return StoreError::Stream {
                    offset: self.offset,
                    what: "the stream is cut off",
                };
            }
            StoreError::io("read a stream", "", &error)
        })
    }
}

/// The tags and flags, the length and the checksum of a frame's header.
fn split(header: [u8; HEADER_BYTES]) -> ([u8; 4], ([u8; 4], [u8; 4])) {
    let part = |index: usize| {
        let parts = header.as_chunks::<4>().0;
        parts.get(index).copied().unwrap_or_default()
    };
    (part(0), (part(1), part(2)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_has_these_bytes_and_comes_back() {
        let mut bytes = Vec::new();
        let kind = FrameKind::Rows(Family::Instance);
        assert_eq!(write_frame(&mut bytes, kind, b"abc").unwrap(), 15);
        assert_eq!(bytes[..8], [2, 2, 0, 0, 0, 0, 0, 3]);
        assert_eq!(bytes[12..], *b"abc");
        let mut reader = FrameReader::new(bytes.as_slice());
        assert_eq!(reader.next().unwrap(), (kind, b"abc".as_slice()));
        let cut = reader.next().unwrap_err();
        assert_eq!(
            cut.to_string(),
            "stream damaged at byte 15: the stream is cut off"
        );
    }

    #[test]
    fn every_flipped_bit_and_every_truncation_is_refused() {
        let mut bytes = Vec::new();
        write_frame(&mut bytes, FrameKind::End, b"abc").unwrap();
        for end in 0..bytes.len() {
            assert!(FrameReader::new(&bytes[..end]).next().is_err());
        }
        for bit in 0..bytes.len() * 8 {
            let mut bytes = bytes.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert!(FrameReader::new(bytes.as_slice()).next().is_err(), "{bit}");
        }
    }

    #[test]
    fn a_length_is_not_believed() {
        let mut bytes = vec![2, 1, 0, 0, 0xff, 0xff, 0xff, 0xff];
        bytes.extend_from_slice(&[0; 8]);
        let refused = FrameReader::new(bytes.as_slice()).next().unwrap_err();
        assert_eq!(
            refused.to_string(),
            "stream damaged at byte 0: the frame is longer than a frame may be"
        );
    }
}
