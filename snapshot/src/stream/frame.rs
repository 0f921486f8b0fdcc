//! Frames: what the bytes of a stream are cut into, each with its number and its checksum.

mod fields;
mod kind;

use crc_fast::{CrcAlgorithm, Digest};

pub(crate) use self::fields::{Fields, put_bytes};
pub use self::kind::FrameKind;

/// Bytes of a frame before its payload.
///
/// | offset | bytes | what, numbers little-endian |
/// |---|---|---|
/// | 0 | 4 | payload length, in bytes |
/// | 4 | 1 | [`FrameKind`] |
/// | 5 | 3 | zero |
/// | 8 | 8 | number of the frame in its stream; 0 for those that are not numbered |
/// | 16 | 4 | CRC-32C of the 16 bytes before and of the payload |
pub(crate) const HEADER_BYTES: usize = 20;

/// The longest payload, in bytes.
pub(crate) const PAYLOAD_BYTES_MAX: usize = 1 << 20;

/// Why bytes are no frame. Offsets are bytes from the first of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FrameError {
    /// No such kind is known.
    #[error("a frame of kind {kind:#04x}, which is unknown")]
    Kind {
        /// The byte that stands for it.
        kind: u8,
    },
    /// Bytes that must be zero are not.
    #[error("a frame whose bytes 5 to 7 are not zero")]
    NotZero,
    /// The payload is longer than any may be.
    #[error("a frame of {bytes} bytes, where {max} is the most")]
    TooLong {
        /// What its header says.
        bytes: u64,
        /// The most there may be.
        max: u64,
    },
    /// The checksum is another.
    #[error("a frame with checksum {found:#010x}, where its bytes give {computed:#010x}")]
    Checksum {
        /// What its header says.
        found: u32,
        /// What its bytes give.
        computed: u32,
    },
    /// The payload ends inside a field.
    #[error("a payload that ends inside a field, {missing} bytes short")]
    Truncated {
        /// Bytes that are not there.
        missing: u64,
    },
    /// The payload goes on behind its last field.
    #[error("a payload with {bytes} bytes too many")]
    Trailing {
        /// How many.
        bytes: u64,
    },
}

/// One frame, its payload borrowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Frame<'a> {
    /// What it says.
    pub kind: FrameKind,
    /// Its number in its stream, from 1 on; 0 if its kind is not numbered.
    pub number: u64,
    /// What stands in it.
    pub payload: &'a [u8],
}

impl<'a> Frame<'a> {
    /// Splits one frame off the front of `input`; `None` while it is not whole.
    ///
    /// ```
    /// use snapshot::{Frame, FrameKind};
    ///
    /// let mut bytes = Vec::new();
    /// Frame::encode(&mut bytes, FrameKind::Cut, 7, &1_u64.to_le_bytes());
    /// assert_eq!(Frame::split(&bytes[..20])?, None);
    /// let (frame, rest) = Frame::split(&bytes)?.expect("it is whole");
    /// assert_eq!((frame.kind, frame.number, rest.len()), (FrameKind::Cut, 7, 0));
    /// # Ok::<(), snapshot::FrameError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`FrameError`], as soon as the bytes that are there cannot become a frame.
    pub fn split(input: &'a [u8]) -> Result<Option<(Self, &'a [u8])>, FrameError> {
        let Some((header, rest)) = input.split_first_chunk::<HEADER_BYTES>() else {
            return Ok(None);
        };
        let header = Header::parse(header)?;
        let Some((payload, rest)) = rest.split_at_checked(header.payload_bytes) else {
            return Ok(None);
        };
        let frame = header.join(payload)?;
        Ok(Some((frame, rest)))
    }

    /// Appends a whole frame to `out`.
    ///
    /// # Panics
    ///
    /// When the payload is longer than 1 MiB.
    pub fn encode(out: &mut Vec<u8>, kind: FrameKind, number: u64, payload: &[u8]) {
        let start = begin(out, kind);
        out.extend_from_slice(payload);
        end(out, start);
        seal(&mut out[start..], number);
    }
}

/// The header of a frame, its payload still to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) kind: FrameKind,
    pub(crate) number: u64,
    pub(crate) payload_bytes: usize,
    bytes: [u8; 16],
    checksum: u32,
}

impl Header {
    pub(crate) fn parse(bytes: &[u8; HEADER_BYTES]) -> Result<Self, FrameError> {
        let [
            l0,
            l1,
            l2,
            l3,
            kind,
            z0,
            z1,
            z2,
            number @ ..,
            c0,
            c1,
            c2,
            c3,
        ] = *bytes;
        let payload_bytes = u32::from_le_bytes([l0, l1, l2, l3]);
        if [z0, z1, z2] != [0; 3] {
            return Err(FrameError::NotZero);
        }
        let kind = FrameKind::from_byte(kind).ok_or(FrameError::Kind { kind })?;
        let too_long = FrameError::TooLong {
            bytes: payload_bytes.into(),
            max: PAYLOAD_BYTES_MAX as u64,
        };
        let payload_bytes = usize::try_from(payload_bytes).map_err(|_| too_long)?;
        if payload_bytes > PAYLOAD_BYTES_MAX {
            return Err(too_long);
        }
        let mut before = [0; 16];
        before.copy_from_slice(&bytes[..16]);
        Ok(Self {
            kind,
            number: u64::from_le_bytes(number),
            payload_bytes,
            bytes: before,
            checksum: u32::from_le_bytes([c0, c1, c2, c3]),
        })
    }

    /// Fails if the payload is longer than this.
    #[cfg(feature = "replication")]
    pub(crate) fn check_payload(&self, bytes_max: usize) -> Result<(), FrameError> {
        if self.payload_bytes > bytes_max {
            return Err(FrameError::TooLong {
                bytes: self.payload_bytes as u64,
                max: bytes_max as u64,
            });
        }
        Ok(())
    }

    /// The frame, if this is its payload.
    pub(crate) fn join(self, payload: &[u8]) -> Result<Frame<'_>, FrameError> {
        let computed = crc32c(&self.bytes, payload);
        if computed != self.checksum {
            return Err(FrameError::Checksum {
                found: self.checksum,
                computed,
            });
        }
        Ok(Frame {
            kind: self.kind,
            number: self.number,
            payload,
        })
    }
}

/// Begins a frame at the end of `out`, and says where. Its payload is to be appended, and then
/// [`end`] to be called.
pub(crate) fn begin(out: &mut Vec<u8>, kind: FrameKind) -> usize {
    let start = out.len();
    out.extend_from_slice(&[0; HEADER_BYTES]);
    out[start + 4] = kind.byte();
    start
}

/// Ends the frame that [`begin`] began at `start`: writes down its length.
pub(crate) fn end(out: &mut [u8], start: usize) {
    let payload_bytes = out.len() - start - HEADER_BYTES;
    assert!(
        payload_bytes <= PAYLOAD_BYTES_MAX,
        "a payload of {payload_bytes} bytes is cut before it is framed"
    );
    // Less than 2^32, as was just seen.
    let [l0, l1, l2, l3, ..] = payload_bytes.to_le_bytes();
    out[start..start + 4].copy_from_slice(&[l0, l1, l2, l3]);
}

/// Gives the first frame of `bytes`, which has its length, its number and its checksum; the bytes
/// behind it.
pub(crate) fn seal(bytes: &mut [u8], number: u64) -> &mut [u8] {
    let [l0, l1, l2, l3, ..] = *bytes else {
        return &mut [];
    };
    let payload_bytes = u32::from_le_bytes([l0, l1, l2, l3]) as usize;
    let (frame, rest) = bytes.split_at_mut(HEADER_BYTES + payload_bytes);
    let (header, payload) = frame.split_at_mut(HEADER_BYTES);
    header[8..16].copy_from_slice(&number.to_le_bytes());
    let checksum = crc32c(&header[..16], payload);
    header[16..].copy_from_slice(&checksum.to_le_bytes());
    rest
}

/// CRC-32C (Castagnoli) over both parts.
fn crc32c(header: &[u8], payload: &[u8]) -> u32 {
    let mut digest = Digest::new(CrcAlgorithm::Crc32Iscsi);
    digest.update(header);
    digest.update(payload);
    // The algorithm has 32 bits, in a wider number.
    let [c0, c1, c2, c3, ..] = digest.finalize().to_le_bytes();
    u32::from_le_bytes([c0, c1, c2, c3])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frame_has_the_documented_bytes() {
        let mut bytes = Vec::new();
        Frame::encode(&mut bytes, FrameKind::Cut, 3, &2_u64.to_le_bytes());
        assert_eq!(
            bytes[..16],
            [8, 0, 0, 0, 0x20, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0]
        );
        assert_eq!(bytes[20..], [2, 0, 0, 0, 0, 0, 0, 0]);
        let checksum = crc32c(b"123456789", b"");
        assert_eq!(checksum, 0xe306_9283, "the check value of the algorithm");
    }

    #[test]
    fn every_truncation_waits_and_every_flipped_bit_is_found() {
        let mut bytes = Vec::new();
        Frame::encode(&mut bytes, FrameKind::Delete, 9, b"payload");
        for length in 0..bytes.len() {
            assert_eq!(Frame::split(&bytes[..length]), Ok(None), "{length}");
        }
        let whole = Frame::split(&bytes).unwrap().unwrap().0;
        assert_eq!((whole.number, whole.payload), (9, &b"payload"[..]));
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            // A longer length waits for more.
            if let Ok(Some(_)) = Frame::split(&flipped) {
                panic!("bit {bit} is not missed");
            }
        }
    }
}
