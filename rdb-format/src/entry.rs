//! Whole keys that own their bytes, for callers that want no events.

use crate::error::DecodeError;
use crate::event::Event;
use crate::object::Value;
use crate::options::Values;
use crate::reader::Reader;
use crate::source::Source;

/// A key with its value and attributes.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Entry {
    /// The database it belongs to.
    pub db: u32,
    /// The key.
    pub key: Vec<u8>,
    /// When it expires, in milliseconds since 1970.
    pub expire_at_ms: Option<i64>,
    /// Seconds since it was last used.
    pub idle_s: Option<u64>,
    /// Access frequency, logarithmic.
    pub freq: Option<u8>,
    /// Metadata that modules keep with the key, as stored (Redis 8.6).
    pub meta: Option<Vec<u8>>,
    /// The value.
    pub value: Value,
}

impl<S: Source> Reader<S> {
    /// The next key with its whole value, past all other events and past keys that are skipped as
    /// asked; `None` once the stream is complete and its checksum verified.
    ///
    /// A key that has begun is finished first if events were taken one by one before.
    ///
    /// ```
    /// use rdb_format::{Reader, Value};
    ///
    /// let mut reader = Reader::from_slice(b"REDIS0003\xfe\x02\x01\x04list\x02\x01a\xc0\x05\xff");
    /// let entry = reader.next_entry()?.expect("one key");
    /// assert_eq!((entry.db, entry.key.as_slice()), (2, &b"list"[..]));
    /// assert_eq!(entry.value, Value::List(vec![b"a".to_vec(), b"5".to_vec()]));
    /// assert_eq!(reader.next_entry()?, None);
    /// # Ok::<(), rdb_format::DecodeError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`next_event`](Reader::next_event).
    pub fn next_entry(&mut self) -> Result<Option<Entry>, DecodeError> {
        let values = self.set_values(Values::Decoded);
        let entry = self.whole_entry();
        self.set_values(values);
        entry
    }

    fn whole_entry(&mut self) -> Result<Option<Entry>, DecodeError> {
        let mut entry = None;
        let mut meta = None;
        while let Some(event) = self.next_event()? {
            match event {
                Event::KeyMeta(bytes) => meta = Some(bytes.to_vec()),
                Event::Key(head) => {
                    let Some(value) = Value::empty(head.value_type) else {
                        continue;
                    };
                    entry = Some(Entry {
                        db: 0,
                        key: head.key.to_vec(),
                        expire_at_ms: head.expire_at_ms,
                        idle_s: head.idle_s,
                        freq: head.freq,
                        meta: meta.take(),
                        value,
                    });
                }
                Event::Element(element) => {
                    if let Some(entry) = &mut entry {
                        entry.value.push(element);
                    }
                }
                Event::InsertIndex(index) => {
                    if let Some(entry) = &mut entry {
                        entry.value.set_insert_index(index);
                    }
                }
                Event::Stream(part) => {
                    if let Some(entry) = &mut entry {
                        entry.value.add(part);
                    }
                }
                Event::KeyEnd { .. } => {
                    if let Some(mut entry) = entry {
                        entry.db = self.database();
                        return Ok(Some(entry));
                    }
                }
                _ => {}
            }
        }
        Ok(None)
    }
}
