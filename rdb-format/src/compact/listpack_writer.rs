//! Writes listpacks.

use super::container::Container;
use crate::decimal::parse_canonical;
use crate::event::Dialect;

/// Bytes before the first entry.
const HEADER: usize = 6;
/// The end mark.
const END: u8 = 0xff;

/// How the backward length of a listpack entry of exactly 16383, 2097151 or 268435455 bytes is
/// written. A server reads only the form that it writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BackLengths {
    /// One byte longer than needed: Redis up to 8.6, Valkey up to 9.1.
    Padded,
    /// As short as can be: Redis from 8.8 on.
    Short,
}

impl BackLengths {
    /// Listpacks that are shorter, in bytes, hold no entry of these lengths.
    pub(crate) const CONTAINER_BYTES_MIN: usize = 16_383;
    /// First version of the format whose listpacks are in the shorter form.
    const SHORT_VERSION_MIN: u32 = 14;

    /// The form in streams of this version.
    pub const fn of_stream(dialect: Dialect, version: u32) -> Self {
        match dialect {
            Dialect::Redis if version >= Self::SHORT_VERSION_MIN => Self::Short,
            _ => Self::Padded,
        }
    }
}

/// A listpack that grows at its end.
#[derive(Debug, Clone)]
pub(crate) struct ListpackWriter {
    bytes: Vec<u8>,
    count: usize,
    form: BackLengths,
    // Whether an entry has one of the lengths whose form depends on the server.
    boundary: bool,
}

/// How far a listpack had grown.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mark {
    bytes_len: usize,
    count: usize,
    boundary: bool,
}

impl ListpackWriter {
    pub(crate) fn new(form: BackLengths) -> Self {
        Self {
            bytes: vec![0; HEADER],
            count: 0,
            form,
            boundary: false,
        }
    }

    /// Removes all entries.
    pub(crate) fn clear(&mut self) {
        self.bytes.truncate(HEADER);
        self.count = 0;
        self.boundary = false;
    }

    /// Gives back space above `bytes`.
    pub(crate) fn shrink_to(&mut self, bytes: usize) {
        self.bytes.shrink_to(bytes);
    }

    #[cfg(test)]
    pub(crate) fn capacity(&self) -> usize {
        self.bytes.capacity()
    }

    /// Bytes of the whole listpack if it ended here.
    pub(crate) fn len(&self) -> usize {
        self.bytes.len().saturating_add(1)
    }

    #[cfg(test)]
    /// Whether some entry has a length of which servers read one form only.
    pub(crate) fn has_boundary(&self) -> bool {
        self.boundary
    }

    /// Appends a text, as an integer if it is the text of one.
    pub(crate) fn push(&mut self, text: &[u8]) {
        match parse_canonical(text) {
            Some(value) => self.push_integer(value),
            None => self.push_bytes(text),
        }
    }

    /// Appends an integer in its shortest form.
    pub(crate) fn push_integer(&mut self, value: i64) {
        let start = self.bytes.len();
        let [a, b, c, d, ..] = value.to_le_bytes();
        if (0..=127).contains(&value) {
            self.bytes.push(a);
        } else if (-4096..=4095).contains(&value) {
            self.bytes.extend_from_slice(&[0xc0 | (b & 0x1f), a]);
        } else if i16::try_from(value).is_ok() {
            self.bytes.extend_from_slice(&[0xf1, a, b]);
        } else if (-0x80_0000..=0x7f_ffff).contains(&value) {
            self.bytes.extend_from_slice(&[0xf2, a, b, c]);
        } else if i32::try_from(value).is_ok() {
            self.bytes.extend_from_slice(&[0xf3, a, b, c, d]);
        } else {
            self.bytes.push(0xf4);
            self.bytes.extend_from_slice(&value.to_le_bytes());
        }
        self.finish_entry(start);
    }

    /// Appends a string, which must be shorter than 4 GiB.
    pub(crate) fn push_bytes(&mut self, bytes: &[u8]) {
        let start = self.bytes.len();
        let [a, b, c, d, ..] = (bytes.len() as u64).to_le_bytes();
        match bytes.len() {
            0..=63 => self.bytes.push(0x80 | a),
            64..=4095 => self.bytes.extend_from_slice(&[0xe0 | b, a]),
            len => {
                assert!(u32::try_from(len).is_ok(), "an entry of {len} bytes");
                self.bytes.extend_from_slice(&[0xf0, a, b, c, d]);
            }
        }
        self.bytes.extend_from_slice(bytes);
        self.finish_entry(start);
    }

    /// Appends all entries of another listpack.
    pub(crate) fn push_all(&mut self, other: &Self) {
        self.bytes
            .extend_from_slice(other.bytes.get(HEADER..).unwrap_or_default());
        self.count = self.count.saturating_add(other.count);
        self.boundary |= other.boundary;
    }

    /// The state that [`undo_to`](Self::undo_to) goes back to.
    pub(crate) fn mark(&self) -> Mark {
        let Self {
            count, boundary, ..
        } = *self;
        let bytes_len = self.bytes.len();
        Mark {
            bytes_len,
            count,
            boundary,
        }
    }

    /// Removes the entries that were appended since.
    pub(crate) fn undo_to(&mut self, mark: Mark) {
        self.bytes.truncate(mark.bytes_len);
        self.count = mark.count;
        self.boundary = mark.boundary;
    }

    #[inline]
    fn finish_entry(&mut self, start: usize) {
        let len = self.bytes.len().wrapping_sub(start);
        self.count = self.count.saturating_add(1);
        match u8::try_from(len) {
            Ok(len @ 0..=127) => self.bytes.push(len),
            _ => self.finish_long_entry(len),
        }
    }

    fn finish_long_entry(&mut self, len: usize) {
        let boundary = matches!(len, 16_383 | 2_097_151 | 268_435_455);
        self.boundary |= boundary;
        let mut groups = match len {
            0..=16_383 => 2,
            16_384..=2_097_151 => 3,
            2_097_152..=268_435_455 => 4,
            _ => 5_u32,
        };
        if boundary && self.form == BackLengths::Padded {
            groups = groups.wrapping_add(1);
        }
        for group in (0..groups).rev() {
            let low = (len >> group.wrapping_mul(7)).to_le_bytes()[0] & 0x7f;
            let follows = group.wrapping_add(1) < groups;
            self.bytes.push(if follows { low | 0x80 } else { low });
        }
    }

    /// Ends the listpack and gives its bytes; [`clear`](Self::clear) starts another one.
    pub(crate) fn finish(&mut self) -> &[u8] {
        self.bytes.push(END);
        let size = u32::try_from(self.bytes.len());
        let count = u16::try_from(self.count).unwrap_or(u16::MAX);
        let Ok(size) = size else {
            unreachable!("a listpack is kept far below 4 GiB")
        };
        if let Some(header) = self.bytes.first_chunk_mut::<HEADER>() {
            let (sizes, counts) = header.split_at_mut(4);
            sizes.copy_from_slice(&size.to_le_bytes());
            counts.copy_from_slice(&count.to_le_bytes());
        }
        debug_assert!(
            Container::Listpack
                .entries(&self.bytes)
                .is_ok_and(|mut entries| entries.all(|entry| entry.is_ok())),
            "a listpack is written as it is read"
        );
        &self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::{BackLengths, ListpackWriter};
    use crate::compact::{CompactEntry, Container};

    fn texts(bytes: &[u8]) -> Vec<Vec<u8>> {
        let entries = Container::Listpack.entries(bytes).unwrap();
        entries.map(|entry| entry.unwrap().to_vec()).collect()
    }

    #[test]
    fn texts_of_every_width_come_back() {
        let mut expected: Vec<Vec<u8>> = [
            0,
            127,
            128,
            -1,
            4095,
            -4096,
            4096,
            -4097,
            32_767,
            -32_768,
            32_768,
            8_388_607,
            -8_388_608,
            8_388_608,
            2_147_483_647,
            -2_147_483_648,
            2_147_483_648,
            i64::MIN,
            i64::MAX,
        ]
        .map(|value| value.to_string().into_bytes())
        .to_vec();
        expected.extend([b"".to_vec(), b"-0".to_vec(), b"007".to_vec()]);
        for len in [63, 64, 4095, 4096, 16_377, 16_378, 16_379, 70_000] {
            expected.push(vec![b'x'; len]);
        }
        for form in [BackLengths::Padded, BackLengths::Short] {
            let mut writer = ListpackWriter::new(form);
            for text in &expected {
                writer.push(text);
            }
            assert!(writer.has_boundary(), "16378 bytes and 5 before them");
            assert_eq!(texts(writer.finish()), expected);
            writer.clear();
            writer.push(b"5");
            assert!(!writer.has_boundary());
            assert_eq!(writer.len(), 9);
            let entries: Vec<_> = Container::Listpack
                .entries(writer.finish())
                .unwrap()
                .collect();
            assert_eq!(entries, [Ok(CompactEntry::Integer(5))]);
        }
    }

    #[test]
    fn boundary_lengths_have_two_forms() {
        let mut ends = [BackLengths::Padded, BackLengths::Short].map(|form| {
            let mut writer = ListpackWriter::new(form);
            writer.push_bytes(&[b'x'; 16_378]);
            let bytes = writer.finish();
            bytes[bytes.len() - 4..].to_vec()
        });
        assert_eq!(ends[0], [0x00, 0xff, 0xff, 0xff]);
        assert_eq!(ends[1].split_off(1), [0x7f, 0xff, 0xff]);
    }
}
