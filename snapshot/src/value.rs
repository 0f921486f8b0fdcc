//! What a value must be able to do to be saved and loaded.

use rdb_format::{EncodeError, Encoder, Target, ValueType};

use crate::copies::Copies;
use crate::elements::Elements;
use crate::stream::Telling;

/// A value that a [`Keyspace`](crate::Keyspace) stores and a snapshot saves.
///
/// A snapshot asks a value for its [`weight_bytes`](Self::weight_bytes) first.
/// A light value is encoded at once, on its shard's thread; a heavy one is
/// [frozen](Self::freeze) in O(1) and encoded later by the sink's thread, piece by piece, so
/// that no write ever waits for it.
///
/// A text that is replaced, never changed, so that a view of it shares all of it:
///
/// ```
/// use std::sync::Arc;
///
/// use rdb_format::{EncodeError, Encoder, ValueType};
/// use snapshot::{Copies, FromRdb, Frozen, Piece, Value};
///
/// struct Text(Arc<[u8]>);
///
/// impl Value for Text {
///     fn value_type(&self) -> ValueType { ValueType::String }
///     fn expire_at_ms(&self) -> Option<i64> { None }
///     fn weight_bytes(&self) -> usize { self.0.len() }
///
///     fn encode(&self, encoder: &mut Encoder, out: &mut Vec<u8>) -> Result<(), EncodeError> {
///         encoder.string(out, &self.0);
///         Ok(())
///     }
///
///     fn freeze(&self, _: &Copies) -> Box<dyn Frozen> {
///         Box::new(View { text: Arc::clone(&self.0), done: None })
///     }
/// }
///
/// struct View { text: Arc<[u8]>, done: Option<usize> }
///
/// impl Frozen for View {
///     fn encode_piece(
///         &mut self,
///         encoder: &mut Encoder,
///         out: &mut Vec<u8>,
///         piece_bytes: usize,
///     ) -> Result<Piece, EncodeError> {
///         let start = self.done.unwrap_or_else(|| {
///             encoder.length(out, self.text.len() as u64);
///             0
///         });
///         let end = self.text.len().min(start + piece_bytes);
///         out.extend_from_slice(&self.text[start..end]);
///         self.done = Some(end);
///         Ok(if end == self.text.len() { Piece::Last } else { Piece::More })
///     }
/// }
///
/// impl FromRdb for Text {
///     fn from_rdb(value: rdb_format::Value, _: Option<i64>) -> Result<Self, rdb_format::Value> {
///         match value {
///             rdb_format::Value::String(bytes) => Ok(Self(bytes.into())),
///             other => Err(other),
///         }
///     }
///
///     fn from_string(bytes: &[u8], _: Option<i64>) -> Self { Self(bytes.into()) }
/// }
///
/// # use rdb_format::{Compression, Target};
/// # let text = Text::from_string(&[b'x'; 1000], None);
/// # let mut encoder = Encoder::new(Target::default(), Compression::None);
/// # let (mut whole, mut pieces) = (Vec::new(), Vec::new());
/// # text.encode(&mut encoder, &mut whole)?;
/// # let mut view = text.freeze(&Copies::uncounted());
/// # while view.encode_piece(&mut encoder, &mut pieces, 300)? == Piece::More {}
/// # assert_eq!(whole, pieces);
/// # Ok::<(), EncodeError>(())
/// ```
pub trait Value: Sized + Send + 'static {
    /// The RDB type that [`encode`](Self::encode) and the frozen view write.
    fn value_type(&self) -> ValueType;

    /// The RDB type that is written for this target, where that depends on the target; the
    /// [`value_type`](Self::value_type) by default.
    fn value_type_for(&self, target: Target) -> ValueType {
        let _ = target;
        self.value_type()
    }

    /// When the key expires, in milliseconds since 1970; `None` if it never does.
    fn expire_at_ms(&self) -> Option<i64>;

    /// About how many bytes the encoded body takes, or the value keeps in memory, whichever is
    /// more: the one bounds the work on the shard, the other what a frozen view holds.
    ///
    /// Must be O(1): it is asked for every entry of a bucket that is delivered.
    fn weight_bytes(&self) -> usize;

    /// What the value keeps out of line and is read first when it is encoded; nothing by default.
    ///
    /// Asked for all values of a bucket some time before they are encoded, so that the memory
    /// brings what each of them keeps elsewhere all at once, while others are encoded.
    fn out_of_line(&self) -> &[u8] {
        &[]
    }

    /// Appends the body of the value, as [`value_type`](Self::value_type) lays it out.
    ///
    /// # Errors
    ///
    /// When the encoder's target cannot hold the value.
    fn encode(&self, encoder: &mut Encoder, out: &mut Vec<u8>) -> Result<(), EncodeError>;

    /// A name for the state that the value has now, if the value can tell later what has changed
    /// since; `None` by default.
    ///
    /// Asked before a change that a stream has to tell. No two states of any values may have the
    /// same name in one process, since a value may take another's place: draw names from one
    /// counter. Must be O(1).
    fn mark(&self) -> Option<u64> {
        None
    }

    /// Appends what has changed since the value's state was named `mark`, in a form that
    /// [`FromRdb::apply_delta`] understands; `false` if it does not know that state, or its whole
    /// would be shorter: then it is told as a whole. Appends nothing by default.
    ///
    /// For values that are large and change in small steps. Must not be longer than 512 KiB.
    fn delta_since(&self, mark: u64, out: &mut Vec<u8>) -> bool {
        let _ = (mark, out);
        false
    }

    /// An immutable view of the value as it is now, taken in O(1).
    ///
    /// Later changes to the value must not show in the view. A value that changes in place keeps
    /// a clone of `copies`, and tells there what it copies because of the view; one that is only
    /// ever replaced needs nothing of it.
    ///
    /// Called only for values heavier than [`RIDER_BYTES`](crate::RIDER_BYTES), but must work
    /// for every value.
    fn freeze(&self, copies: &Copies) -> Box<dyn Frozen>;
}

/// A frozen value on its way to the sink, encoded there in pieces.
pub trait Frozen: Send {
    /// Appends the next piece of the body to `out`: about `piece_bytes` bytes.
    ///
    /// Called again after [`Piece::More`]; all pieces together are the whole body.
    ///
    /// # Errors
    ///
    /// When the encoder's target cannot hold the value.
    fn encode_piece(
        &mut self,
        encoder: &mut Encoder,
        out: &mut Vec<u8>,
        piece_bytes: usize,
    ) -> Result<Piece, EncodeError>;
}

/// Whether a frozen value has been encoded to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Piece {
    /// There is more to come.
    More,
    /// That was the last piece.
    Last,
}

/// A value that can be built from what an RDB file holds.
pub trait FromRdb: Value {
    /// What a replica of such values asks its master for; whole values, unless
    /// [`apply_delta`](Self::apply_delta) understands what the master's values tell.
    const TAKES: Telling = Telling::Whole;

    /// Builds a value from its owned form.
    ///
    /// # Errors
    ///
    /// Gives the value back when the store has no such type.
    fn from_rdb(
        value: rdb_format::Value,
        expire_at_ms: Option<i64>,
    ) -> Result<Self, rdb_format::Value>;

    /// Builds a string value; the short way for the most frequent type.
    fn from_string(bytes: &[u8], expire_at_ms: Option<i64>) -> Self;

    /// Builds a collection from its elements: the short way for small ones, for which they need not
    /// be put together first. As [`from_rdb`](Self::from_rdb) of what they make up, by default.
    ///
    /// # Errors
    ///
    /// Gives the collection back when the store has no such type.
    fn from_elements(
        elements: Elements<'_>,
        expire_at_ms: Option<i64>,
    ) -> Result<Self, rdb_format::Value> {
        Self::from_rdb(elements.to_value(), expire_at_ms)
    }

    /// Changes the value as another one told by [`Value::delta_since`]; whether it understood. It
    /// understands nothing by default. A type that does says so in [`TAKES`](Self::TAKES).
    fn apply_delta(&mut self, delta: &[u8]) -> bool {
        let _ = delta;
        false
    }
}
