//! The last changes of a collection, for streams that have told what it held before them.

use std::cell::Cell;
use std::collections::VecDeque;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

#[cfg(planted)]
use crate::object::planted::Bug;

/// Collections that weigh less, in bytes, are told as a whole: that is as good as their changes.
pub(crate) const WEIGHT_BYTES_MIN: usize = 2 << 10;

/// Changes take no more than a quarter of the weight of their collection, and than this, in bytes.
pub(crate) const LOG_BYTES_MAX: usize = 512 << 10;

/// What a state is named with, next; 0 is no name.
static NEXT_NAME: AtomicU64 = AtomicU64::new(1);

/// A name that no state of any value has had.
pub(crate) fn next_name() -> u64 {
    // Relaxed: names only differ.
    NEXT_NAME.fetch_add(1, Ordering::Relaxed)
}

/// The last changes of a collection, as [`Step`](crate::object::delta::Step)s one after the other.
///
/// Nothing is kept until a state is named, and nothing for long when nobody names one any more:
/// the oldest changes are dropped with the names of the states before them, and without names
/// there is nothing to keep.
#[derive(Default)]
pub(crate) struct Log(Cell<Option<Box<Kept>>>);

#[derive(Debug, Default)]
struct Kept {
    /// Names of states, and how many of the bytes come before each. The oldest first.
    names: VecDeque<(u64, usize)>,
    bytes: Vec<u8>,
}

impl Log {
    /// Names the state that the collection has now, of such a weight; `None` if it is not worth
    /// it.
    pub(crate) fn mark(&self, weight_bytes: usize) -> Option<u64> {
        if weight_bytes < WEIGHT_BYTES_MIN {
            return None;
        }
        let mut kept = self.0.take().unwrap_or_default();
        let end = kept.bytes.len();
        let name = match kept.names.back() {
            Some(&(name, at)) if at == end => name,
            #[cfg(planted)]
            Some(&(name, _)) if Bug::NameOutlivesState.is_planted() => name,
            _ => {
                let name = next_name();
                kept.names.push_back((name, end));
                name
            }
        };
        self.0.set(Some(kept));
        Some(name)
    }

    /// The collection changes, which weighs so much: `write` appends how.
    #[inline]
    pub(crate) fn record(&mut self, weight_bytes: usize, write: impl FnOnce(&mut Vec<u8>)) {
        if let Some(kept) = self.0.get_mut() {
            write(&mut kept.bytes);
            if kept.bytes.len() > LOG_BYTES_MAX.min(weight_bytes / 4) {
                kept.trim();
                if kept.names.is_empty() {
                    self.0.set(None);
                }
            }
        }
    }

    /// Appends what has changed since the state had this name; whether that is known.
    pub(crate) fn since(&self, name: u64, out: &mut Vec<u8>) -> bool {
        let kept = self.0.take();
        let changes = kept.as_ref().and_then(|kept| kept.since(name));
        #[cfg(planted)]
        let changes = changes.map(Bug::maim);
        let is_known = changes.map(|bytes| out.extend_from_slice(bytes)).is_some();
        self.0.set(kept);
        is_known
    }

    /// What it takes in memory, in bytes.
    pub(crate) fn weight_bytes(&self) -> usize {
        let kept = self.0.take();
        let bytes = kept.as_ref().map_or(0, |kept| {
            kept.bytes.capacity() + kept.names.capacity() * size_of::<(u64, usize)>()
        });
        self.0.set(kept);
        bytes
    }
}

impl Kept {
    fn since(&self, name: u64) -> Option<&[u8]> {
        // The states that are asked for are the last that were named.
        let mut names = self.names.iter().rev();
        let (_, at) = names.find(|(of, _)| *of == name)?;
        self.bytes.get(*at..)
    }

    /// Drops the older half of the changes, up to a state with a name.
    fn trim(&mut self) {
        let half = self.bytes.len() / 2;
        while self.names.pop_front_if(|(_, at)| *at < half).is_some() {}
        let end = self.bytes.len();
        let dropped = self.names.front().map_or(end, |(_, at)| *at);
        self.bytes.drain(..dropped);
        #[cfg(planted)]
        if Bug::TrimKeepsPlaces.is_planted() {
            return;
        }
        for (_, at) in &mut self.names {
            *at -= dropped;
        }
    }
}

impl fmt::Debug for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = self.weight_bytes();
        f.debug_struct("Log").field("weight_bytes", &bytes).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn since(log: &Log, name: u64) -> Option<Vec<u8>> {
        let mut out = Vec::new();
        log.since(name, &mut out).then_some(out)
    }

    #[test]
    fn changes_since_each_named_state_are_known() {
        let mut log = Log::default();
        log.record(10_000, |out| out.push(1));
        assert_eq!((log.weight_bytes(), log.mark(10)), (0, None));
        let first = log.mark(10_000).unwrap();
        assert_eq!(log.mark(10_000), Some(first), "nothing has changed");
        log.record(10_000, |out| out.push(2));
        let second = log.mark(10_000).unwrap();
        log.record(10_000, |out| out.push(3));
        assert_eq!(since(&log, first), Some(vec![2, 3]));
        assert_eq!(since(&log, second), Some(vec![3]));
        let other = Log::default().mark(10_000).unwrap();
        assert_eq!((since(&log, other), since(&log, 0)), (None, None));
    }

    #[test]
    fn log_is_bounded_and_ends_when_nobody_asks() {
        let mut log = Log::default();
        let first = log.mark(4000).unwrap();
        for _ in 0..600 {
            log.record(4000, |out| out.extend_from_slice(b"ab"));
        }
        assert_eq!(
            since(&log, first),
            None,
            "1200 bytes are more than a quarter"
        );
        let last = log.mark(4000).unwrap();
        log.record(4000, |out| out.extend_from_slice(b"c"));
        assert_eq!(since(&log, last), Some(b"c".to_vec()));
        for _ in 0..5000 {
            log.record(4000, |out| out.extend_from_slice(b"ab"));
            assert!(log.weight_bytes() < 4000);
        }
        assert_eq!(log.weight_bytes(), 0);
    }
}
