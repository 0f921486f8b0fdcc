//! The key that a reader is inside of: its elements, put together into a value.

use rdb_format::{Element, KeyHead, StreamPart, Value as Owned};

use crate::collected;
use crate::error::LoadError;
use crate::key::Key;
use crate::keyspace::Store;
use crate::loader::{Loaded, Loader};
use crate::value::FromRdb;

/// The key that the reader is inside of, and its elements so far.
pub(crate) struct OpenKey {
    key: Key,
    expire_at_ms: Option<i64>,
    offset: u64,
    type_name: &'static str,
    elements: u64,
    value: Collected,
}

enum Collected {
    /// A string that has gone to its shard already.
    Sent,
    Elements(Owned),
    Unknown,
}

impl OpenKey {
    pub(crate) fn new(head: &KeyHead<'_>) -> Self {
        let value = match collected::empty(head.value_type) {
            Some(value) => Collected::Elements(value),
            None => Collected::Unknown,
        };
        Self {
            key: Key::from(head.key),
            expire_at_ms: head.expire_at_ms,
            offset: head.offset,
            type_name: head.value_type.family().name(),
            elements: 0,
            value,
        }
    }

    pub(crate) fn add<V: FromRdb>(
        &mut self,
        element: Element<'_>,
        loader: &mut Loader<'_, impl Store<Value = V>>,
    ) -> Result<(), LoadError> {
        self.elements += 1;
        match (&mut self.value, element) {
            (Collected::Elements(Owned::String(_)), Element::Item(bytes)) => {
                let value = V::from_string(bytes, self.expire_at_ms);
                self.value = Collected::Sent;
                loader.push(Loaded {
                    key: self.key.clone(),
                    value,
                    offset: self.offset,
                })?;
            }
            (Collected::Elements(value), element) => {
                let pushed = collected::push(value, element);
                self.know(pushed);
            }
            _ => self.value = Collected::Unknown,
        }
        Ok(())
    }

    pub(crate) fn add_part(&mut self, part: StreamPart<'_>) {
        if let Collected::Elements(value) = &mut self.value {
            let added = collected::add(value, part);
            self.know(added);
        }
        // A stream without entries is none of the collections that are dropped when empty.
        self.elements += 1;
    }

    pub(crate) fn set_insert_index(&mut self, index: u64) {
        if let Collected::Elements(value) = &mut self.value {
            let set = collected::insert_index(value, index);
            self.know(set);
        }
    }

    /// What could not be added makes the value one that is not known here.
    fn know(&mut self, added: Option<()>) {
        if added.is_none() {
            self.value = Collected::Unknown;
        }
    }

    pub(crate) fn end<V: FromRdb>(
        self,
        loader: &mut Loader<'_, impl Store<Value = V>>,
    ) -> Result<(), LoadError> {
        let unsupported = |key, database| LoadError::UnsupportedType {
            database,
            key,
            type_name: self.type_name,
            offset: self.offset,
        };
        match self.value {
            Collected::Sent => Ok(()),
            Collected::Unknown => Err(unsupported(self.key, loader.database)),
            Collected::Elements(_) if self.elements == 0 => {
                loader.report.empty += 1;
                Ok(())
            }
            Collected::Elements(owned) => {
                let Ok(value) = V::from_rdb(owned, self.expire_at_ms) else {
                    return Err(unsupported(self.key, loader.database));
                };
                loader.push(Loaded {
                    key: self.key,
                    value,
                    offset: self.offset,
                })
            }
        }
    }
}
