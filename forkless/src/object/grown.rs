//! Strings that are appended to, again and again, and can tell what was appended.

use std::collections::VecDeque;

use parking_lot::Mutex;

use crate::object::log::{LOG_BYTES_MAX, WEIGHT_BYTES_MIN, next_name};
#[cfg(planted)]
use crate::object::planted::Bug;

/// How many states have names: about one for each stream that follows.
const NAMES_MAX: usize = 16;

/// Bytes with room for more behind them.
///
/// Nothing needs to be kept of what was appended since a state was named but where it began: it
/// is what the string ends with.
#[derive(Debug, Default)]
pub(crate) struct Grown {
    bytes: Vec<u8>,
    /// Names of states, and how long the string was then. The oldest first. Locked, since views
    /// on other threads share it; they never look at it.
    names: Mutex<VecDeque<(u64, usize)>>,
}

impl Grown {
    /// The bytes `first`, with `more` behind them.
    pub(crate) fn new(first: &[u8], more: &[u8]) -> Self {
        let mut grown = Self::default();
        grown.reserve(first.len() + more.len());
        grown.bytes.extend_from_slice(first);
        grown.append(more);
        grown
    }

    /// The same string, of which somebody else keeps what it is now, with `more` behind it.
    pub(crate) fn with(&self, more: &[u8]) -> Self {
        Self {
            names: Mutex::new(self.names.lock().clone()),
            ..Self::new(&self.bytes, more)
        }
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// What it takes in memory, in bytes.
    pub(crate) fn weight_bytes(&self) -> usize {
        size_of::<Self>() + self.bytes.capacity()
    }

    /// Puts more behind it: O(1) for each byte, on average.
    pub(crate) fn append(&mut self, more: &[u8]) {
        self.reserve(more.len());
        self.bytes.extend_from_slice(more);
    }

    /// Makes room for so many bytes, and for an eighth more if there is none: little enough to
    /// keep, and enough that few appends move all of them.
    fn reserve(&mut self, bytes: usize) {
        if self.bytes.capacity() - self.bytes.len() < bytes {
            self.bytes.reserve_exact(bytes + self.bytes.len() / 8);
        }
    }

    /// Names the state that it has now; `None` if it is so short that the whole is as good.
    pub(crate) fn mark(&self) -> Option<u64> {
        let end = self.bytes.len();
        if end < WEIGHT_BYTES_MIN {
            return None;
        }
        let mut names = self.names.lock();
        match names.back() {
            Some(&(name, at)) if at == end => return Some(name),
            #[cfg(planted)]
            Some(&(name, _)) if Bug::NameOutlivesState.is_planted() => return Some(name),
            _ => {}
        }
        if names.len() >= NAMES_MAX {
            names.pop_front();
        }
        let name = next_name();
        names.push_back((name, end));
        Some(name)
    }

    /// What was appended since the state had this name; `None` if that is not known, or too much.
    pub(crate) fn since(&self, name: u64) -> Option<&[u8]> {
        let names = self.names.lock();
        let (_, at) = names.iter().rev().find(|(of, _)| *of == name)?;
        let appended = self.bytes.get(*at..)?;
        #[cfg(planted)]
        let appended = match appended {
            [_, rest @ ..] if Bug::DeltaBeginsLate.is_planted() => rest,
            [rest @ .., _] if Bug::DeltaEndsEarly.is_planted() => rest,
            appended => appended,
        };
        (appended.len() < LOG_BYTES_MAX).then_some(appended)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_appended_since_each_named_state_is_known() {
        let mut grown = Grown::new(&[b'a'; WEIGHT_BYTES_MIN], b"");
        let first = grown.mark().unwrap();
        assert_eq!(grown.mark(), Some(first));
        grown.append(b"one");
        let second = grown.mark().unwrap();
        grown.append(b"two");
        assert_eq!(grown.since(first), Some(&b"onetwo"[..]));
        assert_eq!(grown.since(second), Some(&b"two"[..]));
        assert_eq!(grown.since(0), None);
        let copy = grown.with(b"three");
        assert_eq!(copy.since(second), Some(&b"twothree"[..]));
        assert_eq!(grown.since(second), Some(&b"two"[..]));
    }

    #[test]
    fn short_strings_and_long_changes_are_told_as_a_whole() {
        let short = Grown::new(&[b'a'; WEIGHT_BYTES_MIN - 1], b"");
        assert_eq!(short.mark(), None);
        let mut grown = Grown::new(&[b'a'; WEIGHT_BYTES_MIN], b"");
        let first = grown.mark().unwrap();
        grown.append(&vec![b'b'; LOG_BYTES_MAX]);
        assert_eq!(grown.since(first), None);
        for _ in 0..NAMES_MAX {
            grown.mark().unwrap();
            grown.append(b"c");
        }
        assert_eq!(grown.names.lock().len(), NAMES_MAX);
    }

    #[test]
    fn room_is_made_ahead_but_not_much_of_it() {
        let mut grown = Grown::new(&vec![b'a'; 100_000], b"");
        let mut moved = 0;
        for _ in 0..100_000 {
            let before = grown.bytes.capacity();
            grown.append(b"b");
            moved += usize::from(grown.bytes.capacity() != before);
        }
        assert!(moved < 10, "{moved}");
        assert!(grown.weight_bytes() < 200_000 * 9 / 8 + 1000);
    }
}
