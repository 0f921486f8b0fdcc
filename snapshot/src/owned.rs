//! Values of the codec, as they are: for stores that keep them and change them only as a whole.

use std::sync::Arc;

use rdb_format::{Compression, EncodeError, Encoder, Target, Value as Codec, ValueType};

use crate::copies::Copies;
use crate::value::{FromRdb, Frozen, Piece, Value};

/// A value of the codec, of any type that a file can have, for a [`Keyspace`](crate::Keyspace).
///
/// It is replaced, not changed, so a frozen view shares all of it. A string is encoded in pieces
/// of any size, a list, set, hash or sorted set in pieces of whole elements; the others at once.
///
/// ```
/// use rdb_format::Value;
/// use snapshot::{Key, Keyspace, Owned};
///
/// let mut keyspace = Keyspace::new();
/// let list = Value::List(vec![b"a".to_vec(), b"b".to_vec()]);
/// keyspace.database(0).insert(Key::from(&b"list"[..]), Owned::new(list, None));
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Owned {
    value: Arc<Codec>,
    expire_at_ms: Option<i64>,
    weight_bytes: usize,
}

impl Owned {
    /// Holds `value`, which expires at this time, in milliseconds since 1970, if it does.
    /// O(elements).
    pub fn new(value: Codec, expire_at_ms: Option<i64>) -> Self {
        Self {
            weight_bytes: weight_bytes(&value),
            value: Arc::new(value),
            expire_at_ms,
        }
    }

    /// The value.
    pub fn get(&self) -> &Codec {
        &self.value
    }
}

/// About what a value takes in memory, which is more than its encoded form.
fn weight_bytes(value: &Codec) -> usize {
    let text = |text: &Vec<u8>| size_of::<Vec<u8>>() + text.len();
    let pair = |(field, value): &(Vec<u8>, Vec<u8>)| text(field) + text(value);
    match value {
        Codec::String(bytes) | Codec::Module(bytes) => text(bytes),
        Codec::List(items) | Codec::Set(items) => items.iter().map(text).sum(),
        Codec::Hash(fields) => fields.iter().map(pair).sum(),
        Codec::SortedSet(members) => members.iter().map(|(member, _)| text(member) + 8).sum(),
        Codec::ExpiringHash(fields) => {
            let fields = fields.iter();
            fields.map(|(f, v, _)| text(f) + text(v) + 16).sum()
        }
        Codec::Array(array) => {
            let elements = array.elements.iter();
            elements.map(|(_, element)| 8 + text(element)).sum()
        }
        Codec::Stream(stream) => {
            let records = stream.records.iter();
            let entries = records.map(|record| 48 + record.fields.iter().map(pair).sum::<usize>());
            // A pending entry stands in the group and with its consumer.
            let groups = stream.groups.iter();
            entries.sum::<usize>() + groups.map(|g| 200 + g.pending.len() * 64).sum::<usize>()
        }
        // A type that came later than this.
        _ => crate::RIDER_BYTES + 1,
    }
}

/// What a value that is the same for every target is encoded as, piece by piece.
enum Part<'a> {
    Text(&'a [u8]),
    Score(f64),
}

/// Part number `index` of a collection that is the same for every target.
fn part(value: &Codec, index: usize) -> Option<Part<'_>> {
    let (element, is_first) = (index / 2, index.is_multiple_of(2));
    Some(match value {
        Codec::List(items) | Codec::Set(items) => Part::Text(items.get(index)?),
        Codec::Hash(fields) => {
            let (field, value) = fields.get(element)?;
            Part::Text(if is_first { field } else { value })
        }
        Codec::SortedSet(members) => match members.get(element)? {
            (member, _) if is_first => Part::Text(member),
            (_, score) => Part::Score(*score),
        },
        _ => return None,
    })
}

/// How many elements a collection has that is the same for every target.
fn elements(value: &Codec) -> Option<usize> {
    Some(match value {
        Codec::List(items) | Codec::Set(items) => items.len(),
        Codec::Hash(fields) => fields.len(),
        Codec::SortedSet(members) => members.len(),
        _ => return None,
    })
}

impl Value for Owned {
    fn value_type(&self) -> ValueType {
        self.value.value_type()
    }

    /// Encodes the value to find out, unless it is a string, list, set, hash or sorted set.
    fn value_type_for(&self, target: Target) -> ValueType {
        if matches!(*self.value, Codec::String(_)) || elements(&self.value).is_some() {
            return self.value_type();
        }
        let mut encoder = Encoder::new(target, Compression::None);
        // What fails here fails again when it is written, and is told then.
        let fitted = encoder.fitted_value(&mut Vec::new(), &self.value);
        fitted.unwrap_or(self.value_type())
    }

    fn expire_at_ms(&self) -> Option<i64> {
        self.expire_at_ms
    }

    fn weight_bytes(&self) -> usize {
        self.weight_bytes
    }

    fn encode(&self, encoder: &mut Encoder, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        if let Codec::String(bytes) = &*self.value {
            encoder.string(out, bytes);
            return Ok(());
        }
        let mut frozen = FrozenOwned::new(&self.value);
        while frozen.encode_piece(encoder, out, usize::MAX)? == Piece::More {}
        Ok(())
    }

    fn freeze(&self, _copies: &Copies) -> Box<dyn Frozen> {
        Box::new(FrozenOwned::new(&self.value))
    }
}

impl FromRdb for Owned {
    fn from_rdb(value: Codec, expire_at_ms: Option<i64>) -> Result<Self, Codec> {
        Ok(Self::new(value, expire_at_ms))
    }

    fn from_string(bytes: &[u8], expire_at_ms: Option<i64>) -> Self {
        Self::new(Codec::String(bytes.to_vec()), expire_at_ms)
    }
}

/// A frozen value and how far it has been encoded.
struct FrozenOwned {
    value: Arc<Codec>,
    started: bool,
    // Bytes of a string, or parts of a collection.
    done: usize,
}

impl FrozenOwned {
    fn new(value: &Arc<Codec>) -> Self {
        Self {
            value: Arc::clone(value),
            started: false,
            done: 0,
        }
    }
}

impl Frozen for FrozenOwned {
    fn encode_piece(
        &mut self,
        encoder: &mut Encoder,
        out: &mut Vec<u8>,
        piece_bytes: usize,
    ) -> Result<Piece, EncodeError> {
        let end = out.len().saturating_add(piece_bytes);
        let is_first = !std::mem::replace(&mut self.started, true);
        if let Codec::String(bytes) = &*self.value {
            if is_first {
                encoder.length(out, bytes.len() as u64);
            }
            let next = bytes.len().min(self.done.saturating_add(piece_bytes));
            out.extend_from_slice(bytes.get(self.done..next).unwrap_or_default());
            self.done = next;
            let is_last = next == bytes.len();
            return Ok(if is_last { Piece::Last } else { Piece::More });
        }
        let Some(elements) = elements(&self.value) else {
            encoder.fitted_value(out, &self.value)?;
            return Ok(Piece::Last);
        };
        if is_first {
            encoder.length(out, elements as u64);
        }
        while let Some(part) = part(&self.value, self.done) {
            if out.len() >= end {
                return Ok(Piece::More);
            }
            match part {
                Part::Text(text) => encoder.string(out, text),
                Part::Score(score) => encoder.score(out, score),
            }
            self.done += 1;
        }
        Ok(Piece::Last)
    }
}

#[cfg(test)]
mod tests {
    use rdb_format::{Reader, StreamId};

    use super::*;

    fn values() -> Vec<Codec> {
        let text = |n: usize| vec![b'x'; n];
        let stream = rdb_format::Stream {
            last_id: StreamId { ms: 3, seq: 0 },
            ..rdb_format::Stream::default()
        };
        vec![
            Codec::String(text(10_000)),
            Codec::List((0..100).map(text).collect()),
            Codec::Set((0..100).map(text).collect()),
            Codec::Hash((0..100).map(|n| (text(n), text(7))).collect()),
            Codec::SortedSet((0_u8..100).map(|n| (text(n.into()), n.into())).collect()),
            Codec::ExpiringHash((0..100).map(|n| (text(n), text(1), Some(5))).collect()),
            Codec::Stream(Box::new(stream)),
        ]
    }

    /// Reads the value back from a file with this body.
    fn read(owned: &Owned, target: Target, body: &[u8]) -> Codec {
        let mut encoder = Encoder::new(target, Compression::None);
        let mut file = Vec::new();
        encoder.header(&mut file);
        encoder.key(&mut file, b"key", owned.value_type_for(target), None);
        file.extend_from_slice(body);
        encoder.end(&mut file, None);
        let entry = Reader::from_slice(&file).next_entry();
        entry.unwrap().unwrap().value
    }

    #[test]
    fn every_type_is_read_back_as_it_was() {
        let target = Target::Redis74;
        for value in values() {
            let owned = Owned::new(value, Some(7));
            let mut encoder = Encoder::new(target, Compression::None);
            let mut whole = Vec::new();
            owned.encode(&mut encoder, &mut whole).unwrap();
            let mut frozen = owned.freeze(&Copies::uncounted());
            let mut pieces = Vec::new();
            while frozen.encode_piece(&mut encoder, &mut pieces, 100).unwrap() == Piece::More {}
            assert_eq!(pieces, whole, "{owned:?}");
            let Codec::Stream(read) = read(&owned, target, &whole) else {
                assert_eq!(read(&owned, target, &whole), *owned.get());
                continue;
            };
            assert_eq!(read.last_id, StreamId { ms: 3, seq: 0 });
        }
    }

    #[test]
    fn what_the_target_lacks_is_refused_when_it_is_written() {
        let [.., expiring, _] = &values()[..] else {
            unreachable!()
        };
        let owned = Owned::new(expiring.clone(), None);
        let mut encoder = Encoder::new(Target::Redis5, Compression::None);
        assert!(owned.encode(&mut encoder, &mut Vec::new()).is_err());
    }
}
