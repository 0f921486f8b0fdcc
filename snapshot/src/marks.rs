//! Marks: where in a file sections begin that can be decoded each for itself.
//!
//! They stand in two aux fields, the last records before the end, which servers and other readers
//! pass over. The second is as long in every file, and says where the first is:
//!
//! ```text
//! ... last blob | AUX forkless-marks "1048731 1048702 ..." | the rest
//!               ^ byte 0x222a3f01
//!
//! the rest, 45 bytes: AUX forkless-marks-at "00000000222a3f01" | EOF | CRC64
//! ```
//!
//! The numbers are the lengths of the sections but the last, in bytes: the first begins with the
//! file, and each other one with a SELECTDB.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;

use rdb_format::{Dialect, Encoder, Event, Reader};

use crate::sync::SHRINK;

const LENGTHS_NAME: &[u8] = b"forkless-marks";
const PLACE_NAME: &[u8] = b"forkless-marks-at";

/// Digits of the place, in base 16.
const PLACE_DIGITS: usize = 16;

/// Bytes from the second field to the end: opcode, two strings with their lengths, EOF, checksum.
const TAIL_BYTES: usize = 1 + (1 + PLACE_NAME.len()) + (1 + PLACE_DIGITS) + 1 + 8;

/// Bytes of a section at least, before marks become too many.
const SECTION_BYTES: u64 = (1 << 20) / SHRINK as u64;

/// More marks than this are thinned out: every second one goes.
const MARKS_MAX: usize = 512;

/// The first field is not longer than this: each mark takes up to 20 digits and a space.
const LENGTHS_BYTES_MAX: u64 = 16 << 10;

/// The marks of a file that is being written.
#[derive(Debug)]
pub(crate) struct Marks {
    offsets: Vec<u64>,
    section_bytes: u64,
}

impl Marks {
    /// None yet.
    pub(crate) fn new() -> Self {
        Self {
            offsets: Vec::new(),
            section_bytes: SECTION_BYTES,
        }
    }

    /// A section may begin at `offset`.
    pub(crate) fn offer(&mut self, offset: u64) {
        let last = self.offsets.last().copied().unwrap_or(0);
        if offset - last < self.section_bytes {
            return;
        }
        self.offsets.push(offset);
        if self.offsets.len() > MARKS_MAX {
            let mut number = 0;
            self.offsets.retain(|_| {
                number += 1;
                number % 2 == 0
            });
            self.section_bytes *= 2;
        }
    }

    /// Appends the fields, which stand at `offset`; nothing if there is but one section.
    pub(crate) fn encode(&self, encoder: &mut Encoder, out: &mut Vec<u8>, offset: u64) {
        if self.offsets.is_empty() {
            return;
        }
        let starts = [0].iter().chain(&self.offsets);
        let lengths = self.offsets.iter().zip(starts);
        let lengths = lengths.map(|(end, start)| (end - start).to_string());
        let lengths = lengths.collect::<Vec<_>>().join(" ");
        encoder.aux(out, LENGTHS_NAME, lengths.as_bytes());
        encoder.aux(out, PLACE_NAME, format!("{offset:016x}").as_bytes());
    }
}

/// Whether an aux field is one of those that hold marks.
pub(crate) fn is_mark(name: &[u8]) -> bool {
    name == LENGTHS_NAME || name == PLACE_NAME
}

/// The sections of a file of so many bytes, as its marks say, more than one and in order; `None`
/// if it has no marks that could be right.
///
/// # Errors
///
/// When the file cannot be read.
pub(crate) fn sections(file: &File, file_bytes: u64) -> io::Result<Option<Vec<Range<u64>>>> {
    let mut tail = [0; TAIL_BYTES];
    let Some(tail_at) = file_bytes.checked_sub(TAIL_BYTES as u64) else {
        return Ok(None);
    };
    file.read_exact_at(&mut tail, tail_at)?;
    let Some(lengths_at) = place(&tail).filter(|at| *at < tail_at) else {
        return Ok(None);
    };
    if tail_at - lengths_at > LENGTHS_BYTES_MAX {
        return Ok(None);
    }
    let mut field = vec![0; usize::try_from(tail_at - lengths_at).unwrap_or(0)];
    file.read_exact_at(&mut field, lengths_at)?;
    Ok(starts(&field, lengths_at).map(|starts| {
        let ends = starts.iter().skip(1).chain([&file_bytes]);
        starts
            .iter()
            .zip(ends)
            .map(|(&start, &end)| start..end)
            .collect()
    }))
}

/// Where the second field says that the first one is.
fn place(tail: &[u8; TAIL_BYTES]) -> Option<u64> {
    let mut reader = Reader::from_middle(&tail[..], 0, 0, Dialect::Redis);
    let Ok(Some(Event::Aux { name, value })) = reader.next_event() else {
        return None;
    };
    let is_ours = name == PLACE_NAME && value.len() == PLACE_DIGITS;
    let digits = std::str::from_utf8(value).ok().filter(|_| is_ours)?;
    let place = u64::from_str_radix(digits, 16).ok()?;
    (reader.position() + 9 == TAIL_BYTES as u64).then_some(place)
}

/// Where the sections begin: the first at 0, the last before `lengths_at`.
fn starts(field: &[u8], lengths_at: u64) -> Option<Vec<u64>> {
    let mut reader = Reader::from_middle(field, 0, 0, Dialect::Redis);
    let Ok(Some(Event::Aux { name, value })) = reader.next_event() else {
        return None;
    };
    let lengths = std::str::from_utf8(value)
        .ok()
        .filter(|_| name == LENGTHS_NAME)?;
    let mut starts = vec![0_u64];
    for length in lengths.split(' ') {
        let length = length.parse::<u64>().ok().filter(|length| *length > 0)?;
        let start = starts.last()?.checked_add(length)?;
        starts.push(start);
    }
    let ends_with_it = reader.position() == field.len() as u64;
    (ends_with_it && *starts.last()? < lengths_at).then_some(starts)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use rdb_format::{Compression, Target};

    use super::*;

    fn encoder() -> Encoder {
        Encoder::new(Target::default(), Compression::Lzf)
    }

    /// A file of so many bytes before its marks.
    fn file(marks: &Marks, bytes: usize) -> (File, u64) {
        let mut out = vec![0; bytes];
        marks.encode(&mut encoder(), &mut out, bytes as u64);
        encoder().end(&mut out, None);
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&out).unwrap();
        (file, out.len() as u64)
    }

    fn offering(step: u64, count: u64) -> Marks {
        let mut marks = Marks::new();
        for number in 1..=count {
            marks.offer(number * step);
        }
        marks
    }

    #[test]
    fn sections_are_those_that_were_marked() {
        let (file, bytes) = file(&offering(SECTION_BYTES, 2), 3 << 20);
        let first = SECTION_BYTES;
        let sections = sections(&file, bytes).unwrap().unwrap();
        assert_eq!(sections, [0..first, first..2 * first, 2 * first..bytes]);
    }

    #[test]
    fn marks_stay_few_however_long_the_file() {
        let marks = offering(SECTION_BYTES / 2, 100_000);
        assert!((100..=MARKS_MAX).contains(&marks.offsets.len()));
        let mut last = 0;
        for offset in &marks.offsets {
            assert!(offset - last >= marks.section_bytes);
            assert!(offset - last <= 2 * marks.section_bytes, "{offset}");
            last = *offset;
        }
        let mut field = Vec::new();
        marks.encode(&mut encoder(), &mut field, u64::MAX);
        assert!((field.len() as u64) < LENGTHS_BYTES_MAX);
    }

    #[test]
    fn small_file_has_none() {
        let (file, bytes) = file(&offering(SECTION_BYTES - 1, 1), 1000);
        assert_eq!(bytes, 1009);
        assert_eq!(sections(&file, bytes).unwrap(), None);
    }

    #[test]
    fn fields_with_a_byte_changed_never_name_a_place_beyond_the_file() {
        let marks = offering(SECTION_BYTES, 3);
        let start = 4 << 20;
        let (mut file, bytes) = file(&marks, start);
        let mut found = 0;
        for at in start as u64..bytes {
            let mut byte = [0];
            file.read_exact_at(&mut byte, at).unwrap();
            for bit in 0..8 {
                file.write_all_at(&[byte[0] ^ 1 << bit], at).unwrap();
                for section in sections(&file, bytes).unwrap().unwrap_or_default() {
                    assert!(section.start < section.end && section.end <= bytes);
                    found += 1;
                }
            }
            file.write_all_at(&byte, at).unwrap();
        }
        assert!(found > 0, "some changes make other numbers");
        file.flush().unwrap();
    }
}
