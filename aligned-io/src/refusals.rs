//! The kernel that says "not now", and how long it is believed.

use std::io;
use std::thread;

/// How often the kernel may say "not now" in a row before it is taken for a failure.
const REFUSALS_MAX: u32 = 1000;

/// How often in a row the kernel said "not now".
#[derive(Debug, Default)]
pub(crate) struct Refusals(u32);

impl Refusals {
    /// How many entries were submitted; `None` where the kernel asks to try again.
    ///
    /// # Errors
    ///
    /// What else it said, or what it said too often.
    pub(crate) fn bear(&mut self, outcome: io::Result<usize>) -> io::Result<Option<usize>> {
        match outcome {
            Ok(submitted) => {
                self.0 = 0;
                Ok(Some(submitted))
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(None),
            Err(error) if asks_again(&error) && self.0 < REFUSALS_MAX => {
                self.0 += 1;
                thread::yield_now();
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }
}

/// Whether the kernel asks to try again (`EINTR`, `EAGAIN`, `EBUSY`) rather than fails.
pub(crate) fn asks_again(error: &io::Error) -> bool {
    use io::ErrorKind::{Interrupted, ResourceBusy, WouldBlock};
    matches!(error.kind(), Interrupted | WouldBlock | ResourceBusy)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(kind: io::ErrorKind) -> io::Result<usize> {
        Err(kind.into())
    }

    #[test]
    fn kernel_is_asked_again_until_it_refuses_too_often_in_a_row() {
        let mut refusals = Refusals::default();
        for _ in 0..2 {
            for _ in 0..REFUSALS_MAX {
                let borne = refusals.bear(refused(io::ErrorKind::ResourceBusy));
                assert_eq!(borne.unwrap(), None);
            }
            assert_eq!(refusals.bear(Ok(3)).unwrap(), Some(3));
        }
        for _ in 0..REFUSALS_MAX {
            refusals.bear(refused(io::ErrorKind::WouldBlock)).unwrap();
        }
        let error = refusals
            .bear(refused(io::ErrorKind::WouldBlock))
            .unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
    }

    #[test]
    fn interruptions_do_not_count_and_other_errors_are_final() {
        let mut refusals = Refusals::default();
        for _ in 0..=REFUSALS_MAX {
            let borne = refusals.bear(refused(io::ErrorKind::Interrupted));
            assert_eq!(borne.unwrap(), None);
        }
        assert!(refusals.bear(refused(io::ErrorKind::InvalidInput)).is_err());
    }
}
