//! The moment that shards have in common: they come to it, and one atomic says what became of it.
//!
//! A cut, or a transaction, takes two rounds. In the first, a message passes through the mailbox of
//! every shard that takes part, in its turn, and stops nobody; so what a client sent before it
//! asked has run by then, and a shard that is dead or stuck is found out while the others go on
//! serving. In the second, each of them gets an urgent message, served before anything that waits,
//! with which it takes its [`Seat`] at the [`Barrier`].
//!
//! To a transaction a shard *arrives*: it stands still until all others have. To a cut it only
//! *comes*, and goes on serving. Once all have come, the moment is now, whether they know it or
//! not: each looks at the atomic before everything it serves, and does its part first. What a shard
//! began before it could know of the moment is before it. What anybody does because he saw
//! something done after the moment finds the moment decided, wherever he does it: to have seen it
//! he was told by a shard that knew, and an atomic never goes back to what it was.
//!
//! All second rounds of a set are handed out one after the other, under one short lock, and a shard
//! begins with none before the one ahead of it is decided. So any two gatherings that share shards
//! come to all of these in the same order, and nobody waits crosswise.

#[cfg(planted)]
use crate::planted::{Plant, is_active, is_unwinding};
use crate::sync::{AtomicUsize, Condvar, Mutex, Ordering, Spin, Waited};
use std::sync::Arc;
use std::time::Instant;

/// Set in the barrier's state when the cut has failed.
const FAILED: usize = 1 << (usize::BITS - 1);

/// Where the shards of one cut or transaction meet. Decided once, for all.
#[derive(Debug)]
pub(crate) struct Barrier {
    /// How many shards have arrived, and [`FAILED`]. Decided when it equals `shards`, or when
    /// `FAILED` is set; never both, and never undone.
    state: AtomicUsize,
    shards: usize,
    /// Who has come and who will not, for the error message; and the way to sleep on `decided`.
    present: Mutex<Presence>,
    decided: Condvar,
}

#[derive(Debug)]
struct Presence {
    seats: Vec<Attendance>,
    /// The first seat that was given up.
    abandoned: Option<usize>,
}

/// How far the shard of one seat has got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Attendance {
    Absent,
    Present,
    /// It has begun with its part of a cut.
    Begun,
}

/// What became of a cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// All shards have arrived: the moment is now.
    Cut,
    /// Some shard will not arrive: no shard does anything.
    Failed,
}

impl Barrier {
    pub(crate) fn new(shards: usize) -> Self {
        Self {
            state: AtomicUsize::new(0),
            shards,
            present: Mutex::new(Presence {
                seats: vec![Attendance::Absent; shards],
                abandoned: None,
            }),
            decided: Condvar::new(),
        }
    }

    /// Waits until the cut is decided. If `deadline` comes first, it fails.
    pub(crate) fn wait(&self, deadline: Option<Instant>) -> Verdict {
        let spin = Spin::new();
        loop {
            if let Some(verdict) = self.verdict() {
                return verdict;
            }
            if !spin.again() {
                break;
            }
        }
        let mut present = self.present.lock();
        loop {
            if let Some(verdict) = self.verdict() {
                return verdict;
            }
            let waited;
            (present, waited) = self.decided.wait(present, deadline);
            if waited == Waited::TimedOut {
                drop(present);
                return self.fail();
            }
        }
    }

    /// Lets the cut fail, unless it has happened already. Returns what holds.
    fn fail(&self) -> Verdict {
        #[cfg(planted)]
        if is_active(Plant::CutFailLate) {
            self.state.fetch_or(FAILED, Ordering::AcqRel);
            self.announce();
            return Verdict::Failed;
        }
        // AcqRel: pairs with the Acquire in `verdict`, as in `arrive`.
        let failed = self
            .state
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |state| {
                (state != self.shards).then_some(state | FAILED)
            });
        match failed {
            Ok(_) => {
                self.announce();
                Verdict::Failed
            }
            Err(_) => Verdict::Cut,
        }
    }

    /// The first seat that nobody has taken.
    pub(crate) fn first_absent(&self) -> Option<usize> {
        let present = self.present.lock();
        let absent = |seat: &Attendance| *seat == Attendance::Absent;
        present.seats.iter().position(absent)
    }

    /// Whether the shard of a seat has begun with its part of a cut.
    pub(crate) fn has_begun(&self, seat: usize) -> bool {
        self.present.lock().seats.get(seat) == Some(&Attendance::Begun)
    }

    /// The first seat that was dropped and not taken: its shard has died, or is dying.
    pub(crate) fn abandoned(&self) -> Option<usize> {
        self.present.lock().abandoned
    }

    fn abandon(&self, seat: usize) {
        self.present.lock().abandoned.get_or_insert(seat);
        self.fail();
    }

    fn arrive(&self, seat: usize) {
        self.note(seat, Attendance::Present);
        // AcqRel: pairs with the Acquire in `verdict`. Whoever sees the last arrival sees all that
        // any shard did before its own, since the arrivals are one chain of read-modify-writes.
        let ordering = Ordering::AcqRel;
        #[cfg(planted)]
        let ordering = if is_active(Plant::CutArriveRelaxed) {
            Ordering::Relaxed
        } else {
            ordering
        };
        let before = self.state.fetch_add(1, ordering);
        assert!(
            before & !FAILED < self.shards,
            "more arrivals at a cut than there are shards"
        );
        if before + 1 == self.shards {
            self.announce();
        }
    }

    fn note(&self, seat: usize, attendance: Attendance) {
        if let Some(noted) = self.present.lock().seats.get_mut(seat) {
            *noted = attendance;
        }
    }

    fn verdict(&self) -> Option<Verdict> {
        // Acquire: pairs with the AcqRel in `arrive` and `fail`.
        let state = self.state.load(Ordering::Acquire);
        if state & FAILED != 0 {
            Some(Verdict::Failed)
        } else {
            (state == self.shards).then_some(Verdict::Cut)
        }
    }

    /// Wakes those who sleep.
    fn announce(&self) {
        // Whoever looked before the decision holds the lock until it sleeps; so from here on it
        // either sleeps, and is woken, or will look again.
        #[cfg(planted)]
        if is_active(Plant::CutAnnounceWithoutLock) {
            self.decided.notify_all();
            return;
        }
        drop(self.present.lock());
        self.decided.notify_all();
    }
}

/// Brings the cuts and transactions of one set into one order.
///
/// Each shard takes its seats in the order in which they were handed to it. If two cuts were
/// handed out crosswise, the shards would stand still for each other.
#[derive(Debug)]
pub(crate) struct Order(Mutex<()>);

impl Order {
    pub(crate) fn new() -> Self {
        Self(Mutex::new(()))
    }

    /// Runs `hand_out`, which hands out the seats of one barrier, while no other does.
    pub(crate) fn in_order<R>(&self, hand_out: impl FnOnce() -> R) -> R {
        #[cfg(planted)]
        if is_active(Plant::CutWithoutOrder) {
            return hand_out();
        }
        let _order = self.0.lock();
        hand_out()
    }
}

/// The right, and the duty, of one shard to arrive. Dropping it unused lets the cut fail.
#[derive(Debug)]
pub(crate) struct Seat {
    /// Taken on arrival.
    barrier: Option<Arc<Barrier>>,
    number: usize,
}

impl Seat {
    /// One of the seats of a barrier, counted from 0. Each must be given once.
    pub(crate) fn new(barrier: &Arc<Barrier>, number: usize) -> Self {
        Self {
            barrier: Some(Arc::clone(barrier)),
            number,
        }
    }

    /// Arrives, and stands still until the cut is decided.
    pub(crate) fn arrive(mut self, deadline: Option<Instant>) -> Verdict {
        let Some(barrier) = self.barrier.take() else {
            return Verdict::Failed;
        };
        barrier.arrive(self.number);
        #[cfg(planted)]
        if is_active(Plant::CutWithoutWait) {
            return Verdict::Cut;
        }
        barrier.wait(deadline)
    }

    /// Comes, and goes on. The moment may be there when the others have come, too, and until
    /// `deadline`, if there is one.
    pub(crate) fn come(mut self, deadline: Option<Instant>) -> Coming {
        let barrier = self.barrier.take();
        if let Some(barrier) = &barrier {
            barrier.arrive(self.number);
        }
        Coming {
            barrier,
            number: self.number,
            deadline,
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        #[cfg(planted)]
        if is_unwinding() {
            return;
        }
        if let Some(barrier) = self.barrier.take() {
            barrier.abandon(self.number);
        }
    }
}

/// A shard that has come to a cut and goes on until it is decided. Dropping it before that lets
/// the cut fail.
#[derive(Debug)]
pub(crate) struct Coming {
    /// Taken on the way out.
    barrier: Option<Arc<Barrier>>,
    number: usize,
    deadline: Option<Instant>,
}

impl Coming {
    /// What has become of the cut, if it is decided.
    pub(crate) fn verdict(&self) -> Option<Verdict> {
        #[cfg(planted)]
        if is_active(Plant::CutWithoutWait) {
            return Some(Verdict::Cut);
        }
        self.barrier
            .as_ref()
            .map_or(Some(Verdict::Failed), |barrier| barrier.verdict())
    }

    /// Stands still until the cut is decided. For a shard that has nothing else to do.
    pub(crate) fn wait(&self) -> Verdict {
        self.barrier
            .as_ref()
            .map_or(Verdict::Failed, |barrier| barrier.wait(self.deadline))
    }

    /// Begins with the part of a cut that has happened.
    pub(crate) fn begin(mut self) {
        if let Some(barrier) = self.barrier.take() {
            barrier.note(self.number, Attendance::Begun);
        }
    }
}

impl Drop for Coming {
    fn drop(&mut self) {
        #[cfg(planted)]
        if is_unwinding() {
            return;
        }
        if let Some(barrier) = self.barrier.take()
            && barrier.verdict().is_none()
        {
            barrier.abandon(self.number);
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn deadline_fails_the_cut_for_those_who_come_later_too() {
        let barrier = Arc::new(Barrier::new(2));
        let early = Seat::new(&barrier, 0);
        let late = Seat::new(&barrier, 1);
        assert_eq!(early.arrive(Some(Instant::now())), Verdict::Failed);
        assert_eq!(barrier.first_absent(), Some(1));
        assert_eq!(late.arrive(None), Verdict::Failed);
        assert_eq!(barrier.wait(None), Verdict::Failed);
    }

    #[test]
    fn dropped_seat_fails_the_cut_at_once() {
        let barrier = Arc::new(Barrier::new(2));
        drop(Seat::new(&barrier, 1));
        assert_eq!(barrier.verdict(), Some(Verdict::Failed));
        assert_eq!(barrier.abandoned(), Some(1));
    }

    #[test]
    fn shards_that_come_learn_of_the_moment_when_the_last_has_come() {
        let barrier = Arc::new(Barrier::new(2));
        let first = Seat::new(&barrier, 0).come(None);
        assert_eq!(first.verdict(), None);
        let second = Seat::new(&barrier, 1).come(None);
        for coming in [first, second] {
            assert_eq!(coming.verdict(), Some(Verdict::Cut));
            coming.begin();
        }
        assert!(barrier.has_begun(0) && barrier.has_begun(1));
        assert_eq!(barrier.abandoned(), None);
    }

    #[test]
    fn shard_that_goes_before_the_moment_fails_the_cut() {
        let barrier = Arc::new(Barrier::new(2));
        drop(Seat::new(&barrier, 1).come(None));
        assert_eq!(barrier.abandoned(), Some(1));
        let late = Seat::new(&barrier, 0).come(None);
        assert_eq!(late.verdict(), Some(Verdict::Failed));
    }

    #[test]
    fn cut_that_has_happened_cannot_fail() {
        let barrier = Arc::new(Barrier::new(1));
        assert_eq!(
            Seat::new(&barrier, 0).arrive(Some(Instant::now())),
            Verdict::Cut
        );
        drop(Seat::new(&barrier, 0));
        assert_eq!(barrier.wait(None), Verdict::Cut);
    }
}
