//! A key and its string at once, if both are in the window.

use super::Input;
use crate::length::WIDE_32;
use crate::opcode::EXPIRE_MS;
use crate::reader::{EXPIRE_NEVER_MS, StringEntry};
use crate::source::Source;
use crate::value_type::ValueType;

const STRING: u8 = ValueType::String as u8;

impl<S: Source> Input<S> {
    /// Passes a string with its key and, if it has one, its time in milliseconds; `None`, and
    /// nothing is passed, if something else comes next or the window ends before it does.
    #[inline]
    pub(crate) fn string_entry(&mut self) -> Option<StringEntry<'_>> {
        self.commit();
        let window = self.source.window();
        let (expire_at_ms, entry) = match window.split_first()? {
            (&EXPIRE_MS, rest) => {
                let (at_ms, rest) = rest.split_first_chunk()?;
                let at_ms = i64::from_le_bytes(*at_ms);
                (Some(at_ms).filter(|at| *at != EXPIRE_NEVER_MS), rest)
            }
            _ => (None, window),
        };
        let (&STRING, rest) = entry.split_first()? else {
            return None;
        };
        let (key, rest) = string(rest)?;
        let (value, rest) = string(rest)?;
        if key.len().max(value.len()) as u64 > self.limits.string_bytes_max {
            return None;
        }
        let before = window.len().wrapping_sub(entry.len());
        self.at = window.len().wrapping_sub(rest.len());
        Some(StringEntry {
            key,
            value,
            expire_at_ms,
            offset: self.base.wrapping_add(before as u64),
        })
    }
}

/// A string that is stored as it is, and what follows it.
#[inline]
fn string(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (lead, rest) = bytes.split_first()?;
    let (length, rest) = match *lead {
        lead @ 0..=0x3f => (usize::from(lead), rest),
        lead @ 0x40..=0x7f => {
            let (low, rest) = rest.split_first()?;
            let length = u16::from_be_bytes([lead & 0x3f, *low]);
            (usize::from(length), rest)
        }
        WIDE_32 => {
            let (length, rest) = rest.split_first_chunk()?;
            (usize::try_from(u32::from_be_bytes(*length)).ok()?, rest)
        }
        // Longer ones are in no window, and from here on strings are not stored as they are.
        _ => return None,
    };
    rest.split_at_checked(length)
}
