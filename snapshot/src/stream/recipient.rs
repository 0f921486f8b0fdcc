//! What a decoder of a stream hands its records to.

use rdb_format::{Element, KeyHead, Value};

use super::record::Record;
use crate::open_key::OpenKey;

/// Who is given the records of a stream, one after the other.
pub(crate) trait Recipient {
    /// The stream had so many keys of this database when it began, it says.
    fn expect(&mut self, database: u32, keys: u64);

    /// A string begins. Its value comes next, or the stream cannot be followed any further.
    fn begin_text(&mut self, key: &[u8]);

    /// The value of the string that has begun.
    fn end_text(&mut self, database: u32, value: &[u8], expire_at_ms: Option<i64>);

    /// A collection begins; whether its elements are to come one by one. If not, it is given as a
    /// record.
    fn begin_collection(&mut self, head: &KeyHead<'_>) -> bool;

    /// An element of the collection that has begun, which is given back if it must become a record
    /// after all.
    fn add_element(&mut self, element: &Element<'_>) -> Result<(), OpenKey>;

    /// The collection that has begun is whole.
    fn end_collection(&mut self, database: u32);

    /// Any other record.
    fn give(&mut self, record: Record);
}

/// Gives on whole records, strings too.
pub(super) struct Whole<F> {
    key: Vec<u8>,
    give: F,
}

impl<F> Whole<F> {
    /// Gives them to `give`.
    pub(super) fn new(give: F) -> Self {
        let key = Vec::new();
        Self { key, give }
    }
}

impl<F: FnMut(Record)> Recipient for Whole<F> {
    fn expect(&mut self, _database: u32, _keys: u64) {}

    fn begin_text(&mut self, key: &[u8]) {
        self.key = key.to_vec();
    }

    fn end_text(&mut self, database: u32, value: &[u8], expire_at_ms: Option<i64>) {
        (self.give)(Record::Set {
            database,
            key: std::mem::take(&mut self.key),
            value: Value::String(value.to_vec()),
            expire_at_ms,
        });
    }

    fn begin_collection(&mut self, _: &KeyHead<'_>) -> bool {
        false
    }

    fn add_element(&mut self, _: &Element<'_>) -> Result<(), OpenKey> {
        Ok(())
    }

    fn end_collection(&mut self, _: u32) {}

    fn give(&mut self, record: Record) {
        (self.give)(record);
    }
}
