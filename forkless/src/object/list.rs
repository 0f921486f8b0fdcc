//! Lists: texts in the order in which they were put.

use std::ops::Range;

use snapshot::Copies;

use crate::object::delta::Step;
use crate::object::log::Log;
use crate::object::pieces::{Encoded, Part};
use crate::object::text::Text;
use crate::object::tree::{Element, Tree, View};

impl Element for Text {
    type Mark = ();

    fn mark(&self) -> &() {
        &()
    }

    fn weight_bytes(&self) -> usize {
        self.weight_bytes()
    }
}

impl Encoded for Text {
    fn part(&self, index: usize) -> Option<Part<'_>> {
        (index == 0).then_some(Part::Text(self))
    }
}

/// A list of texts. Everything at a place costs O(log n), at the ends too.
///
/// ```
/// let mut list = forkless::List::new();
/// list.push_back(b"b"[..].into());
/// list.push_front(b"a"[..].into());
/// assert_eq!(list.get(1), Some(&b"b"[..]));
/// assert_eq!(list.pop_front().unwrap().as_bytes(), b"a");
/// ```
#[derive(Debug, Default)]
pub struct List {
    items: Tree<Text>,
    log: Log,
}

impl List {
    /// A list without items.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many items.
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Item number `index`, from 0 on.
    pub fn get(&self, index: usize) -> Option<&[u8]> {
        self.items.get(index).map(Text::as_bytes)
    }

    /// Puts an item in front of all.
    pub fn push_front(&mut self, item: Text) {
        self.insert(0, item);
    }

    /// Puts an item behind all.
    pub fn push_back(&mut self, item: Text) {
        self.record(Step::Push(item.as_bytes()));
        self.items.push(item);
    }

    /// Takes the first item.
    pub fn pop_front(&mut self) -> Option<Text> {
        self.remove(0)
    }

    /// Takes the last item.
    pub fn pop_back(&mut self) -> Option<Text> {
        self.remove(self.len().checked_sub(1)?)
    }

    /// Puts an item before number `index`, or behind all when there are just so many.
    ///
    /// # Panics
    ///
    /// When there are fewer.
    pub fn insert(&mut self, index: usize, item: Text) {
        self.record(Step::Insert(index, item.as_bytes()));
        self.items.insert(index, item);
    }

    /// Replaces item number `index`, and gives back the old one; `None` if there is none.
    pub fn set(&mut self, index: usize, item: Text) -> Option<Text> {
        if index < self.len() {
            self.record(Step::Replace(index, item.as_bytes()));
        }
        self.items.replace(index, item)
    }

    /// Takes out item number `index`.
    pub fn remove(&mut self, index: usize) -> Option<Text> {
        let removed = self.items.remove(index)?;
        self.record(Step::Remove(index));
        Some(removed)
    }

    /// The items with numbers in `range`, as far as there are such. O(log n) to begin with.
    pub fn range(&self, range: Range<usize>) -> impl ExactSizeIterator<Item = &[u8]> {
        let items = self.items.iter_from(range.start);
        items.take(range.len()).map(Text::as_bytes)
    }

    /// All items.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        self.items.iter().map(Text::as_bytes)
    }

    fn record(&mut self, step: Step<'_>) {
        self.log
            .record(self.items.weight_bytes(), |out| step.write(out));
    }

    pub(crate) fn log(&self) -> &Log {
        &self.log
    }

    pub(crate) fn tree(&self) -> &Tree<Text> {
        &self.items
    }

    pub(crate) fn freeze(&self, copies: &Copies) -> View<Text> {
        self.items.freeze(copies)
    }
}

impl FromIterator<Text> for List {
    fn from_iter<I: IntoIterator<Item = Text>>(items: I) -> Self {
        Self {
            items: items.into_iter().collect(),
            log: Log::default(),
        }
    }
}
