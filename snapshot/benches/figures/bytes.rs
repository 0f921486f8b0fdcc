//! The bench's value: a byte string, inline when short.

use rdb_format::{EncodeError, Encoder, ValueType};
use snapshot::{Copies, Frozen, Piece, Value};

/// The longest bytes that need no allocation.
const INLINE_BYTES: usize = 22;

/// A byte string in three words.
#[derive(Clone, Debug)]
pub(crate) enum Bytes {
    Inline { len: u8, bytes: [u8; INLINE_BYTES] },
    Owned(Box<[u8]>),
}

impl Bytes {
    pub(crate) fn new(input: Vec<u8>) -> Self {
        let mut bytes = [0; INLINE_BYTES];
        match (u8::try_from(input.len()), bytes.get_mut(..input.len())) {
            (Ok(len), Some(place)) => {
                place.copy_from_slice(&input);
                Self::Inline { len, bytes }
            }
            _ => Self::Owned(input.into_boxed_slice()),
        }
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Inline { len, bytes } => &bytes[..usize::from(*len)],
            Self::Owned(bytes) => bytes,
        }
    }
}

impl Value for Bytes {
    fn value_type(&self) -> ValueType {
        ValueType::String
    }

    fn expire_at_ms(&self) -> Option<i64> {
        None
    }

    fn weight_bytes(&self) -> usize {
        size_of::<Self>() + self.as_bytes().len()
    }

    fn out_of_line(&self) -> &[u8] {
        match self {
            Self::Inline { .. } => &[],
            Self::Owned(bytes) => bytes,
        }
    }

    fn encode(&self, encoder: &mut Encoder, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        encoder.string(out, self.as_bytes());
        Ok(())
    }

    fn freeze(&self, _: &Copies) -> Box<dyn Frozen> {
        Box::new(Whole(self.clone()))
    }
}

/// A frozen value: small, so one piece.
struct Whole(Bytes);

impl Frozen for Whole {
    fn encode_piece(
        &mut self,
        encoder: &mut Encoder,
        out: &mut Vec<u8>,
        _: usize,
    ) -> Result<Piece, EncodeError> {
        self.0.encode(encoder, out)?;
        Ok(Piece::Last)
    }
}
