//! The way back of one answer: filled once, or known to be lost.

#[cfg(planted)]
use crate::planted::{Plant, is_active};
use crate::sync::{Condvar, Mutex, Spin, Waited};
use std::mem;
use std::sync::Arc;
use std::time::Instant;

/// Makes the two ends of one answer.
pub(crate) fn reply<R>() -> (Replier<R>, Awaiter<R>) {
    let cell = Arc::new(ReplyCell {
        answer: Mutex::new(Answer::Pending),
        changed: Condvar::new(),
    });
    (
        Replier {
            cell: Arc::clone(&cell),
        },
        Awaiter { cell },
    )
}

#[derive(Debug)]
struct ReplyCell<R> {
    answer: Mutex<Answer<R>>,
    changed: Condvar,
}

/// What has become of an answer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Answer<R> {
    /// It has not come, though the deadline has, if there was one.
    Pending,
    /// It has come.
    Filled(R),
    /// It will never come: the end that was to give it was dropped.
    Lost,
}

/// The end that answers. Dropping it unused loses the answer.
#[derive(Debug)]
pub(crate) struct Replier<R> {
    cell: Arc<ReplyCell<R>>,
}

impl<R> Replier<R> {
    /// Gives the answer.
    pub(crate) fn fill(self, answer: R) {
        *self.cell.answer.lock() = Answer::Filled(answer);
        // The drop that follows notifies.
    }
}

impl<R> Drop for Replier<R> {
    fn drop(&mut self) {
        let mut answer = self.cell.answer.lock();
        if matches!(*answer, Answer::Pending) {
            *answer = Answer::Lost;
            #[cfg(planted)]
            if is_active(Plant::ReplyLostWithoutWake) {
                return;
            }
        }
        drop(answer);
        self.cell.changed.notify_one();
    }
}

/// The end that waits.
#[derive(Debug)]
pub(crate) struct Awaiter<R> {
    cell: Arc<ReplyCell<R>>,
}

impl<R> Awaiter<R> {
    /// Waits for the answer, until `deadline` if there is one, and takes it.
    pub(crate) fn wait(&self, deadline: Option<Instant>) -> Answer<R> {
        let spin = Spin::new();
        let pending = |answer: &Answer<R>| matches!(answer, Answer::Pending);
        while pending(&self.cell.answer.lock()) && spin.again() {}
        let mut answer = self.cell.answer.lock();
        while pending(&answer) {
            let waited;
            (answer, waited) = self.cell.changed.wait(answer, deadline);
            if waited == Waited::TimedOut {
                break;
            }
        }
        match *answer {
            Answer::Pending => Answer::Pending,
            Answer::Filled(_) | Answer::Lost => mem::replace(&mut *answer, Answer::Lost),
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn late_answer_can_be_awaited_again() {
        let (replier, awaiter) = reply();
        assert_eq!(awaiter.wait(Some(Instant::now())), Answer::Pending);
        replier.fill(7);
        assert_eq!(awaiter.wait(None), Answer::Filled(7));
    }

    #[test]
    fn answer_is_taken_once() {
        let (replier, awaiter) = reply();
        replier.fill(7);
        assert_eq!(awaiter.wait(None), Answer::Filled(7));
        assert_eq!(awaiter.wait(None), Answer::Lost);
    }
}
