//! The task that feeds a stream: tells what has changed, and walks the tables meanwhile.

use std::cell::RefCell;
use std::rc::Rc;
use std::task::Waker;

use dash_table::{Cursor, Cut, Traversal};
use shard_runtime::{Budget, Shard, Step, Task};

use super::feed::{Feed, Next};
use crate::error::SnapshotError;
use crate::keyspace::{Keyspace, Store};
use crate::planted::Bug;
use crate::value::Value;

/// Buckets between two looks at the clock.
const BUCKETS_PER_LOOK: usize = 4;

/// Changes between two looks at the clock: each takes a lookup of its key.
const CHANGES_PER_LOOK: usize = 16;

/// After values of so many bytes there is another look at once.
const WORK_PER_LOOK: u64 = 8 << 10;

/// Feeds one stream, slice by slice, until it ends. Never waits: when the channel is full it asks
/// to be woken and lets the shard serve.
#[derive(Debug)]
pub(crate) struct Feeding {
    feed: Rc<RefCell<Feed>>,
    // Databases and their cuts that are still to be walked, the next one last.
    cuts: Vec<(u32, Cut)>,
    cursor: Cursor,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// It has not been stepped yet.
    New,
    /// Tables are being walked.
    Walking,
    /// All has been delivered; only changes are left.
    Following,
    Over,
}

/// Whether there was more to do than fits between two looks at the clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Look {
    Again,
    Done,
    /// There is no room.
    Full,
}

impl Feeding {
    /// Walks the tables in which [`Keyspace::follow`] opened `cuts`, and follows them.
    pub(crate) fn new(feed: Rc<RefCell<Feed>>, mut cuts: Vec<(u32, Cut)>) -> Self {
        cuts.reverse();
        Self {
            feed,
            cuts,
            cursor: Cursor::start(),
            state: State::New,
        }
    }

    /// Tells some changes.
    fn tell<V: Value>(&self, keyspace: &Keyspace<V>, waker: &Waker) -> Look {
        let before = self.feed.borrow().work_bytes();
        for _ in 0..CHANGES_PER_LOOK {
            let mut feed = self.feed.borrow_mut();
            if feed.work_bytes() - before > WORK_PER_LOOK {
                return Look::Again;
            }
            if !feed.make_room(waker) {
                return Look::Full;
            }
            match feed.next() {
                Next::Key(database, key, mark) => {
                    drop(feed);
                    let table = keyspace.followed(&self.feed, database);
                    let mut feed = self.feed.borrow_mut();
                    match table {
                        Some((table, cut)) => {
                            // What is still to be delivered is not there yet: the key has left,
                            // came back, and may leave again without a word.
                            let value = table.get_delivered(key.as_bytes(), cut);
                            feed.tell(database, &key, value, mark);
                        }
                        None => feed.fail(SnapshotError::TableGone { database }),
                    }
                }
                Next::Cut => {
                    feed.pass_cut();
                    feed.shared().pass_cut();
                }
                Next::Nothing => return Look::Done,
            }
        }
        Look::Again
    }

    /// Walks some buckets.
    fn walk<V: Value>(&mut self, keyspace: &mut Keyspace<V>, waker: &Waker) -> Look {
        let before = self.feed.borrow().work_bytes();
        for _ in 0..BUCKETS_PER_LOOK {
            if self.feed.borrow().work_bytes() - before > WORK_PER_LOOK {
                return Look::Again;
            }
            let Some(&cut) = self.cuts.last() else {
                return Look::Done;
            };
            if !keyspace.make_room_for(&self.feed, cut, waker) {
                return Look::Full;
            }
            match keyspace.walk(&self.feed, cut, &mut self.cursor) {
                Some(Traversal::Done) => {
                    self.cuts.pop();
                    self.cursor = Cursor::start();
                }
                Some(_) => {}
                None => {
                    let error = SnapshotError::TableGone { database: cut.0 };
                    self.feed.borrow_mut().fail(error);
                    return Look::Again;
                }
            }
        }
        Look::Again
    }

    fn give_up<V: Value>(&mut self, keyspace: &mut Keyspace<V>) -> Step {
        if !self.feed.borrow().has(Bug::LeaveCutsOpen) {
            keyspace.unfollow(&self.feed);
        }
        self.state = State::Over;
        Step::Done
    }
}

impl<S: Store> Task<S> for Feeding {
    fn step(&mut self, shard: &mut Shard<S>, budget: &Budget, waker: &Waker) -> Step {
        let keyspace = shard.state().keyspace();
        if self.state == State::New {
            self.state = State::Walking;
            self.feed.borrow().shared().wake_at_end(waker.clone());
        }
        loop {
            if self.feed.borrow().is_over() {
                return self.give_up(keyspace);
            }
            let told = self.tell(keyspace, waker);
            if told == Look::Full {
                return Step::Wait;
            }
            let walked = self.walk(keyspace, waker);
            if walked == Look::Full {
                return Step::Wait;
            }
            if walked == Look::Done && self.state == State::Walking {
                self.state = State::Following;
                self.feed.borrow().shared().cover();
            }
            if (told, walked) == (Look::Done, Look::Done) && !self.feed.borrow().is_over() {
                let mut feed = self.feed.borrow_mut();
                if feed.flush(waker) {
                    feed.wait_for_changes(waker);
                }
                return Step::Wait;
            }
            if budget.is_spent() {
                return Step::Again;
            }
        }
    }

    /// Whoever reads the stream holds it up soon enough, and needs the core for that.
    fn gives_way(&self) -> bool {
        false
    }
}

impl Drop for Feeding {
    fn drop(&mut self) {
        if self.state != State::Over {
            // The tables may still hold the feed, so its own Drop may come too late.
            self.feed.borrow_mut().fail(SnapshotError::ShardLost);
        }
    }
}
