//! Hashes that share their fields through a template, as Redis 8.10 writes them.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::walk::Parts;
use crate::compact::{self, CompactEntry, Container, Cursor, Span};
use crate::error::{CompactError, DecodeError};
use crate::input::{Blob, Input, Slot};
use crate::options::Limits;
use crate::source::Source;
use crate::value_type::ValueType;

/// The forms of the fields of a hash that brings its own: one listpack, or strings.
const FIELDS_LISTPACK: u64 = 0;
const FIELDS_STRINGS: u64 = 1;
/// Memory that a field takes beside its bytes.
const AROUND_FIELD_BYTES: u64 = size_of::<Vec<u8>>() as u64;

type Fields = Arc<[Vec<u8>]>;

/// The templates of a stream, and the place within a hash that uses one.
#[derive(Debug, Default)]
pub(crate) struct Templates {
    known: BTreeMap<u64, Fields>,
    // Memory that the fields of all of them take.
    known_bytes: u64,
    // Fields of the hash that is being read, and how many of them were given.
    fields: Fields,
    given: usize,
    // The listpack that holds the values, if one does.
    values: Option<(Blob, Cursor)>,
}

impl Templates {
    /// Reads the definition of a template, in a record that starts at `record`.
    pub(crate) fn define<S: Source>(
        &mut self,
        record: u64,
        input: &mut Input<S>,
    ) -> Result<(), DecodeError> {
        let offset = input.position();
        let id = input.length()?;
        let mut gathered = Gathered::new(record, self.known_bytes);
        gathered.strings(input)?;
        if self.known.contains_key(&id) || gathered.fields.is_empty() {
            return Err(DecodeError::Template { offset, id });
        }
        self.known_bytes = gathered.bytes;
        self.known.insert(id, gathered.fields.into());
        Ok(())
    }

    /// Starts on a hash, in a record that starts at `record`.
    pub(crate) fn start<S: Source>(
        &mut self,
        value_type: ValueType,
        record: u64,
        input: &mut Input<S>,
    ) -> Result<(), DecodeError> {
        self.given = 0;
        self.values = None;
        match value_type {
            ValueType::HashTemplate | ValueType::HashTemplateListpack => {
                self.fields = own_fields(record, input)?;
                if value_type == ValueType::HashTemplateListpack {
                    self.open_values(input)?;
                }
            }
            ValueType::HashTemplateRef => {
                let offset = input.position();
                let id = input.length()?;
                self.fields = self.find(offset, id)?;
            }
            _ => {
                let offset = input.position();
                let id = self.open_values(input)?;
                self.fields = self.find(offset, id)?;
            }
        }
        Ok(())
    }

    fn find(&self, offset: u64, id: u64) -> Result<Fields, DecodeError> {
        let known = self.known.get(&id).map(Arc::clone);
        known.ok_or(DecodeError::Template { offset, id })
    }

    /// Reads the listpack of values, and from it the id that stands before them.
    fn open_values<S: Source>(&mut self, input: &mut Input<S>) -> Result<u64, DecodeError> {
        let blob = input.blob()?;
        let offset = blob.offset;
        let bytes = input.blob_bytes(blob);
        let damaged = |source| damaged(offset, source);
        // The walk that follows finds what is wrong with an entry before it is given.
        let mut cursor = Cursor::new(Container::Listpack, bytes).map_err(damaged)?;
        let first = cursor.next(bytes).map_err(damaged)?;
        self.values = Some((blob, cursor));
        match first {
            Some(Span::Integer(id @ 0..)) => Ok(id.cast_unsigned()),
            _ => Err(damaged(CompactError::Empty)),
        }
    }

    /// The next field and its value; `false` after the last one.
    pub(crate) fn next<S: Source>(
        &mut self,
        input: &mut Input<S>,
        parts: &mut Parts,
    ) -> Result<bool, DecodeError> {
        let Some(field) = self.fields.get(self.given) else {
            return self.finish(input);
        };
        self.given = self.given.wrapping_add(1);
        let place = input.slot_mut(Slot::First);
        place.clear();
        place.extend_from_slice(field);
        parts.first = crate::input::Text::Slot(Slot::First);
        let Some((blob, cursor)) = &mut self.values else {
            parts.second = input.string(Slot::Second)?;
            return Ok(true);
        };
        let offset = blob.offset;
        let at = cursor.at();
        let next = cursor.next(input.blob_bytes(*blob));
        parts.second = match next.map_err(|source| damaged(offset, source))? {
            Some(Span::Bytes { start, end }) => blob.text(start, end),
            Some(Span::Integer(value)) => input.decimal(Slot::Second, value),
            None => return Err(damaged(offset, CompactError::Odd { at })),
        };
        Ok(true)
    }

    fn finish<S: Source>(&mut self, input: &mut Input<S>) -> Result<bool, DecodeError> {
        let Some((blob, mut cursor)) = self.values.take() else {
            return Ok(false);
        };
        let at = cursor.at();
        match cursor.next(input.blob_bytes(blob)) {
            Ok(None) => {}
            Ok(Some(_)) => return Err(damaged(blob.offset, CompactError::Odd { at })),
            Err(source) => return Err(damaged(blob.offset, source)),
        }
        input.end_blob(blob);
        Ok(false)
    }
}

fn damaged(offset: u64, source: CompactError) -> DecodeError {
    DecodeError::Container {
        offset,
        container: Container::Listpack,
        source,
    }
}

/// Fields as they come, within limits: nobody sees them before the last one.
#[derive(Debug)]
struct Gathered {
    fields: Vec<Vec<u8>>,
    // Memory that they take, with that of others they are held along with.
    bytes: u64,
    // Where their record starts.
    record: u64,
}

impl Gathered {
    fn new(record: u64, bytes: u64) -> Self {
        Self {
            fields: Vec::new(),
            bytes,
            record,
        }
    }

    /// Reads a number, then so many strings.
    fn strings<S: Source>(&mut self, input: &mut Input<S>) -> Result<(), DecodeError> {
        let limits = input.limits();
        for _ in 0..input.length()? {
            input.commit();
            let text = input.string(Slot::First)?;
            let offset = input.position();
            self.add(offset, input.text(text), limits)?;
        }
        Ok(())
    }

    /// Adds a field that ends before `offset`.
    fn add(&mut self, offset: u64, field: &[u8], limits: Limits) -> Result<(), DecodeError> {
        let record_bytes = offset.saturating_sub(self.record);
        let field_bytes = AROUND_FIELD_BYTES.saturating_add(field.len() as u64);
        let bytes = self.bytes.saturating_add(field_bytes);
        let count = (self.fields.len() as u64).saturating_add(1);
        limits.check_total(offset)?;
        for (what, amount, limit) in [
            ("elements in a value", count, limits.elements_max),
            ("bytes in a value", record_bytes, limits.value_bytes_max),
            ("bytes in hash templates", bytes, limits.template_bytes_max),
        ] {
            Limits::check(offset, what, amount, limit)?;
        }
        self.bytes = bytes;
        self.fields.push(field.to_vec());
        Ok(())
    }
}

/// The fields of a hash that brings its own, in a record that starts at `record`.
fn own_fields<S: Source>(record: u64, input: &mut Input<S>) -> Result<Fields, DecodeError> {
    let offset = input.position();
    let mut gathered = Gathered::new(record, 0);
    match input.length()? {
        FIELDS_STRINGS => gathered.strings(input)?,
        FIELDS_LISTPACK => {
            let blob = input.blob()?;
            let bytes = input.blob_bytes(blob);
            let items = crate::object::Shape::Items;
            compact::check(Container::Listpack, bytes, items)
                .map_err(|source| damaged(blob.offset, source))?;
            let entries = Container::Listpack.entries(bytes);
            let entries = entries.map_err(|source| damaged(blob.offset, source))?;
            let limits = input.limits();
            for field in entries.filter_map(Result::ok).map(CompactEntry::to_vec) {
                gathered.add(blob.offset, &field, limits)?;
            }
            input.end_blob(blob);
        }
        id => return Err(DecodeError::Template { offset, id }),
    }
    Ok(gathered.fields.into())
}
