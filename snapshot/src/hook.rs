//! The observer of a table: hands buckets and changes to whoever follows it.

use std::cell::RefCell;
use std::rc::Rc;
use std::task::Waker;

use dash_table::{Bucket, Cut, Observer};

use crate::key::Key;
use crate::planted::Bug;
use crate::producer::{self, Caller, Producer};
use crate::stream::Feed;
use crate::value::Value;

/// The observer of a database's table: hands buckets to the producers of open snapshots, and
/// changes to the streams.
#[derive(Debug)]
pub struct Hook {
    pub(crate) caller: Caller,
    // Oldest cut first, one entry for each cut open in this table; seldom more than one.
    pub(crate) opened: Vec<Opened>,
}

/// A cut that is open in a table.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) cut: Cut,
    /// Whose table it was at the cut, wherever it is now.
    pub(crate) database: u32,
    pub(crate) taker: Taker,
}

/// Who takes what is delivered to a cut.
#[derive(Debug)]
pub(crate) enum Taker {
    /// A snapshot of the moment of the cut.
    Producer(Rc<RefCell<Producer>>),
    /// A stream of what is there and of what becomes of it.
    Feed(Rc<RefCell<Feed>>),
}

impl Taker {
    pub(crate) fn is_producer(&self, producer: &Rc<RefCell<Producer>>) -> bool {
        matches!(self, Self::Producer(it) if Rc::ptr_eq(it, producer))
    }

    pub(crate) fn is_feed(&self, feed: &Rc<RefCell<Feed>>) -> bool {
        matches!(self, Self::Feed(it) if Rc::ptr_eq(it, feed))
    }

    /// Whether another bucket may be delivered; if not, `waker` is woken when another try is worth
    /// it.
    pub(crate) fn make_room(&self, waker: &Waker) -> bool {
        match self {
            Self::Producer(producer) => producer.borrow_mut().make_room(waker),
            Self::Feed(feed) => feed.borrow_mut().make_room(waker),
        }
    }

    /// Whether what is delivered without room waits elsewhere, so that nobody has to wait for it.
    pub(crate) fn keeps_what_has_no_room(&self) -> bool {
        match self {
            Self::Producer(_) => false,
            Self::Feed(feed) => !feed.borrow().has(Bug::WaitForOlderStream),
        }
    }
}

impl Hook {
    pub(crate) fn new() -> Self {
        Self {
            caller: Caller::Write,
            opened: Vec::new(),
        }
    }

    // A cut without a taker is no snapshot's: somebody opened it on the table itself.
    fn opened(&self, cut: Cut) -> Option<&Opened> {
        self.opened.iter().find(|opened| opened.cut == cut)
    }
}

impl<V: Value> Observer<Key, V> for Hook {
    fn deliver(&mut self, cut: Cut, bucket: Bucket<'_, Key, V>) {
        let Some(opened) = self.opened(cut) else {
            return;
        };
        match &opened.taker {
            Taker::Producer(producer) => {
                let mut producer = producer.borrow_mut();
                producer.deliver(self.caller, opened.database, bucket);
            }
            Taker::Feed(feed) => feed.borrow_mut().deliver(opened.database, bucket),
        }
    }

    fn before_write(&mut self, cut: Cut, key: &Key, value: Option<&V>) {
        if let Some(opened) = self.opened(cut)
            && let Taker::Feed(feed) = &opened.taker
        {
            feed.borrow_mut().note(opened.database, key, value);
        }
    }

    fn approach(&mut self, bucket: Bucket<'_, Key, V>) {
        producer::ask_for_values(bucket);
    }
}
