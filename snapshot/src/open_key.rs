//! The key of another type than string that a reader is inside of: its elements, put together.

use rdb_format::{Element, KeyHead, StreamPart, Value as Owned};

use crate::batch::Loaded;
use crate::collected;
use crate::error::LoadError;
use crate::gathering::Gathered;
use crate::key::Key;
use crate::keyspace::Store;
use crate::loader::Loader;
use crate::value::FromRdb;

/// The key that the reader is inside of, and its elements so far.
#[derive(Debug)]
pub(crate) struct OpenKey {
    key: Key,
    expire_at_ms: Option<i64>,
    offset: u64,
    type_name: &'static str,
    elements: u64,
    value: Collected,
}

#[derive(Debug)]
enum Collected {
    Elements(Owned),
    /// A value of a type that is not known here.
    Unknown,
}

impl From<Gathered<'_>> for OpenKey {
    /// One that was to travel as bytes, with the elements so far.
    fn from(gathered: Gathered<'_>) -> Self {
        Self {
            key: Key::from(gathered.key),
            expire_at_ms: gathered.expire_at_ms,
            offset: gathered.offset,
            type_name: gathered.elements.family().name(),
            elements: gathered.elements.len() as u64,
            value: Collected::Elements(gathered.elements.to_value()),
        }
    }
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

    pub(crate) fn add(&mut self, element: Element<'_>) {
        self.elements += 1;
        if let Collected::Elements(value) = &mut self.value {
            let pushed = collected::push(value, element);
            self.know(pushed);
        }
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

    /// The key, when it expires, and its value unless that is of a type that is not known here.
    pub(crate) fn into_parts(self) -> (Key, Option<i64>, Option<Owned>) {
        let value = match self.value {
            Collected::Elements(owned) => Some(owned),
            Collected::Unknown => None,
        };
        (self.key, self.expire_at_ms, value)
    }

    pub(crate) fn end<S>(self, loader: &mut Loader<'_, S>) -> Result<(), LoadError>
    where
        S: Store<Value: FromRdb>,
    {
        if self.elements == 0 && matches!(self.value, Collected::Elements(_)) {
            loader.report.empty += 1;
            return Ok(());
        }
        let value = match self.value {
            Collected::Elements(owned) => S::Value::from_rdb(owned, self.expire_at_ms).ok(),
            Collected::Unknown => None,
        };
        let Some(value) = value else {
            return Err(LoadError::UnsupportedType {
                database: loader.database(),
                key: self.key,
                type_name: self.type_name,
                offset: self.offset,
            });
        };
        loader.push(Loaded {
            key: self.key,
            value,
            offset: self.offset,
        })
    }
}
