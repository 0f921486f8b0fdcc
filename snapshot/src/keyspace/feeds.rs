//! The streams that follow a keyspace.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Waker;

use dash_table::{Cursor, Cut, Traversal};

use super::{Keyspace, Table};
use crate::error::SnapshotError;
use crate::hook::{Hook, Opened, Taker};
use crate::planted::Bug;
use crate::producer::Caller;
use crate::shared::Shared;
use crate::stream::Feed;
use crate::sync;
use crate::value::Value;

/// The streams that follow a keyspace, those that have just ended among them.
#[derive(Debug, Default)]
pub(super) struct Feeds(Vec<Rc<RefCell<Feed>>>);

impl Feeds {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Ends all of them.
    pub(super) fn fail(&self, error: impl Fn() -> SnapshotError) {
        for feed in &self.0 {
            feed.borrow_mut().fail(error());
        }
    }

    /// An empty table for database `number`, which all of them follow.
    pub(super) fn new_table<V: Value>(&self, number: u32) -> Table<V> {
        let mut table = Table::with_hasher_and_observer(sync::hash_builder(), Hook::new());
        for feed in &self.0 {
            if !feed.borrow().has(Bug::ForgetNewDatabase) {
                open(&mut table, number, feed);
            }
        }
        table
    }
}

fn open<V: Value>(table: &mut Table<V>, database: u32, feed: &Rc<RefCell<Feed>>) -> Cut {
    let cut = table.cut_relaxed();
    table.observer_mut().opened.push(Opened {
        cut,
        database,
        taker: Taker::Feed(Rc::clone(feed)),
    });
    cut
}

/// The cut that is open in a table for `feed`, if it is the table of that database.
fn followed_from<V: Value>(table: &Table<V>, number: u32, feed: &Rc<RefCell<Feed>>) -> Option<Cut> {
    let mut opened = table.observer().opened.iter();
    let of_feed = |opened: &&Opened| opened.database == number && opened.taker.is_feed(feed);
    Some(opened.find(of_feed)?.cut)
}

impl<V: Value> Keyspace<V> {
    /// Opens a relaxed cut in every table, and in all that are to come, for `feed`; the databases
    /// there are, and their cuts.
    pub(crate) fn follow(&mut self, feed: &Rc<RefCell<Feed>>) -> Vec<(u32, Cut)> {
        self.feeds.0.push(Rc::clone(feed));
        let tables = self.databases.iter_mut();
        tables
            .map(|(&number, table)| (number, open(table, number, feed)))
            .collect()
    }

    /// Closes all that [`follow`](Self::follow) opened.
    pub(crate) fn unfollow(&mut self, feed: &Rc<RefCell<Feed>>) {
        self.feeds.0.retain(|other| !Rc::ptr_eq(other, feed));
        for table in self.databases.values_mut() {
            let opened = &mut table.observer_mut().opened;
            let gone = opened.extract_if(.., |opened| opened.taker.is_feed(feed));
            let cuts: Vec<Cut> = gone.map(|opened| opened.cut).collect();
            for cut in cuts {
                table.close(cut);
            }
        }
    }

    /// Ends all streams, and closes at once all that they have opened.
    pub(super) fn end_feeds(&mut self, error: impl Fn() -> SnapshotError) {
        self.feeds.fail(error);
        for feed in self.feeds.0.clone() {
            self.unfollow(&feed);
        }
    }

    /// Whether there are streams that follow the keyspace.
    pub fn has_streams(&self) -> bool {
        !self.feeds.is_empty()
    }

    /// Tells the feed of the streams that share this, if there still is one, that the cut with
    /// this number is taken.
    pub(crate) fn cut_feed(&self, shared: &Arc<Shared>, cut: u64) {
        let mut feeds = self.feeds.0.iter();
        let Some(feed) = feeds.find(|feed| Arc::ptr_eq(feed.borrow().shared(), shared)) else {
            return;
        };
        // Users are lent whole tables, and may have put others in their places.
        let mut tables = self.databases.iter();
        match tables.find(|(number, table)| followed_from(table, **number, feed).is_none()) {
            Some((&database, _)) if !feed.borrow().has(Bug::ForgetNewDatabase) => {
                feed.borrow_mut()
                    .fail(SnapshotError::TableGone { database });
            }
            _ if feed.borrow().is_over() => {}
            _ => feed.borrow_mut().cut(cut),
        }
    }

    /// The table of a database that `feed` follows, and the cut that is open in it for that;
    /// `None` if it is gone.
    pub(crate) fn followed(
        &self,
        feed: &Rc<RefCell<Feed>>,
        number: u32,
    ) -> Option<(&Table<V>, Cut)> {
        let table = self.databases.get(&number)?;
        Some((table, followed_from(table, number, feed)?))
    }

    /// As [`make_room`](Self::make_room), for a feed.
    pub(crate) fn make_room_for(
        &mut self,
        feed: &Rc<RefCell<Feed>>,
        cut: (u32, Cut),
        waker: &Waker,
    ) -> bool {
        let table = self.opened(|taker| taker.is_feed(feed), cut);
        super::make_room(table, cut.1, waker)
    }

    /// Delivers the next bucket of the table in which `cut` was opened, if it is pending; `None`
    /// if that table is gone.
    pub(crate) fn walk(
        &mut self,
        feed: &Rc<RefCell<Feed>>,
        cut: (u32, Cut),
        cursor: &mut Cursor,
    ) -> Option<Traversal> {
        let table = self.opened(|taker| taker.is_feed(feed), cut)?;
        table.observer_mut().caller = Caller::Traversal;
        let traversal = table.traverse(cut.1, cursor, 1);
        table.observer_mut().caller = Caller::Write;
        Some(traversal)
    }
}
