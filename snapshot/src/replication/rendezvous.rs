//! Where the readers of all streams meet at each cut.

use std::time::Instant;

use crate::planted::{Bug, Plant};
use crate::sync::{Condvar, Mutex, now};

/// Where the readers of all streams of a session meet: nobody goes on behind a cut before all have
/// come to it, and what is to be done then is done.
#[derive(Debug)]
pub(super) struct Rendezvous {
    state: Mutex<State>,
    changed: Condvar,
    plant: Plant,
}

#[derive(Debug)]
struct State {
    // The last cut that each stream has come to.
    come: Vec<u64>,
    // The last cut for which all was done.
    done: u64,
    done_at: Option<Instant>,
    // Whether somebody is doing what is to be done.
    doing: bool,
    aborted: bool,
}

/// What became of a meeting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Met {
    /// All have come, and all is done.
    Done,
    /// Somebody will not come.
    Aborted,
    /// Somebody has not come yet.
    Waiting,
}

impl Rendezvous {
    pub(super) fn new(streams: usize, plant: Plant) -> Self {
        Self {
            state: Mutex::new(State {
                come: vec![0; streams],
                done: 0,
                done_at: None,
                doing: false,
                aborted: false,
            }),
            changed: Condvar::new(),
            plant,
        }
    }

    /// The last cut that all have passed, and when they did.
    pub(super) fn done(&self) -> (u64, Option<Instant>) {
        let state = self.state.lock();
        (state.done, state.done_at)
    }

    /// The stream's reader has come to this cut, or had come to it before its connection broke.
    /// Waits for the others until `deadline`, if there is one; the last to come does what is to be
    /// done. Who has waited in vain asks again.
    ///
    /// # Errors
    ///
    /// That of `act`.
    pub(super) fn meet<E>(
        &self,
        stream: usize,
        (cut, deadline): (u64, Option<Instant>),
        act: impl FnOnce(u64) -> Result<(), E>,
    ) -> Result<Met, E> {
        let mut state = self.state.lock();
        state.come[stream] = cut;
        let all_here = state.come.iter().all(|come| *come >= cut);
        let all_here = all_here || self.plant.has(Bug::PassCutAlone);
        if all_here && state.done < cut && !state.doing && !state.aborted {
            state.doing = true;
            drop(state);
            let acted = act(cut);
            let mut state = self.state.lock();
            state.doing = false;
            if acted.is_ok() {
                state.done = cut;
                state.done_at = Some(now());
            } else {
                state.aborted = true;
            }
            self.changed.notify_all();
            return acted.map(|()| Met::Done);
        }
        let is_late = || deadline.is_some_and(|deadline| now() >= deadline);
        while state.done < cut && !state.aborted && !is_late() {
            state = self.changed.wait_until(state, deadline);
        }
        Ok(if state.done >= cut {
            Met::Done
        } else if state.aborted {
            Met::Aborted
        } else {
            Met::Waiting
        })
    }

    /// Somebody will not come: nobody need wait.
    pub(super) fn abort(&self) {
        self.state.lock().aborted = true;
        self.changed.notify_all();
    }

    pub(super) fn is_aborted(&self) -> bool {
        self.state.lock().aborted
    }

    /// All come again, over new connections.
    pub(super) fn again(&self) {
        self.state.lock().aborted = false;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    use shard_runtime::spawn_named;

    use super::*;

    #[test]
    fn one_of_those_who_meet_acts_once_for_each_cut() {
        let rendezvous = Arc::new(Rendezvous::new(3, Plant::default()));
        let acted = Arc::new(AtomicU64::new(0));
        let reader = |stream| {
            let (rendezvous, acted) = (Arc::clone(&rendezvous), Arc::clone(&acted));
            spawn_named("reader", move || {
                for cut in 1..=100 {
                    let act = |cut| {
                        assert_eq!(acted.fetch_add(1, Ordering::SeqCst), cut - 1);
                        Ok::<(), ()>(())
                    };
                    assert_eq!(rendezvous.meet(stream, (cut, None), act), Ok(Met::Done));
                    assert!(acted.load(Ordering::SeqCst) >= cut);
                }
            })
        };
        let readers: Vec<_> = (0..3).map(reader).collect();
        for reader in readers {
            reader.join().unwrap();
        }
        assert_eq!(rendezvous.done().0, 100);
    }

    #[test]
    fn who_waits_for_one_that_will_not_come_is_let_go_and_may_come_again() {
        let rendezvous = Arc::new(Rendezvous::new(2, Plant::default()));
        let waiting = Arc::clone(&rendezvous);
        let waiting = spawn_named("waiting", move || {
            waiting.meet(0, (1, None), |_| Ok::<(), ()>(()))
        });
        rendezvous.abort();
        assert_eq!(waiting.join().unwrap(), Ok(Met::Aborted));
        rendezvous.again();
        let meet = |stream, acted| rendezvous.meet(stream, (1, None), |_| acted);
        assert_eq!(meet(1, Ok::<(), ()>(())), Ok(Met::Done));
        assert_eq!(meet(0, Err(())), Ok(Met::Done));
    }

    #[test]
    fn who_waits_for_one_that_is_late_may_ask_again() {
        let rendezvous = Rendezvous::new(2, Plant::default());
        let soon = Some(now());
        let meet = |stream, deadline| rendezvous.meet(stream, (1, deadline), |_| Ok::<(), ()>(()));
        assert_eq!(meet(0, soon), Ok(Met::Waiting));
        assert_eq!(meet(0, soon), Ok(Met::Waiting));
        assert_eq!(meet(1, soon), Ok(Met::Done));
        assert_eq!(meet(0, soon), Ok(Met::Done));
    }
}
