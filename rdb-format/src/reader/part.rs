//! Parts of a stream that stand alone.

use super::{Reader, State};
use crate::error::DecodeError;
use crate::event::{Dialect, Event};
use crate::options::{ReadOptions, Values};
use crate::source::SliceSource;
use crate::value_type::ValueType;

impl<'a> Reader<SliceSource<'a>> {
    /// A reader of one value without its key, which gives its elements and the end of the key.
    pub(crate) fn of_value(
        body: &'a [u8],
        value_type: ValueType,
        dialect: Dialect,
        options: ReadOptions,
    ) -> Result<Self, DecodeError> {
        let mut reader = Self::without_header(body, dialect, options);
        reader.values = Values::Decoded;
        reader.begin(0, value_type)?;
        Ok(reader)
    }

    fn without_header(bytes: &'a [u8], dialect: Dialect, options: ReadOptions) -> Self {
        let mut reader = Self::from_slice(bytes).with_options(options);
        reader.state = State::Records;
        reader.dialect = dialect;
        reader
    }

    /// The libraries in a run of function records without header or end.
    pub(crate) fn functions(records: &'a [u8]) -> Result<Vec<Vec<u8>>, DecodeError> {
        let mut reader = Self::without_header(records, Dialect::Redis, ReadOptions::default());
        let mut functions = Vec::new();
        while reader.position() < records.len() as u64 {
            let offset = reader.position();
            let Some(Event::Function(source)) = reader.next_event()? else {
                let opcode = usize::try_from(offset).ok().and_then(|at| records.get(at));
                let opcode = opcode.copied().unwrap_or_default();
                return Err(DecodeError::UnsupportedOpcode { offset, opcode });
            };
            functions.push(source.to_vec());
        }
        Ok(functions)
    }

    /// How long the metadata of a key is that `bytes` begin with.
    pub(crate) fn key_meta_len(
        bytes: &'a [u8],
        options: ReadOptions,
    ) -> Result<usize, DecodeError> {
        let mut reader = Self::without_header(bytes, Dialect::Redis, options);
        reader.key_meta()?;
        Ok(usize::try_from(reader.position()).unwrap_or(usize::MAX))
    }
}
