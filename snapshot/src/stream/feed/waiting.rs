//! Whole blobs that a feed keeps until there is room for them.

use std::collections::VecDeque;

use crate::blob::Blob;

/// Blobs in the order of the stream, each with the number of the step that made it whole: of the
/// bucket, or of the change.
#[derive(Default)]
pub(super) struct Waiting {
    blobs: VecDeque<(u64, Blob)>,
    bytes: usize,
}

impl Waiting {
    /// What the blobs weigh, in bytes.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn push(&mut self, step: u64, blob: Blob) {
        self.bytes += blob.load_bytes();
        self.blobs.push_back((step, blob));
    }

    /// The blob that is the next to go, with its step.
    pub(super) fn pop(&mut self) -> Option<(u64, Blob)> {
        let (step, blob) = self.blobs.pop_front()?;
        self.bytes -= blob.load_bytes();
        Some((step, blob))
    }

    /// Takes back what was [`pop`](Self::pop)ped last.
    pub(super) fn put_back(&mut self, step: u64, blob: Blob) {
        self.bytes += blob.load_bytes();
        self.blobs.push_front((step, blob));
    }

    /// What the blobs with riders of one step weigh, of the first step that has any, in bytes.
    pub(super) fn next_riders_bytes(&self) -> usize {
        let blobs = self.blobs.iter();
        let mut riders = blobs.filter(|(_, blob)| !blob.riders.is_empty()).peekable();
        let first = riders.peek().map(|(step, _)| *step);
        let riders = riders.take_while(|(step, _)| Some(*step) == first);
        riders.map(|(_, blob)| blob.load_bytes()).sum()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::copies::{Account, Ledger};
    use crate::key::Key;
    use crate::owned::Owned;
    use crate::planted::Plant;
    use crate::producer::WhenSpent;
    use crate::rider::Rider;
    use crate::shared::Shared;
    use crate::value::Value;

    fn with_bytes(bytes: usize) -> Blob {
        let mut blob = Blob::hollow();
        blob.bytes.resize(bytes, 0);
        blob
    }

    fn with_rider(bytes: usize) -> Blob {
        let ledger = Ledger::new(0, WhenSpent::Fail);
        let shared = Arc::new(Shared::new(Vec::new(), ledger, Plant::default()));
        let account = Account::open(&shared);
        let value = Owned::new(rdb_format::Value::String(vec![0; bytes]), None);
        let mut blob = Blob::hollow();
        blob.add_rider(Rider {
            database: 0,
            key: Key::from(&b"key"[..]),
            value_type: value.value_type(),
            expire_at_ms: None,
            weight_bytes: bytes,
            frozen: value.freeze(account.copies()),
            account,
        });
        blob
    }

    #[test]
    fn riders_of_one_step_are_told_wherever_they_stand() {
        let mut waiting = Waiting::default();
        waiting.push(7, with_bytes(100));
        assert_eq!((waiting.bytes(), waiting.next_riders_bytes()), (100, 0));
        for (step, bytes) in [(7, 1000), (7, 2000), (8, 4000)] {
            waiting.push(step, with_rider(bytes));
            waiting.push(step, with_bytes(10));
        }
        let riders = waiting.next_riders_bytes();
        assert!((3000..3100).contains(&riders), "{riders}");
        let (step, blob) = waiting.pop().unwrap();
        assert_eq!((step, blob.load_bytes()), (7, 100));
        waiting.put_back(step, blob);
        assert_eq!(waiting.next_riders_bytes(), riders);
        // The first two are gone, and the bytes between them.
        for _ in 0..5 {
            waiting.pop().unwrap();
        }
        let riders = waiting.next_riders_bytes();
        assert!((4000..4100).contains(&riders), "{riders}");
        assert_eq!(waiting.bytes(), riders + 10);
    }
}
