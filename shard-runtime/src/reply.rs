//! The way back of one answer: filled once, or known to be lost.

#[cfg(planted)]
use crate::planted::{Plant, is_active, is_unwinding};
use crate::sync::{AtomicBool, Condvar, Mutex, Ordering, Spin, Waited};
use std::mem;
use std::sync::Arc;
use std::task::{Poll, Waker};
use std::time::Instant;

/// Makes the two ends of one answer.
pub(crate) fn reply<R>() -> (Replier<R>, Awaiter<R>) {
    Awaiter::on(Arc::new(ReplyCell::new()))
}

/// Where an answer is left. Its ends share it.
#[derive(Debug)]
pub(crate) struct ReplyCell<R> {
    state: Mutex<State<R>>,
    /// The awaiter sleeps here.
    changed: Condvar,
    /// A hint for who spins: the answer is no longer pending. The truth is under the lock.
    settled_hint: AtomicBool,
}

#[derive(Debug)]
struct State<R> {
    answer: Answer<R>,
    /// To be woken when the answer is no longer pending.
    waker: Option<Waker>,
}

/// What has become of an answer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Answer<R> {
    /// It has not come, though the deadline has, if there was one.
    Pending,
    /// It has come.
    Filled(R),
    /// It will never come: what was to give it panicked, with this message.
    Panicked(Arc<str>),
    /// It will never come: the end that was to give it was dropped.
    Lost,
    /// It had come, and was taken.
    Taken,
}

impl<R> ReplyCell<R> {
    pub(crate) fn new() -> Self {
        Self {
            state: Mutex::new(State {
                answer: Answer::Pending,
                waker: None,
            }),
            changed: Condvar::new(),
            settled_hint: AtomicBool::new(false),
        }
    }

    fn settle(&self, answer: Answer<R>) {
        let mut state = self.state.lock();
        state.answer = answer;
        let waker = state.waker.take();
        drop(state);
        // Relaxed: who sees it takes the lock, who does not sleeps until the next line.
        self.settled_hint.store(true, Ordering::Relaxed);
        #[cfg(planted)]
        if is_active(Plant::ReplySettleWithoutWake) {
            return;
        }
        self.changed.notify_one();
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

/// The end that answers. Dropping it unused loses the answer.
#[derive(Debug)]
pub(crate) struct Replier<R> {
    /// Taken when the answer is settled.
    cell: Option<Arc<ReplyCell<R>>>,
}

impl<R> Replier<R> {
    /// Gives the answer.
    pub(crate) fn fill(mut self, answer: R) {
        self.settle(Answer::Filled(answer));
    }

    /// Says that the answer will never come, since what was to give it panicked.
    pub(crate) fn fail(mut self, message: Arc<str>) {
        self.settle(Answer::Panicked(message));
    }

    fn settle(&mut self, answer: Answer<R>) {
        if let Some(cell) = self.cell.take() {
            cell.settle(answer);
        }
    }
}

impl<R> Drop for Replier<R> {
    fn drop(&mut self) {
        #[cfg(planted)]
        if is_unwinding() {
            return;
        }
        self.settle(Answer::Lost);
    }
}

/// The end that waits.
#[derive(Debug)]
pub(crate) struct Awaiter<R> {
    cell: Arc<ReplyCell<R>>,
}

impl<R> Awaiter<R> {
    /// The two ends of an answer that will be left in `cell`, which is new.
    pub(crate) fn on(cell: Arc<ReplyCell<R>>) -> (Replier<R>, Self) {
        let replier = Replier {
            cell: Some(Arc::clone(&cell)),
        };
        (replier, Self { cell })
    }

    /// Waits for the answer, until `deadline` if there is one, and takes it.
    pub(crate) fn wait(&self, deadline: Option<Instant>) -> Answer<R> {
        let spin = Spin::new();
        // Relaxed: a hint, as `settle` explains.
        loop {
            if self.cell.settled_hint.load(Ordering::Relaxed) || !spin.again() {
                break;
            }
        }
        let mut state = self.cell.state.lock();
        while state.is_pending() {
            let waited;
            (state, waited) = self.cell.changed.wait(state, deadline);
            if waited == Waited::TimedOut {
                break;
            }
        }
        state.take()
    }

    /// Takes the answer if it has come.
    pub(crate) fn try_take(&self) -> Answer<R> {
        self.cell.state.lock().take()
    }

    /// Takes the answer if it has come; if not, `waker` will be woken when it has. Only the last
    /// waker given is.
    pub(crate) fn poll(&self, waker: &Waker) -> Poll<Answer<R>> {
        let mut state = self.cell.state.lock();
        if !state.is_pending() {
            return Poll::Ready(state.take());
        }
        #[cfg(planted)]
        if is_active(Plant::ReplyLateWaker) {
            drop(state);
            state = self.cell.state.lock();
        }
        let known = state.waker.as_ref().is_some_and(|old| old.will_wake(waker));
        #[cfg(planted)]
        let known = known || (state.waker.is_some() && is_active(Plant::ReplyKeepsOldWaker));
        if !known {
            let old = state.waker.replace(waker.clone());
            // Dropping a waker runs code of its owner, who may look at this answer.
            drop(state);
            drop(old);
        }
        Poll::Pending
    }

    /// Lets go of the waker of the last [`poll`](Self::poll).
    pub(crate) fn forget_waker(&self) {
        let waker = self.cell.state.lock().waker.take();
        drop(waker);
    }
}

impl<R> State<R> {
    fn is_pending(&self) -> bool {
        matches!(self.answer, Answer::Pending)
    }

    fn take(&mut self) -> Answer<R> {
        match self.answer {
            Answer::Pending => Answer::Pending,
            _ => mem::replace(&mut self.answer, Answer::Taken),
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicUsize;
    use std::task::Wake;

    #[derive(Default)]
    struct Counting(AtomicUsize);

    impl Wake for Counting {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn late_answer_can_be_awaited_again() {
        let (replier, awaiter) = reply();
        assert_eq!(awaiter.wait(Some(Instant::now())), Answer::Pending);
        assert_eq!(awaiter.try_take(), Answer::Pending);
        replier.fill(7);
        assert_eq!(awaiter.wait(None), Answer::Filled(7));
    }

    #[test]
    fn answer_is_taken_once() {
        let (replier, awaiter) = reply();
        replier.fill(7);
        assert_eq!(awaiter.try_take(), Answer::Filled(7));
        assert_eq!(awaiter.wait(None), Answer::Taken);
        assert_eq!(awaiter.poll(Waker::noop()), Poll::Ready(Answer::Taken));
    }

    #[test]
    fn failure_carries_its_message() {
        let (replier, awaiter) = reply::<()>();
        replier.fail("boom".into());
        assert_eq!(awaiter.wait(None), Answer::Panicked("boom".into()));
    }

    #[test]
    fn last_waker_is_woken_once_and_the_others_are_let_go() {
        let wakers = [(), ()].map(|()| Arc::new(Counting::default()));
        let (replier, awaiter) = reply();
        for counting in &wakers {
            let waker = Waker::from(Arc::clone(counting));
            assert_eq!(awaiter.poll(&waker), Poll::Pending);
            assert_eq!(awaiter.poll(&waker), Poll::Pending);
        }
        assert_eq!(
            [0, 1].map(|index| Arc::strong_count(&wakers[index])),
            [1, 2]
        );
        replier.fill(7);
        assert_eq!(
            [0, 1].map(|index| wakers[index].0.load(Ordering::Relaxed)),
            [0, 1]
        );
        assert_eq!(Arc::strong_count(&wakers[1]), 1);
        assert_eq!(awaiter.poll(Waker::noop()), Poll::Ready(Answer::Filled(7)));
    }

    #[test]
    fn forgotten_waker_is_let_go_and_not_woken() {
        let counting = Arc::new(Counting::default());
        let (replier, awaiter) = reply();
        assert_eq!(
            awaiter.poll(&Waker::from(Arc::clone(&counting))),
            Poll::Pending
        );
        awaiter.forget_waker();
        assert_eq!(Arc::strong_count(&counting), 1);
        replier.fill(7);
        assert_eq!(counting.0.load(Ordering::Relaxed), 0);
    }
}
