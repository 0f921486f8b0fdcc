//! Bugs planted on purpose, so that the tests can show that they would find them. Only under
//! `--cfg planted`.

use std::cell::Cell;

use crate::object::delta::Step;

/// A way to tell a replica something else than what has changed in a collection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Bug {
    /// A delta begins behind its first change.
    DeltaBeginsLate,
    /// A delta ends before its last change.
    DeltaEndsEarly,
    /// A state has the name of an older one, so a delta since then repeats changes.
    NameOutlivesState,
    /// When a log drops its oldest changes, names keep their places among the bytes.
    TrimKeepsPlaces,
}

thread_local! {
    static PLANTED: Cell<Option<Bug>> = const { Cell::new(None) };
}

impl Bug {
    /// Does the work on this thread with the bug.
    pub fn during<R>(self, work: impl FnOnce() -> R) -> R {
        struct Weeding;
        impl Drop for Weeding {
            fn drop(&mut self) {
                PLANTED.set(None);
            }
        }
        PLANTED.set(Some(self));
        let _weeding = Weeding;
        work()
    }

    pub(crate) fn is_planted(self) -> bool {
        PLANTED.get() == Some(self)
    }

    /// What is told of these changes.
    pub(crate) fn maim(changes: &[u8]) -> &[u8] {
        let mut rest = changes;
        if Self::DeltaBeginsLate.is_planted() {
            Step::read(&mut rest);
            return rest;
        }
        let mut last = rest;
        while Self::DeltaEndsEarly.is_planted() && !rest.is_empty() {
            last = rest;
            Step::read(&mut rest);
        }
        &changes[..changes.len() - (last.len() - rest.len())]
    }
}
