//! Small collections on their way from a reader to a shard, which makes values of their bytes.

use rdb_format::{Element, Family, KeyHead};

use crate::collected;
use crate::elements::{self, Elements};
use crate::key::Key;
use crate::open_key::OpenKey;
use crate::sync::SHRINK;
use crate::value::FromRdb;

/// One that takes more, its key included, is put together by its reader: the bytes of a long one
/// would be copied once too often.
const COLLECTION_BYTES_MAX: usize = (16 << 10) / SHRINK;

/// Collections, one behind the other: of each the key, then the elements.
#[derive(Debug, Default)]
pub(crate) struct Gathering {
    bytes: Vec<u8>,
    // Those that are whole, and how many bytes each takes.
    whole: Vec<(Head, usize)>,
    // The one that is not whole yet, and where its bytes begin.
    open: Option<(Head, usize)>,
}

/// What is known of a collection but its bytes.
#[derive(Debug, Clone, Copy)]
struct Head {
    family: Family,
    key_bytes: usize,
    len: u32,
    expire_at_ms: Option<i64>,
    offset: u64,
}

/// A collection that has been gathered.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Gathered<'a> {
    pub(crate) key: &'a [u8],
    pub(crate) elements: Elements<'a>,
    pub(crate) expire_at_ms: Option<i64>,
    /// Where it stood in its file.
    pub(crate) offset: u64,
}

impl Gathering {
    /// How many are whole.
    pub(crate) fn len(&self) -> usize {
        self.whole.len()
    }

    /// The bytes they take.
    pub(crate) fn weight_bytes(&self) -> usize {
        self.bytes.len()
    }

    /// Whether a key with this head may go this way.
    #[inline]
    pub(crate) fn takes(head: &KeyHead<'_>) -> bool {
        collected::is_plain(head.value_type)
    }

    /// Begins with a collection; one that was begun before and is not whole is forgotten.
    #[inline]
    pub(crate) fn begin(&mut self, head: &KeyHead<'_>) {
        self.forget_open();
        let open = Head {
            family: head.value_type.family(),
            key_bytes: head.key.len(),
            len: 0,
            expire_at_ms: head.expire_at_ms,
            offset: head.offset,
        };
        self.open = Some((open, self.bytes.len()));
        self.bytes.extend_from_slice(head.key);
    }

    /// Adds an element to the collection that was begun. If it cannot go this way with it, the
    /// collection is given back, with the element, to be put together one by one.
    #[inline]
    pub(crate) fn add(&mut self, element: &Element<'_>) -> Result<(), OpenKey> {
        let Some((head, start)) = &mut self.open else {
            unreachable!("an element follows its key");
        };
        let end = self.bytes.len();
        let is_added = elements::push(&mut self.bytes, element).is_some();
        if is_added && self.bytes.len() - *start <= COLLECTION_BYTES_MAX {
            head.len += 1;
            return Ok(());
        }
        let mut key = OpenKey::from(head.split(&self.bytes[*start..end]));
        key.add(*element);
        self.forget_open();
        Err(key)
    }

    /// The collection that was begun, as far as it has come.
    pub(crate) fn open(&self) -> Option<Gathered<'_>> {
        let (head, start) = self.open.as_ref()?;
        Some(head.split(&self.bytes[*start..]))
    }

    /// The collection that was begun is whole.
    #[inline]
    pub(crate) fn end(&mut self) {
        if let Some((head, start)) = self.open.take() {
            self.whole.push((head, self.bytes.len() - start));
        }
    }

    /// Drops the collection that was begun.
    pub(crate) fn forget_open(&mut self) {
        if let Some((_, start)) = self.open.take() {
            self.bytes.truncate(start);
        }
    }

    /// Those that are whole, in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Gathered<'_>> {
        let mut rest = self.bytes.as_slice();
        self.whole.iter().map(move |(head, bytes)| {
            let (bytes, behind) = rest.split_at(*bytes);
            rest = behind;
            head.split(bytes)
        })
    }

    /// Forgets all, and keeps no more room than so many bytes.
    pub(crate) fn clear(&mut self, bytes_max: usize) {
        self.bytes.clear();
        self.bytes.shrink_to(bytes_max);
        self.whole.clear();
        self.whole.shrink_to(bytes_max / size_of::<(Head, usize)>());
        self.open = None;
    }
}

impl Gathered<'_> {
    /// The key and the value that it makes up; `None` if the store has no type for that.
    pub(crate) fn entry<V: FromRdb>(&self) -> Option<(Key, V)> {
        let value = V::from_elements(self.elements, self.expire_at_ms).ok()?;
        Some((Key::from(self.key), value))
    }
}

impl Head {
    fn split<'a>(&self, bytes: &'a [u8]) -> Gathered<'a> {
        let (key, elements) = bytes.split_at(self.key_bytes);
        Gathered {
            key,
            elements: Elements::new(self.family, self.len, elements),
            expire_at_ms: self.expire_at_ms,
            offset: self.offset,
        }
    }
}
