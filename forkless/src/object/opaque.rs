//! Values that the store keeps but does not know: modules, arrays, expiring fields.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use rdb_format::{
    BackLengths, Checksum, Compression, Dialect, Dump, EncodeError, Encoder, Encodings, Family,
    ReadOptions, Target, Value as Owned, ValueType,
};
use snapshot::{Frozen, Piece};

/// For whom a value is encoded when it comes: the first that can hold all of it, so that as many
/// servers as possible can be given the value as it is.
const TARGETS: [Target; 6] = [
    Target::Redis5,
    Target::Redis70,
    Target::Redis72,
    Target::Redis74,
    Target::Redis86,
    Target::Redis88,
];

/// Bytes of version and checksum at the end of a payload of `DUMP`.
const DUMP_FOOTER: [u8; 10] = [0; 10];

/// A value as a file has it: immutable, shareable, and as small.
pub struct Opaque {
    value_type: ValueType,
    body: Box<[u8]>,
}

impl Opaque {
    /// Keeps a value. `None` when no server could have it.
    pub(crate) fn new(value: &Owned) -> Option<Self> {
        TARGETS.into_iter().find_map(|target| {
            let encoder = Encoder::new(target, Compression::None);
            let mut encoder = encoder.with_encodings(Encodings::SERVERS);
            let mut body = Vec::new();
            let value_type = encoder.fitted_value(&mut body, value).ok()?;
            Some(Self {
                value_type,
                body: body.into_boxed_slice(),
            })
        })
    }

    /// The type that the value is kept in.
    pub fn value_type(&self) -> ValueType {
        self.value_type
    }

    /// The type that `target` gets. If it knows none, encoding fails.
    pub(crate) fn value_type_for(&self, target: Target) -> ValueType {
        if self.passes_to(target) {
            return self.value_type;
        }
        match (self.value_type.family(), target) {
            (Family::Hash, Target::Valkey9) => ValueType::HashExpiryPreview,
            (Family::Hash, Target::Redis88) => ValueType::HashExpiry,
            _ => self.value_type,
        }
    }

    /// Whether `target` gets the value as it is kept.
    fn passes_to(&self, target: Target) -> bool {
        // Only the newest type was packed for the newest servers.
        let newest = self.value_type == ValueType::Array;
        let repacked = target.back_lengths() == BackLengths::Short
            && self.value_type.holds_listpacks()
            && !newest;
        target.holds(self.value_type) && !repacked
    }

    /// About the bytes of its encoded form.
    pub(crate) fn weight_bytes(&self) -> usize {
        // Where fields expire, one target takes eight bytes for the time of each, another fewer.
        self.body.len() + 9
    }

    /// The body that the encoder's target gets.
    pub(crate) fn body(&self, encoder: &mut Encoder) -> Result<Cow<'_, [u8]>, EncodeError> {
        let target = encoder.target();
        if self.passes_to(target) {
            return Ok(match encoder.compression() {
                Compression::None => Cow::Borrowed(&self.body),
                Compression::Lzf => Cow::Owned(self.recoded(encoder)),
            });
        }
        let mut body = Vec::new();
        let value_type = encoder.fitted_value(&mut body, &self.decode())?;
        if value_type != self.value_type_for(target) {
            return Err(EncodeError::Type {
                key: Vec::new(),
                value_type,
                target,
            });
        }
        Ok(Cow::Owned(body))
    }

    /// The body with its strings as the encoder writes them.
    fn recoded(&self, encoder: &mut Encoder) -> Vec<u8> {
        let mut body = Vec::new();
        let recoded = encoder.recode(&mut body, self.value_type, Dialect::Redis, &self.body);
        recoded.unwrap_or_else(|error| unreachable!("what was encoded here is sound: {error}"));
        body
    }

    fn decode(&self) -> Owned {
        let type_number = [self.value_type.number()];
        let payload = [type_number.as_slice(), &self.body, &DUMP_FOOTER].concat();
        let options = ReadOptions {
            checksum: Checksum::Ignore,
            ..ReadOptions::default()
        };
        let value = Dump::parse_with(&payload, options).and_then(|dump| dump.value());
        value.unwrap_or_else(|error| unreachable!("what was encoded here is sound: {error}"))
    }
}

impl fmt::Debug for Opaque {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opaque")
            .field("value_type", &self.value_type)
            .field("body_bytes", &self.body.len())
            .finish()
    }
}

/// A frozen opaque value and how far it has been encoded.
pub(crate) struct FrozenOpaque {
    opaque: Arc<Opaque>,
    // What is written in place of the kept body, if the target wants another.
    rewritten: Option<Vec<u8>>,
    done_bytes: usize,
}

impl FrozenOpaque {
    pub(crate) fn new(opaque: Arc<Opaque>) -> Self {
        Self {
            opaque,
            rewritten: None,
            done_bytes: 0,
        }
    }
}

impl Frozen for FrozenOpaque {
    fn encode_piece(
        &mut self,
        encoder: &mut Encoder,
        out: &mut Vec<u8>,
        piece_bytes: usize,
    ) -> Result<Piece, EncodeError> {
        if self.done_bytes == 0
            && let Cow::Owned(body) = self.opaque.body(encoder)?
        {
            self.rewritten = Some(body);
        }
        let body = self.rewritten.as_deref().unwrap_or(&self.opaque.body);
        let next = body.len().min(self.done_bytes.saturating_add(piece_bytes));
        out.extend_from_slice(&body[self.done_bytes..next]);
        self.done_bytes = next;
        Ok(if next == body.len() {
            Piece::Last
        } else {
            Piece::More
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expiring(fields: i64) -> Owned {
        let field = |n: i64| (n.to_string().into_bytes(), vec![b'v'; 70], Some(n + 5));
        Owned::ExpiringHash((0..fields).map(field).collect())
    }

    #[test]
    fn value_is_kept_in_a_form_that_loses_nothing() {
        let kept = |value: &Owned| Opaque::new(value).unwrap().value_type();
        assert_eq!(kept(&expiring(1)), ValueType::HashExpiry);
    }

    #[test]
    fn pieces_make_the_body_that_each_target_wants() {
        let opaque = Arc::new(Opaque::new(&expiring(100)).unwrap());
        for target in [Target::Redis74, Target::Valkey9] {
            let mut encoder = Encoder::new(target, Compression::None);
            let expected = opaque.body(&mut encoder).unwrap().into_owned();
            let mut frozen = FrozenOpaque::new(Arc::clone(&opaque));
            let mut out = Vec::new();
            while frozen.encode_piece(&mut encoder, &mut out, 1000).unwrap() == Piece::More {}
            assert_eq!(out, expected);
            let value = Opaque {
                value_type: opaque.value_type_for(target),
                body: out.into_boxed_slice(),
            };
            if target == Target::Redis74 {
                assert_eq!(value.decode(), expiring(100));
            }
        }
        let mut old = Encoder::new(Target::Redis70, Compression::None);
        assert!(opaque.body(&mut old).is_err());
    }

    #[test]
    fn what_is_kept_is_compressed_for_a_file_that_is() {
        let value = expiring(100);
        let opaque = Opaque::new(&value).unwrap();
        let mut lzf = Encoder::new(Target::Redis74, Compression::Lzf);
        let body = opaque.body(&mut lzf).unwrap().into_owned();
        assert!(body.len() < opaque.body.len() / 3, "{opaque:?}");
        let kept = Opaque {
            value_type: opaque.value_type,
            body: body.into_boxed_slice(),
        };
        let again = Opaque::new(&kept.decode()).unwrap();
        assert!(again.body == opaque.body, "{opaque:?}");
    }
}
