//! The traversal: a task that walks a shard's tables and delivers what is still pending.

use std::cell::RefCell;
use std::rc::Rc;
use std::task::Waker;

use dash_table::{Cursor, Cut, Traversal as Progress};
use shard_runtime::{Budget, Shard, Step, Task};

use crate::error::SnapshotError;
use crate::keyspace::Store;
use crate::planted::Bug;
use crate::producer::Producer;

/// Buckets between two looks at the clock: about two microseconds of work with small values.
const BUCKETS_PER_LOOK: usize = 4;

/// After values of so many bytes there is another look at once: they may have been compressed.
const WORK_PER_LOOK: u64 = 8 << 10;

/// Delivers every bucket of a shard that is pending for one snapshot, slice by slice.
///
/// Never waits: when the channel is full it asks to be woken and lets the shard serve.
#[derive(Debug)]
pub(crate) struct Traversal {
    producer: Rc<RefCell<Producer>>,
    // Databases and their cuts, the next one last.
    cuts: Vec<(u32, Cut)>,
    cursor: Cursor,
    finished: bool,
}

impl Traversal {
    /// Walks the tables in which [`Keyspace::open`](crate::Keyspace) opened `cuts`.
    pub(crate) fn new(producer: Rc<RefCell<Producer>>, mut cuts: Vec<(u32, Cut)>) -> Self {
        cuts.reverse();
        Self {
            producer,
            cuts,
            cursor: Cursor::start(),
            finished: false,
        }
    }

    /// Sends what is left, and closes this shard's end of the channel.
    fn finish(&mut self, waker: &Waker) -> Step {
        let mut producer = self.producer.borrow_mut();
        if !producer.has(Bug::CloseWithoutFlush) && !producer.flush(waker) {
            return Step::Wait;
        }
        producer.finish();
        self.finished = true;
        Step::Done
    }

    fn give_up<S: Store>(&mut self, state: &mut S) -> Step {
        if self.producer.borrow().has(Bug::LeaveCutsOpen) {
            self.cuts.clear();
        }
        for cut in self.cuts.drain(..) {
            state.keyspace().close(&self.producer, cut);
        }
        self.finished = true;
        Step::Done
    }
}

impl<S: Store> Task<S> for Traversal {
    fn step(&mut self, shard: &mut Shard<S>, budget: &Budget, waker: &Waker) -> Step {
        let state = shard.state();
        loop {
            if self.producer.borrow().is_over() {
                return self.give_up(state);
            }
            let before = self.producer.borrow().work_bytes();
            for _ in 0..BUCKETS_PER_LOOK {
                if self.producer.borrow().work_bytes() - before > WORK_PER_LOOK {
                    break;
                }
                let Some(&cut) = self.cuts.last() else {
                    return self.finish(waker);
                };
                let keyspace = state.keyspace();
                if !keyspace.make_room(&self.producer, cut, waker) {
                    return Step::Wait;
                }
                match keyspace.traverse(&self.producer, cut, &mut self.cursor) {
                    Some(Progress::Done) => {
                        keyspace.close(&self.producer, cut);
                        self.cuts.pop();
                        self.cursor = Cursor::start();
                    }
                    Some(_) => {}
                    None => {
                        let error = SnapshotError::TableGone { database: cut.0 };
                        self.producer.borrow_mut().fail(error);
                        break;
                    }
                }
            }
            if budget.is_spent() {
                return Step::Again;
            }
        }
    }
}

impl Drop for Traversal {
    fn drop(&mut self) {
        if !self.finished {
            // The tables may still hold the producer, so its own Drop may come too late.
            self.producer.borrow_mut().fail(SnapshotError::ShardLost);
        }
    }
}
