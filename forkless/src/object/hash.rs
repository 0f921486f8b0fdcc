//! Hashes: fields and their values, in the order of the fields' hashes.

use snapshot::Copies;

use crate::object::delta::Step;
use crate::object::hashed::{Hashed, Place, hash_of};
use crate::object::log::Log;
use crate::object::pieces::{Encoded, Part};
use crate::object::text::Text;
use crate::object::tree::{Element, Tree, View};

/// A field with its hash and its value.
#[derive(Debug, Clone)]
pub(crate) struct Field {
    hash: u64,
    name: Text,
    value: Text,
}

impl Element for Field {
    type Mark = u64;

    fn mark(&self) -> &u64 {
        &self.hash
    }

    fn weight_bytes(&self) -> usize {
        size_of::<u64>() + self.name.weight_bytes() + self.value.weight_bytes()
    }
}

impl Hashed for Field {
    fn key(&self) -> &[u8] {
        self.name.as_bytes()
    }
}

impl Encoded for Field {
    fn part(&self, index: usize) -> Option<Part<'_>> {
        match index {
            0 => Some(Part::Text(&self.name)),
            1 => Some(Part::Text(&self.value)),
            _ => None,
        }
    }
}

/// A map from texts to texts: each field costs O(log n) to find, set or remove.
///
/// ```
/// let mut hash = forkless::Hash::new();
/// assert!(hash.set(b"name"[..].into(), b"Ada"[..].into()).is_none());
/// assert_eq!(hash.get(b"name"), Some(&b"Ada"[..]));
/// assert_eq!(hash.remove(b"name").unwrap().as_bytes(), b"Ada");
/// ```
#[derive(Debug, Default)]
pub struct Hash {
    fields: Tree<Field>,
    log: Log,
}

impl Hash {
    /// A hash without fields.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many fields.
    pub fn len(&self) -> usize {
        self.fields.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The value of a field.
    pub fn get(&self, field: &[u8]) -> Option<&[u8]> {
        let field = self.fields.get_key(field)?;
        Some(field.value.as_bytes())
    }

    /// Sets the value of a field, and gives back the one it had.
    pub fn set(&mut self, field: Text, value: Text) -> Option<Text> {
        let step = Step::Field(field.as_bytes(), value.as_bytes());
        self.log
            .record(self.fields.weight_bytes(), |out| step.write(out));
        let hash = hash_of(field.as_bytes());
        let place = self.fields.find(field.as_bytes(), hash);
        let field = Field {
            hash,
            name: field,
            value,
        };
        match place {
            Place::At(index) => self.fields.replace(index, field).map(|old| old.value),
            Place::Before(index) => {
                self.fields.insert(index, field);
                None
            }
        }
    }

    /// Removes a field, and gives back its value.
    pub fn remove(&mut self, field: &[u8]) -> Option<Text> {
        let removed = self.fields.remove_key(field)?;
        self.log.record(self.fields.weight_bytes(), |out| {
            Step::Gone(field).write(out);
        });
        Some(removed.value)
    }

    /// Field and value number `index` of an order that any change may change; so a random number
    /// gets a random field. O(log n).
    pub fn at(&self, index: usize) -> Option<(&[u8], &[u8])> {
        self.fields.get(index).map(pair)
    }

    /// Fields and values from `cursor` on, about `count` of them, and the next cursor: 0 at the
    /// end.
    ///
    /// Who begins with 0 and goes on until 0 comes back has met every field that was there all
    /// the while, each once.
    pub fn scan(
        &self,
        cursor: u64,
        count: usize,
    ) -> (impl ExactSizeIterator<Item = (&[u8], &[u8])>, u64) {
        let (fields, next) = self.fields.scan(cursor, count);
        (fields.into_iter().map(pair), next)
    }

    /// The fields and their values, in no order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&[u8], &[u8])> {
        self.fields.iter().map(pair)
    }

    pub(crate) fn log(&self) -> &Log {
        &self.log
    }

    pub(crate) fn tree(&self) -> &Tree<Field> {
        &self.fields
    }

    pub(crate) fn freeze(&self, copies: &Copies) -> View<Field> {
        self.fields.freeze(copies)
    }
}

impl FromIterator<(Text, Text)> for Hash {
    /// A hash of these fields and values; of equal fields the last one counts.
    fn from_iter<I: IntoIterator<Item = (Text, Text)>>(fields: I) -> Self {
        let fields = fields.into_iter().map(|(name, value)| Field {
            hash: hash_of(name.as_bytes()),
            name,
            value,
        });
        Self {
            fields: Tree::from_unsorted(fields.collect()),
            log: Log::default(),
        }
    }
}

fn pair(field: &Field) -> (&[u8], &[u8]) {
    (field.name.as_bytes(), field.value.as_bytes())
}
