//! Small collections on their way from a reader to a shard, which makes values of their bytes.

use rdb_format::{Element, Family};

use crate::elements::{self, Elements};

/// One that takes more, its key included, is put together by its reader: the bytes of a long one
/// would be copied once too often.
const COLLECTION_BYTES_MAX: usize = 16 << 10;

/// Collections, one behind the other: of each the key, then the elements.
#[derive(Debug, Default)]
pub(crate) struct Gathering {
    bytes: Vec<u8>,
    // Those that are whole, and how many bytes each takes.
    heads: Vec<(Head, usize)>,
    // Where the bytes of the one begin that is not whole yet.
    open_at: usize,
}

/// What is known of a collection but its bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Head {
    pub(crate) family: Family,
    pub(crate) key_bytes: usize,
    /// How many elements.
    pub(crate) len: u32,
    pub(crate) expire_at_ms: Option<i64>,
    /// Where it stood in its file.
    pub(crate) offset: u64,
}

/// A collection that has been gathered.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Gathered<'a> {
    pub(crate) key: &'a [u8],
    pub(crate) elements: Elements<'a>,
    pub(crate) expire_at_ms: Option<i64>,
    pub(crate) offset: u64,
}

impl Gathering {
    /// How many are whole.
    pub(crate) fn len(&self) -> usize {
        self.heads.len()
    }

    /// The bytes they take.
    pub(crate) fn weight_bytes(&self) -> usize {
        self.bytes.len()
    }

    /// The bytes that it keeps room for.
    pub(crate) fn capacity_bytes(&self) -> usize {
        self.bytes.capacity()
    }

    /// Begins with a collection of this key.
    pub(crate) fn begin(&mut self, key: &[u8]) {
        self.open_at = self.bytes.len();
        self.bytes.extend_from_slice(key);
    }

    /// Adds an element to the collection that was begun; `None`, and nothing added, if that cannot
    /// go this way with it.
    #[inline]
    pub(crate) fn push(&mut self, element: &Element<'_>) -> Option<()> {
        let before = self.bytes.len();
        let pushed = elements::push(&mut self.bytes, element);
        if pushed.is_none() || self.bytes.len() - self.open_at > COLLECTION_BYTES_MAX {
            self.bytes.truncate(before);
            return None;
        }
        pushed
    }

    /// The collection that was begun is whole.
    pub(crate) fn end(&mut self, head: Head) {
        let end = self.bytes.len();
        self.heads.push((head, end - self.open_at));
        self.open_at = end;
    }

    /// The collection that was begun, which is not whole yet.
    pub(crate) fn open(&self, head: &Head) -> Gathered<'_> {
        head.split(&self.bytes[self.open_at..])
    }

    /// Drops the collection that was begun.
    pub(crate) fn forget_open(&mut self) {
        self.bytes.truncate(self.open_at);
    }

    /// Those that are whole, in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Gathered<'_>> {
        let mut rest = self.bytes.as_slice();
        self.heads.iter().map(move |(head, bytes)| {
            let (bytes, behind) = rest.split_at(*bytes);
            rest = behind;
            head.split(bytes)
        })
    }

    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.heads.clear();
        self.open_at = 0;
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
