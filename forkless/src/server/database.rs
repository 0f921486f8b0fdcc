//! One database on one shard, as commands see it: without the keys whose time has come.

use snapshot::{Key, Table, Value};

use crate::object::Object;
use crate::server::collection::Collection;
use crate::server::refusal::Refusal;
use crate::server::role::Role;
use crate::server::tally::Tally;

/// A database's keys on one shard, at one time.
///
/// A key whose time has come is not there for anybody; whoever meets it removes it, through the
/// table's hook like every other change. Only on a replica it stays until the master removes it.
#[derive(Debug)]
pub(crate) struct Database<'a> {
    table: &'a mut Table<Object>,
    /// How many of its keys expire.
    expiring: &'a mut usize,
    tally: &'a mut Tally,
    role: Role,
    now_ms: i64,
}

/// How long a key is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lifetime {
    /// Until somebody removes it.
    Endless,
    /// Until this time, in milliseconds since 1970.
    UntilMs(i64),
}

impl<'a> Database<'a> {
    pub(crate) fn new(
        table: &'a mut Table<Object>,
        expiring: &'a mut usize,
        tally: &'a mut Tally,
        (role, now_ms): (Role, i64),
    ) -> Self {
        Self {
            table,
            expiring,
            tally,
            role,
            now_ms,
        }
    }

    /// The time, in milliseconds since 1970: the same for all commands that a shard runs in a row.
    pub(crate) fn now_ms(&self) -> i64 {
        self.now_ms
    }

    /// All entries, among them those whose time has come.
    pub(crate) fn table(&self) -> &Table<Object> {
        self.table
    }

    /// Whether an object's time has come: the millisecond after the one that it was given.
    pub(crate) fn is_over(&self, object: &Object) -> bool {
        object.expire_at_ms().is_some_and(|at| at < self.now_ms)
    }

    /// Counts so many changes, for whoever wonders how much a snapshot would save.
    #[inline]
    pub(crate) fn changed(&mut self, changes: usize) {
        self.tally.changes += changes as u64;
    }

    /// Lets `look` at a key's value. One lookup, unless the key's time has come.
    #[inline]
    pub(crate) fn read<R>(&mut self, key: &[u8], look: impl FnOnce(Option<&Object>) -> R) -> R {
        match self.table.get(key) {
            Some(object) if !self.is_over(object) => {
                self.tally.hits += 1;
                return look(Some(object));
            }
            Some(_) => self.expire(key),
            None => {}
        }
        self.tally.misses += 1;
        look(None)
    }

    /// A key's value.
    pub(crate) fn get(&mut self, key: &[u8]) -> Option<&Object> {
        self.forget_if_over(key);
        let object = self.table.get(key)?;
        // What is left of those is the master's to remove.
        (self.role == Role::Master || !self.is_over(object)).then_some(object)
    }

    /// A key's value, to change, without the time it expires at. Delivers its bucket first.
    pub(crate) fn get_mut(&mut self, key: &[u8]) -> Option<&mut Object> {
        self.forget_if_over(key);
        self.table.get_mut(key).map(Object::lasting_mut)
    }

    /// Whether a key is there.
    pub(crate) fn contains(&mut self, key: &[u8]) -> bool {
        self.read(key, |object| object.is_some())
    }

    /// Sets a key's value, with its time to expire if it has one; what it had is dropped.
    #[inline]
    pub(crate) fn set(&mut self, key: &[u8], object: Object) {
        *self.expiring += usize::from(object.expire_at_ms().is_some());
        // Most keys that are set are there: they need not be made once more.
        let old = match self.table.get_mut(key) {
            Some(place) => Some(std::mem::replace(place, object)),
            None => self.table.insert(Key::from(key), object),
        };
        if let Some(old) = old {
            *self.expiring -= usize::from(old.expire_at_ms().is_some());
        }
    }

    /// Removes a key; its value, if it was there.
    pub(crate) fn remove(&mut self, key: &[u8]) -> Option<Object> {
        let old = self.table.remove(key)?;
        *self.expiring -= usize::from(old.expire_at_ms().is_some());
        if self.is_over(&old) {
            self.tally.expired += 1;
            return None;
        }
        Some(old)
    }

    /// How long a key is there; `None` if it is not.
    pub(crate) fn lifetime(&mut self, key: &[u8]) -> Option<Lifetime> {
        let of = |object: &Object| match object.expire_at_ms() {
            Some(at_ms) => Lifetime::UntilMs(at_ms),
            None => Lifetime::Endless,
        };
        self.read(key, |object| object.map(of))
    }

    /// When a key expires; `None` also for one that is not there.
    pub(crate) fn expire_at_ms(&mut self, key: &[u8]) -> Option<i64> {
        self.read(key, |object| object.and_then(Value::expire_at_ms))
    }

    /// Has a key that is there expire at this time, or never.
    pub(crate) fn set_expiry(&mut self, key: &[u8], expire_at_ms: Option<i64>) {
        if let Some(object) = self.table.get_mut(key) {
            *self.expiring -= usize::from(object.expire_at_ms().is_some());
            *self.expiring += usize::from(expire_at_ms.is_some());
            object.expire_at(expire_at_ms);
        }
    }

    /// The bytes of a string.
    pub(crate) fn string(&mut self, key: &[u8]) -> Result<Option<&[u8]>, Refusal> {
        match self.get(key) {
            None => Ok(None),
            Some(object) => object.as_string().map(Some).ok_or(Refusal::WrongType),
        }
    }

    /// A collection.
    pub(crate) fn collection<C: Collection>(&mut self, key: &[u8]) -> Result<Option<&C>, Refusal> {
        match self.get(key) {
            None => Ok(None),
            Some(object) => C::of(object).map(Some).ok_or(Refusal::WrongType),
        }
    }

    /// A collection, to change.
    pub(crate) fn collection_mut<C: Collection>(
        &mut self,
        key: &[u8],
    ) -> Result<Option<&mut C>, Refusal> {
        match self.get_mut(key) {
            None => Ok(None),
            Some(object) => C::of_mut(object).map(Some).ok_or(Refusal::WrongType),
        }
    }

    /// A collection, to add to: made if it is not there.
    pub(crate) fn collection_or_new<C: Collection>(
        &mut self,
        key: &[u8],
    ) -> Result<&mut C, Refusal> {
        self.forget_if_over(key);
        let entry = self.table.entry(Key::from(key));
        C::of_mut(entry.or_insert_with(C::new_object)).ok_or(Refusal::WrongType)
    }

    /// Removes a collection that has no elements.
    pub(crate) fn remove_if_empty<C: Collection>(&mut self, key: &[u8]) {
        let object = self.table.get(key);
        if object
            .and_then(C::of)
            .is_some_and(|value| value.size() == 0)
        {
            self.remove(key);
        }
    }

    /// Removes a key whose time has come, unless that is the master's to do.
    pub(crate) fn forget_if_over(&mut self, key: &[u8]) {
        // Most stores have no such keys at all.
        if *self.expiring > 0
            && self
                .table
                .get(key)
                .is_some_and(|object| self.is_over(object))
        {
            self.expire(key);
        }
    }

    #[cold]
    fn expire(&mut self, key: &[u8]) {
        if self.role == Role::Master {
            self.remove(key);
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use snapshot::Keyspace;

    use super::*;
    use crate::object::{List, Text};

    /// Runs `test` on an empty database of a master at second 1000.
    pub(crate) fn with_database(test: impl FnOnce(&mut Database<'_>)) {
        with_database_of(Role::Master, test);
    }

    fn with_database_of(role: Role, test: impl FnOnce(&mut Database<'_>)) {
        let mut keyspace = Keyspace::new();
        let (mut expiring, mut tally) = (0, Tally::default());
        let table = keyspace.database(0);
        test(&mut Database::new(
            table,
            &mut expiring,
            &mut tally,
            (role, 1_000_000),
        ));
    }

    fn text(bytes: &[u8]) -> Object {
        Object::String(Text::from(bytes))
    }

    #[test]
    fn key_whose_time_has_come_is_not_there_and_goes() {
        with_database(|database| {
            database.set(b"over", text(b"1").expiring(Some(999_999)));
            database.set(b"later", text(b"2").expiring(Some(1_000_000)));
            assert_eq!((database.table().len(), *database.expiring), (2, 2));
            assert!(!database.contains(b"over") && database.contains(b"later"));
            assert_eq!((database.table().len(), *database.expiring), (1, 1));
            assert_eq!(database.tally.expired, 1);
            database.set(b"over", text(b"1").expiring(Some(1)));
            assert!(database.remove(b"over").is_none());
            assert_eq!(database.tally.expired, 2);
        });
    }

    #[test]
    fn key_whose_time_has_come_stays_on_a_replica_and_is_not_there() {
        with_database_of(Role::Following, |database| {
            database.set(b"over", text(b"1").expiring(Some(999_999)));
            database.set(b"later", text(b"2").expiring(Some(1_000_000)));
            assert!(!database.contains(b"over") && database.contains(b"later"));
            assert!(database.get(b"over").is_none() && database.get(b"later").is_some());
            assert!(database.string(b"over").unwrap().is_none());
            assert_eq!(database.lifetime(b"over"), None);
            assert_eq!((database.table().len(), database.tally.expired), (2, 0));
        });
    }

    #[test]
    fn keys_that_expire_are_counted_through_every_change() {
        with_database(|database| {
            database.set(b"key", text(b"1").expiring(Some(2_000_000)));
            database.set_expiry(b"key", Some(3_000_000));
            assert_eq!(*database.expiring, 1);
            assert_eq!(
                database.lifetime(b"key"),
                Some(Lifetime::UntilMs(3_000_000))
            );
            database.set_expiry(b"key", None);
            assert_eq!(
                (database.lifetime(b"key"), *database.expiring),
                (Some(Lifetime::Endless), 0)
            );
            database.set_expiry(b"key", Some(3_000_000));
            database.set(b"key", text(b"2"));
            assert_eq!(*database.expiring, 0);
            assert_eq!(database.lifetime(b"none"), None);
        });
    }

    #[test]
    fn collection_that_is_over_begins_anew() {
        with_database(|database| {
            let list = database.collection_or_new::<List>(b"list").unwrap();
            list.push_back(Text::from(&b"old"[..]));
            database.set_expiry(b"list", Some(1));
            assert!(
                database
                    .collection_or_new::<List>(b"list")
                    .unwrap()
                    .is_empty()
            );
            database.remove_if_empty::<List>(b"list");
            assert!(database.table().is_empty());
            database.set(b"text", text(b"1"));
            let wrong = database.collection::<List>(b"text");
            assert!(matches!(wrong, Err(Refusal::WrongType)));
        });
    }
}
