//! Streams: nodes of entries, then consumer groups. Their frame only; nothing is looked into.

use crate::error::DecodeError;
use crate::input::Input;
use crate::source::Source;
use crate::value_type::ValueType;

/// Bytes of an entry id, and of a time.
const ID_BYTES: u64 = 16;
const TIME_BYTES: u64 = 8;

/// What later forms of a stream add, in the order they came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Form {
    Plain,
    Counted,
    Active,
    Producers,
    Rejected,
}

impl Form {
    fn of(value_type: ValueType) -> Option<Self> {
        match value_type {
            ValueType::Stream => Some(Self::Plain),
            ValueType::Stream2 => Some(Self::Counted),
            ValueType::Stream3 => Some(Self::Active),
            ValueType::Stream4 => Some(Self::Producers),
            ValueType::Stream5 => Some(Self::Rejected),
            _ => None,
        }
    }
}

/// Passes the body of a stream; `false` when the type is no stream.
pub(crate) fn skip<S: Source>(
    value_type: ValueType,
    input: &mut Input<S>,
) -> Result<bool, DecodeError> {
    let Some(form) = Form::of(value_type) else {
        return Ok(false);
    };
    // Nodes: the key, which is an id, and the listpack.
    for _ in 0..input.length()? {
        input.skip_string()?;
        input.skip_string()?;
    }
    // Length and last id; from the second form on also first id, highest deleted id, all added.
    input.skip_lengths(if form >= Form::Counted { 8 } else { 3 })?;
    for _ in 0..input.length()? {
        skip_group(form, input)?;
    }
    if form >= Form::Producers {
        // Duration and size of the memory; producers, each with its recent ids; two counters.
        input.skip_lengths(2)?;
        for _ in 0..input.length()? {
            input.skip_string()?;
            for _ in 0..input.length()? {
                input.skip_string()?;
                input.skip_lengths(2)?;
            }
        }
        input.skip_lengths(2)?;
    }
    Ok(true)
}

fn skip_group<S: Source>(form: Form, input: &mut Input<S>) -> Result<(), DecodeError> {
    // Name, last id; from the second form on also the number of entries read.
    input.skip_string()?;
    input.skip_lengths(if form >= Form::Counted { 3 } else { 2 })?;
    // Pending entries: id, time and number of deliveries.
    for _ in 0..input.length()? {
        input.skip_bytes(ID_BYTES.wrapping_add(TIME_BYTES))?;
        input.skip_lengths(1)?;
    }
    // Consumers: name, time seen, from the third form on time active, ids of pending entries.
    for _ in 0..input.length()? {
        input.skip_string()?;
        let times = if form >= Form::Active { 2 } else { 1 };
        input.skip_bytes(TIME_BYTES.wrapping_mul(times))?;
        skip_ids(input)?;
    }
    if form >= Form::Rejected {
        skip_ids(input)?;
    }
    Ok(())
}

fn skip_ids<S: Source>(input: &mut Input<S>) -> Result<(), DecodeError> {
    let ids = input.length()?;
    input.skip_bytes(ids.saturating_mul(ID_BYTES))
}
