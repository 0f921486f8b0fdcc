//! The values that are simulated: numbers with padding, that tell what was added to them.

use std::cell::Cell;

use rdb_format::{EncodeError, Encoder, Value as Owned, ValueType};
use snapshot::{Copies, FromRdb, Frozen, Piece, Telling, Value};

thread_local! {
    /// What frozen values keep alive now, in bytes.
    static FROZEN: Cell<usize> = const { Cell::new(0) };
    /// The most that they have kept alive.
    static FROZEN_MAX: Cell<usize> = const { Cell::new(0) };
    /// The name of the state that was named last.
    static NAME: Cell<u64> = const { Cell::new(0) };
}

/// A name for the state of a value that none had before.
fn new_name() -> u64 {
    NAME.set(NAME.get() + 1);
    NAME.get()
}

/// How many of its last changes a value can tell.
const STEPS_MAX: usize = 3;

/// Forgets what earlier runs on this thread have frozen.
pub(crate) fn forget_frozen() {
    FROZEN.set(0);
    FROZEN_MAX.set(0);
    NAME.set(0);
}

/// What frozen values keep alive, and the most that they ever did, in bytes.
pub(crate) fn frozen_bytes() -> (usize, usize) {
    (FROZEN.get(), FROZEN_MAX.get())
}

/// A number with padding: as heavy as the run wants it. An even one is a string, an odd one a
/// list of two.
#[derive(Debug, Clone)]
pub(crate) struct Val {
    pub(crate) number: u64,
    pub(crate) padding_bytes: usize,
    pub(crate) expire_at_ms: Option<i64>,
    /// Whether no encoder takes it.
    pub(crate) refuses: bool,
    /// The name of its state.
    pub(crate) name: u64,
    /// The names of its last states, and what was added to each.
    pub(crate) steps: Vec<(u64, u64)>,
}

// What a value holds, not how it came to it.
impl PartialEq for Val {
    fn eq(&self, other: &Self) -> bool {
        (self.number, self.padding_bytes) == (other.number, other.padding_bytes)
            && (self.expire_at_ms, self.refuses) == (other.expire_at_ms, other.refuses)
    }
}

impl Eq for Val {}

impl Val {
    pub(crate) fn number(number: u64) -> Self {
        Self {
            number,
            padding_bytes: 0,
            expire_at_ms: None,
            refuses: false,
            name: new_name(),
            steps: Vec::new(),
        }
    }

    /// Changes the number in place.
    pub(crate) fn become_number(&mut self, number: u64) {
        if self.steps.len() == STEPS_MAX {
            self.steps.remove(0);
        }
        let added = number.wrapping_sub(self.number);
        self.steps.push((self.name, added));
        self.name = new_name();
        self.number = number;
    }

    fn is_list(&self) -> bool {
        self.number % 2 == 1
    }

    /// Its strings as a file has them, but for their lengths.
    fn bytes(&self) -> Vec<u8> {
        let mut bytes = self.number.to_le_bytes().to_vec();
        bytes.resize(8 + self.padding_bytes, b'.');
        bytes
    }

    fn check(&self) -> Result<(), EncodeError> {
        if self.refuses {
            return Err(EncodeError::Duplicate { key: Vec::new() });
        }
        Ok(())
    }
}

impl Value for Val {
    fn value_type(&self) -> ValueType {
        if self.is_list() {
            ValueType::List
        } else {
            ValueType::String
        }
    }

    fn expire_at_ms(&self) -> Option<i64> {
        self.expire_at_ms
    }

    fn weight_bytes(&self) -> usize {
        8 + self.padding_bytes
    }

    fn encode(&self, encoder: &mut Encoder, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        self.check()?;
        let bytes = self.bytes();
        if self.is_list() {
            let (number, padding) = bytes.split_at(8);
            encoder.length(out, 2);
            encoder.string(out, number);
            encoder.string(out, padding);
        } else {
            encoder.string(out, &bytes);
        }
        Ok(())
    }

    fn mark(&self) -> Option<u64> {
        Some(self.name)
    }

    fn delta_since(&self, mark: u64, out: &mut Vec<u8>) -> bool {
        let since = self.steps.iter().position(|(name, _)| *name == mark);
        let Some(since) = since else {
            return false;
        };
        let steps = self.steps[since..].iter();
        let added = steps.fold(0_u64, |sum, (_, added)| sum.wrapping_add(*added));
        out.extend_from_slice(&added.to_le_bytes());
        true
    }

    fn freeze(&self, _copies: &Copies) -> Box<dyn Frozen> {
        let frozen = FROZEN.get() + self.weight_bytes();
        FROZEN.set(frozen);
        FROZEN_MAX.set(FROZEN_MAX.get().max(frozen));
        Box::new(FrozenVal {
            val: self.clone(),
            body: None,
        })
    }
}

struct FrozenVal {
    val: Val,
    // What is still to be told of it, once it has begun.
    body: Option<Vec<u8>>,
}

impl Frozen for FrozenVal {
    fn encode_piece(
        &mut self,
        encoder: &mut Encoder,
        out: &mut Vec<u8>,
        piece_bytes: usize,
    ) -> Result<Piece, EncodeError> {
        let begun = self.body.take();
        let mut body = begun.map_or_else(
            || {
                let mut body = Vec::new();
                self.val.encode(encoder, &mut body).map(|()| body)
            },
            Ok,
        )?;
        let rest = body.split_off(piece_bytes.min(body.len()));
        out.extend_from_slice(&body);
        let piece = if rest.is_empty() {
            Piece::Last
        } else {
            Piece::More
        };
        self.body = Some(rest);
        Ok(piece)
    }
}

impl Drop for FrozenVal {
    fn drop(&mut self) {
        FROZEN.set(FROZEN.get().saturating_sub(self.val.weight_bytes()));
    }
}

impl FromRdb for Val {
    const TAKES: Telling = Telling::Deltas;

    fn from_rdb(value: Owned, expire_at_ms: Option<i64>) -> Result<Self, Owned> {
        match value {
            Owned::String(bytes) => Ok(Self::from_string(&bytes, expire_at_ms)),
            Owned::List(items) => Ok(Self::from_string(&items.concat(), expire_at_ms)),
            other => Err(other),
        }
    }

    fn from_string(bytes: &[u8], expire_at_ms: Option<i64>) -> Self {
        // A damaged stream may hold anything, until its checksum is found wrong.
        let number = bytes
            .first_chunk()
            .map(|number| u64::from_le_bytes(*number));
        Self {
            padding_bytes: bytes.len().saturating_sub(8),
            expire_at_ms,
            refuses: number.is_none(),
            ..Self::number(number.unwrap_or_default())
        }
    }

    fn apply_delta(&mut self, delta: &[u8]) -> bool {
        let Ok(added) = delta.try_into().map(u64::from_le_bytes) else {
            return false;
        };
        self.number = self.number.wrapping_add(added);
        true
    }
}
