//! The linked steps that end a file: what their completions say together.

use std::io;

use rustix::io::Errno;

use crate::backend::Sealed;
use crate::transfer::Completion;

/// What came back of the chain that ends a file: the last write, the cut, the fsync.
#[derive(Debug)]
pub(crate) struct Chained {
    /// Whether the kernel took only a part of the chain at first. A link does not reach from one
    /// submission into the next, so the steps may have come in any order.
    pub(crate) is_torn: bool,
    /// The last write, if it was not whole.
    pub(crate) unwritten: Option<Completion>,
    pub(crate) cut: io::Result<usize>,
    pub(crate) synced: io::Result<usize>,
}

impl Chained {
    /// How far the file came; `None` if the cut and the fsync must be done again, after what was
    /// written is there.
    pub(crate) fn outcome(self) -> Option<Sealed> {
        Some(match (self.synced, self.unwritten, self.cut) {
            // It has told of a loss, of which another one may say nothing.
            (Err(error), ..) if !is_cancelled(&error) => Sealed::NotSynced(error),
            (_, Some(unwritten), _) => Sealed::Incomplete(unwritten),
            _ if self.is_torn => return None,
            (_, None, Err(error)) => Sealed::NotCut(error),
            (Err(error), None, Ok(_)) => Sealed::NotSynced(error),
            (Ok(_), None, Ok(_)) => Sealed::Durable,
        })
    }
}

/// Whether an entry was not even begun, because one that it is linked to failed.
fn is_cancelled(error: &io::Error) -> bool {
    Errno::from_io_error(error) == Some(Errno::CANCELED)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn torn_chain_is_never_taken_for_durable_and_never_hides_a_failed_sync() {
        let chained = |is_torn, cut, synced: Result<usize, Errno>| Chained {
            is_torn,
            unwritten: None,
            cut,
            synced: synced.map_err(io::Error::from),
        };
        let whole = chained(false, Ok(0), Ok(0)).outcome();
        assert!(matches!(whole, Some(Sealed::Durable)), "{whole:?}");
        assert!(chained(true, Ok(0), Ok(0)).outcome().is_none());
        for is_torn in [false, true] {
            let lost = chained(is_torn, Ok(0), Err(Errno::IO)).outcome();
            assert!(matches!(lost, Some(Sealed::NotSynced(_))), "{lost:?}");
        }
        let refused = || Err(io::Error::from(Errno::INVAL));
        let uncut = chained(false, refused(), Err(Errno::CANCELED)).outcome();
        assert!(matches!(uncut, Some(Sealed::NotCut(_))), "{uncut:?}");
        let uncut = chained(true, refused(), Err(Errno::CANCELED)).outcome();
        assert!(uncut.is_none(), "{uncut:?}");
    }
}
