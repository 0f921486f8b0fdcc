//! The databases of one shard, and the hook that every change to them passes.

mod applied;
mod feeds;
mod retired;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::{Arc, Weak};
use std::task::Waker;

use dash_table::{Cursor, Cut, DashTable, Traversal};

pub use self::applied::Applied;
use crate::error::SnapshotError;
use crate::hook::{Hook, Opened, Taker};
use crate::key::Key;
use crate::producer::{Caller, Producer};
use crate::sync::HashBuilder;
use crate::value::Value;

/// The table of one database: keys to values, observed by the snapshots under way.
pub type Table<V> = DashTable<Key, V, HashBuilder, Hook>;

/// The databases of one shard.
///
/// A shard's state is a `Keyspace`, or holds one and says so through [`Store`].
/// All reads and writes go through the [`Table`]s, whose every mutation calls the [`Hook`]
/// before it changes anything; so there is nothing to remember, and nothing to forget.
///
/// ```
/// # use snapshot::{Key, Keyspace};
/// # fn visit<V: snapshot::Value>(keyspace: &mut Keyspace<V>, value: V) {
/// keyspace.database(0).insert(Key::from(&b"user:1"[..]), value);
/// assert_eq!(keyspace.database(0).len(), 1);
/// # }
/// ```
#[derive(Debug)]
pub struct Keyspace<V: Value> {
    databases: BTreeMap<u32, Table<V>>,
    feeds: feeds::Feeds,
    // Tables of databases that were emptied, while snapshots need them.
    retired: Vec<Table<V>>,
    // What is being loaded, until all of it is here.
    staged: Option<Box<Staged<V>>>,
}

/// What is being loaded, kept apart from what is served.
#[derive(Debug)]
struct Staged<V: Value> {
    owner: Weak<Owner>,
    keyspace: Keyspace<V>,
    #[cfg(feature = "replication")]
    applied: Applied,
}

impl<V: Value> Staged<V> {
    fn new(owner: &Arc<Owner>) -> Self {
        Self {
            owner: Arc::downgrade(owner),
            keyspace: Keyspace::new(),
            #[cfg(feature = "replication")]
            applied: Applied::default(),
        }
    }

    #[cfg(feature = "replication")]
    fn into_tables(self) -> impl Iterator<Item = Table<V>> {
        self.keyspace.databases.into_values()
    }
}

/// One load. What shards keep for it is worth nothing once it is dropped.
#[derive(Debug)]
pub(crate) struct Owner;

/// Why a shard cannot begin to load.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StageError {
    /// It has keys.
    NotEmpty,
    /// Somebody else is loading.
    Busy,
}

/// The state of a shard that has a [`Keyspace`].
///
/// ```
/// # use snapshot::{Keyspace, Owned, Store};
/// struct Logged { keyspace: Keyspace<Owned>, position: u64, saved: u64 }
/// impl Store for Logged {
///     type Value = Owned;
///     fn keyspace(&mut self) -> &mut Keyspace<Owned> { &mut self.keyspace }
///     fn on_cut(&mut self) { self.saved = self.position; }
/// }
/// ```
pub trait Store: 'static {
    /// What the keyspace's tables hold.
    type Value: Value;

    /// The shard's keyspace.
    fn keyspace(&mut self) -> &mut Keyspace<Self::Value>;

    /// Called at every cut, on the shard's thread, at the moment the snapshot will show.
    ///
    /// For what belongs to the same moment and is kept elsewhere, as a position in a log.
    /// The shard serves nobody meanwhile, so be short.
    fn on_cut(&mut self) {}

    /// Called at every cut of streams, and at every one that a replica has come to;
    /// [`on_cut`](Self::on_cut) by default.
    fn on_stream_cut(&mut self) {
        self.on_cut();
    }

    /// Called when a replica has put what its master has in the place of all keys there were: what
    /// was counted of those is over.
    fn on_replaced(&mut self) {}

    /// Called when a replica has changed keys as its master told, and after
    /// [`on_replaced`](Self::on_replaced) for all that was put in place.
    fn on_applied(&mut self, applied: &Applied) {
        let _ = applied;
    }

    /// Takes tables that a replica needs no more, to drop them; at once by default.
    ///
    /// The shard serves nobody meanwhile, so who has many keys does it in slices.
    fn discard(&mut self, tables: Vec<Table<Self::Value>>) {
        drop(tables);
    }
}

impl<V: Value> Store for Keyspace<V> {
    type Value = V;

    fn keyspace(&mut self) -> &mut Self {
        self
    }
}

impl<V: Value> Keyspace<V> {
    /// A keyspace without keys.
    pub fn new() -> Self {
        Self {
            databases: BTreeMap::new(),
            feeds: feeds::Feeds::default(),
            retired: Vec::new(),
            staged: None,
        }
    }

    /// The table of database `number`, created empty at its first use.
    pub fn database(&mut self, number: u32) -> &mut Table<V> {
        let feeds = &self.feeds;
        self.databases
            .entry(number)
            .or_insert_with(|| feeds.new_table(number))
    }

    /// The databases that were ever used, in the order of their numbers.
    pub fn databases(&self) -> impl Iterator<Item = (u32, &Table<V>)> {
        let tables = self.databases.iter();
        tables.map(|(&number, table)| (number, table))
    }

    /// How many keys there are in all databases.
    pub fn len(&self) -> usize {
        self.databases.values().map(Table::len).sum()
    }

    /// Whether there is no key at all.
    pub fn is_empty(&self) -> bool {
        self.databases.values().all(Table::is_empty)
    }

    /// Begins to keep what is loaded for `owner` apart from what is served.
    ///
    /// What is kept for an owner that is gone is dropped.
    pub(crate) fn stage(&mut self, owner: &Arc<Owner>) -> Result<(), StageError> {
        if !self.is_empty() {
            return Err(StageError::NotEmpty);
        }
        if let Some(staged) = &self.staged
            && staged.owner.strong_count() > 0
        {
            return Err(StageError::Busy);
        }
        self.staged = Some(Box::new(Staged::new(owner)));
        Ok(())
    }

    /// What is kept for `owner`, unless that has ended.
    pub(crate) fn staged(&mut self, owner: &Weak<Owner>) -> Option<&mut Self> {
        let staged = self.staged.as_mut()?;
        staged.owner.ptr_eq(owner).then_some(&mut staged.keyspace)
    }

    /// Drops what is kept for `owner`.
    pub(crate) fn unstage(&mut self, owner: &Weak<Owner>) {
        self.staged.take_if(|staged| staged.owner.ptr_eq(owner));
    }

    /// Puts what was loaded for `owner` in place. Keys that were written meanwhile stay as they
    /// are.
    pub(crate) fn commit_staged(&mut self, owner: &Weak<Owner>) {
        let Some(staged) = self.staged.take_if(|staged| staged.owner.ptr_eq(owner)) else {
            return;
        };
        let loaded = staged.keyspace.databases;
        let mut tables = self.databases.values();
        let is_free = |table: &Table<V>| table.is_empty() && table.open_cuts().is_empty();
        if self.feeds.is_empty() && tables.all(is_free) {
            self.databases = loaded;
            return;
        }
        for (number, loaded) in loaded {
            let table = self.database(number);
            for (key, value) in loaded {
                table.entry(key).or_insert(value);
            }
        }
    }

    /// As [`stage`](Self::stage), of what is to take the place of all there is. The tables of
    /// whatever else was kept apart.
    #[cfg(feature = "replication")]
    pub(crate) fn stage_replacement(&mut self, owner: &Arc<Owner>) -> Vec<Table<V>> {
        let before = self.staged.replace(Box::new(Staged::new(owner)));
        before.into_iter().flat_map(|it| it.into_tables()).collect()
    }

    /// Has been changed so, of what is kept for `owner`.
    #[cfg(feature = "replication")]
    pub(crate) fn count_staged(&mut self, owner: &Weak<Owner>, applied: &Applied) {
        if let Some(staged) = &mut self.staged
            && staged.owner.ptr_eq(owner)
        {
            staged.applied.add(applied);
        }
    }

    /// The tables of what is kept for `owner`, which is kept no more.
    #[cfg(feature = "replication")]
    pub(crate) fn unstage_replacement(&mut self, owner: &Weak<Owner>) -> Vec<Table<V>> {
        let staged = self.staged.take_if(|staged| staged.owner.ptr_eq(owner));
        staged.into_iter().flat_map(|it| it.into_tables()).collect()
    }

    /// Puts what was kept for `owner` in the place of all there is, unless that has ended: the
    /// tables there were, and what there is now. O(databases).
    ///
    /// Snapshots under way show what there was; streams end.
    #[cfg(feature = "replication")]
    pub(crate) fn commit_replacement(
        &mut self,
        owner: &Weak<Owner>,
    ) -> Option<(Vec<Table<V>>, Applied)> {
        let staged = self.staged.take_if(|staged| staged.owner.ptr_eq(owner))?;
        let mut tables = self.take_retired();
        self.end_feeds(|| SnapshotError::DatabasesSwapped);
        let numbers: Vec<u32> = self.databases.keys().copied().collect();
        tables.extend(numbers.into_iter().filter_map(|number| self.retire(number)));
        self.databases = staged.keyspace.databases;
        Some((tables, staged.applied))
    }

    /// Swaps what two databases hold, in O(1). Snapshots under way show both as they were at
    /// their cuts. Streams end with [`DatabasesSwapped`](SnapshotError::DatabasesSwapped): to tell
    /// what has changed they would have to tell all keys of both.
    pub fn swap(&mut self, one: u32, other: u32) {
        if one != other {
            self.feeds.fail(|| SnapshotError::DatabasesSwapped);
        }
        let tables = [one, other].map(|number| self.databases.remove(&number));
        for (number, table) in [other, one].into_iter().zip(tables) {
            if let Some(table) = table {
                self.databases.insert(number, table);
            }
        }
    }

    /// Takes the table of database `number` out, if it was ever used. O(1).
    ///
    /// A snapshot that still needs it fails with [`TableGone`](crate::SnapshotError::TableGone):
    /// while there are [open cuts](Table::open_cuts), [`swap`](Self::swap) it away and take it
    /// later. Streams end with the same error: nobody could tell that its keys are gone.
    pub fn take(&mut self, number: u32) -> Option<Table<V>> {
        let table = self.databases.remove(&number)?;
        let gone = || SnapshotError::TableGone { database: number };
        self.feeds.fail(gone);
        Some(table)
    }

    /// Opens a cut in every table and has `producer` receive what the tables deliver to it.
    pub(crate) fn open(&mut self, producer: &Rc<RefCell<Producer>>) -> Vec<(u32, Cut)> {
        let open = |(&number, table): (&u32, &mut Table<V>)| {
            let cut = table.cut();
            table.observer_mut().opened.push(Opened {
                cut,
                database: number,
                taker: Taker::Producer(Rc::clone(producer)),
            });
            (number, cut)
        };
        self.databases.iter_mut().map(open).collect()
    }

    /// The table in which a cut was opened for somebody when it was that of database `number`.
    ///
    /// Users are lent whole tables, and may have put it elsewhere since; `None` if it is gone.
    fn opened(
        &mut self,
        is_taker: impl Fn(&Taker) -> bool,
        (number, cut): (u32, Cut),
    ) -> Option<&mut Table<V>> {
        let is_it = |table: &Table<V>| {
            let mut opened = table.observer().opened.iter();
            opened.any(|opened| {
                opened.cut == cut && opened.database == number && is_taker(&opened.taker)
            })
        };
        let at = match self.databases.get(&number).filter(|table| is_it(table)) {
            Some(_) => number,
            None => match self.databases.iter().find(|(_, table)| is_it(table)) {
                Some((&at, _)) => at,
                None => return self.retired.iter_mut().find(|table| is_it(table)),
            },
        };
        self.databases.get_mut(&at)
    }

    /// Closes a cut that [`open`](Self::open) opened: done, or given up.
    pub(crate) fn close(&mut self, producer: &Rc<RefCell<Producer>>, cut: (u32, Cut)) {
        if let Some(table) = self.opened(|taker| taker.is_producer(producer), cut) {
            let (_, cut) = cut;
            table.close(cut);
            table
                .observer_mut()
                .opened
                .retain(|opened| opened.cut != cut);
        }
    }

    /// Makes room for a bucket with every producer that the traversal of `cut` could give it to,
    /// without waiting: its own and those of older cuts. If one has none, `waker` is woken when
    /// another try is worth it. Older streams are not waited for: they keep what they have no room
    /// for within their budgets, and end when these are spent, so that a replica that hangs holds
    /// up nobody. A table that is gone needs no room.
    pub(crate) fn make_room(
        &mut self,
        producer: &Rc<RefCell<Producer>>,
        cut: (u32, Cut),
        waker: &Waker,
    ) -> bool {
        let table = self.opened(|taker| taker.is_producer(producer), cut);
        make_room(table, cut.1, waker)
    }

    /// Delivers the next bucket of the table in which `cut` was opened, if it is pending; `None`
    /// if that table is gone.
    pub(crate) fn traverse(
        &mut self,
        producer: &Rc<RefCell<Producer>>,
        cut: (u32, Cut),
        cursor: &mut Cursor,
    ) -> Option<Traversal> {
        let table = self.opened(|taker| taker.is_producer(producer), cut)?;
        table.observer_mut().caller = Caller::Traversal;
        let traversal = table.traverse(cut.1, cursor, 1);
        table.observer_mut().caller = Caller::Write;
        Some(traversal)
    }

    /// Plants `bug` in the table of database `number`.
    #[cfg(planted)]
    pub fn plant(&mut self, number: u32, bug: dash_table::Bug) {
        self.database(number).plant(Some(bug));
    }
}

impl<V: Value> Default for Keyspace<V> {
    fn default() -> Self {
        Self::new()
    }
}

/// Makes room for a bucket of `table` with everybody whom the traversal of `cut` could give it to.
fn make_room<V: Value>(table: Option<&mut Table<V>>, cut: Cut, waker: &Waker) -> bool {
    let Some(table) = table else {
        return true;
    };
    let opened = table.observer().opened.iter();
    let mut older = opened.filter(|opened| opened.cut <= cut);
    older.all(|opened| {
        let has_room = opened.taker.make_room(waker);
        has_room || (opened.cut != cut && opened.taker.keeps_what_has_no_room())
    })
}
