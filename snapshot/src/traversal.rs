//! The traversal: a task that walks a shard's tables and delivers what is still pending.

use std::cell::RefCell;
use std::rc::Rc;
use std::task::Waker;

use dash_table::{Cursor, Cut, Traversal as Progress};
use shard_runtime::{Budget, Shard, Step, Task};

use crate::error::SnapshotError;
use crate::keyspace::Store;
use crate::producer::Producer;

/// Buckets between two looks at the clock: about a microsecond of work.
const BUCKETS_PER_LOOK: usize = 4;

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

    fn give_up<S: Store>(&mut self, state: &mut S) -> Step {
        for (number, cut) in self.cuts.drain(..) {
            state.keyspace().close(number, cut);
        }
        self.finished = true;
        Step::Done
    }
}

impl<S: Store> Task<S> for Traversal {
    fn step(&mut self, shard: &mut Shard<S>, budget: &Budget, waker: &Waker) -> Step {
        let state = shard.state();
        self.producer.borrow_mut().set_traversal(waker);
        loop {
            {
                let mut producer = self.producer.borrow_mut();
                if producer.is_over() {
                    drop(producer);
                    return self.give_up(state);
                }
                if (producer.is_full() || self.cuts.is_empty()) && !producer.flush() {
                    return Step::Wait;
                }
                if self.cuts.is_empty() {
                    producer.finish();
                    self.finished = true;
                    return Step::Done;
                }
            }
            if let Some(&(number, cut)) = self.cuts.last() {
                let keyspace = state.keyspace();
                let table = keyspace.database(number);
                if table.traverse(cut, &mut self.cursor, BUCKETS_PER_LOOK) == Progress::Done {
                    keyspace.close(number, cut);
                    self.cuts.pop();
                    self.cursor = Cursor::start();
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
