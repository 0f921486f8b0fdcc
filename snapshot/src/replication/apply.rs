//! What the records of a stream change in a keyspace.

use super::error::ReplicationError;
use crate::gathering::Gathered;
use crate::key::Key;
use crate::keyspace::{Applied, Keyspace, Table};
use crate::stream::Record;
use crate::value::FromRdb;

/// Inserts strings, each with when it expires, into the table of their database.
pub(super) fn insert_texts<'a, V: FromRdb>(
    texts: impl Iterator<Item = (&'a [u8], &'a [u8], Option<i64>)>,
    table: &mut Table<V>,
    database: u32,
    applied: &mut Applied,
) {
    let entries = texts.map(|(key, value, expire_at_ms)| {
        applied.count(database, false, expire_at_ms.is_some());
        (Key::from(key), V::from_string(value, expire_at_ms))
    });
    let mut expired = 0;
    table.insert_many(entries, |_, old: V| {
        expired += i64::from(does_expire(Some(&old)));
    });
    applied.count_expiring(database, -expired);
}

/// Inserts collections into the table of their database.
///
/// # Errors
///
/// At the first that the store has no type for.
pub(super) fn insert_collections<V: FromRdb>(
    collections: &mut dyn Iterator<Item = Gathered<'_>>,
    table: &mut Table<V>,
    database: u32,
    applied: &mut Applied,
) -> Result<(), ReplicationError> {
    let mut refused = None;
    let entries = std::iter::from_fn(|| {
        let gathered = collections.next()?;
        let entry = gathered.entry();
        match entry {
            Some(_) => applied.count(database, false, gathered.expire_at_ms.is_some()),
            None => refused = Some(Key::from(gathered.key)),
        }
        entry
    });
    let mut expired = 0;
    table.insert_many(entries, |_, old: V| {
        expired += i64::from(does_expire(Some(&old)));
    });
    applied.count_expiring(database, -expired);
    match refused {
        Some(key) => Err(ReplicationError::UnsupportedType { database, key }),
        None => Ok(()),
    }
}

/// Changes a key as a record says.
pub(super) fn apply<V: FromRdb>(
    record: Record,
    keyspace: &mut Keyspace<V>,
    applied: &mut Applied,
) -> Result<(), ReplicationError> {
    let table = keyspace.database(record.database());
    match record {
        Record::Set {
            database,
            key,
            value,
            expire_at_ms,
        } => {
            let key = Key::from(key.as_slice());
            let Ok(value) = V::from_rdb(value, expire_at_ms) else {
                return Err(ReplicationError::UnsupportedType { database, key });
            };
            let old = table.insert(key, value);
            let expires = expire_at_ms.is_some();
            applied.count(database, does_expire(old.as_ref()), expires);
        }
        Record::Delete { database, key } => {
            let old = table.remove(key.as_slice());
            applied.count(database, does_expire(old.as_ref()), false);
        }
        Record::Delta {
            database,
            key,
            delta,
        } => {
            let mut value = table.get_mut(key.as_slice());
            let did_expire = does_expire(value.as_deref());
            if !value
                .as_mut()
                .is_some_and(|value| value.apply_delta(&delta))
            {
                let key = Key::from(key.as_slice());
                return Err(ReplicationError::Diverged { database, key });
            }
            applied.count(database, did_expire, does_expire(value.as_deref()));
        }
    }
    Ok(())
}

fn does_expire<V: FromRdb>(value: Option<&V>) -> bool {
    value.is_some_and(|value| value.expire_at_ms().is_some())
}
