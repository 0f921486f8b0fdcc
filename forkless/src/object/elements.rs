//! Elements: what strings and collections are made of, in the order they are encoded.

use crate::object::text::Text;

/// A part of an element, as the file has it.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Part<'a> {
    Text(&'a Text),
    Score(f64),
}

/// One element: an item of a list or set, a field with its value, a member with its score.
pub(crate) trait Element: Send + Sync + 'static {
    /// The parts in their order in the file; `None` past the last one.
    fn part(&self, index: usize) -> Option<Part<'_>>;
}

impl Element for Text {
    fn part(&self, index: usize) -> Option<Part<'_>> {
        (index == 0).then_some(Part::Text(self))
    }
}

impl Element for (Text, Text) {
    fn part(&self, index: usize) -> Option<Part<'_>> {
        match index {
            0 => Some(Part::Text(&self.0)),
            1 => Some(Part::Text(&self.1)),
            _ => None,
        }
    }
}

impl Element for (Text, f64) {
    fn part(&self, index: usize) -> Option<Part<'_>> {
        match index {
            0 => Some(Part::Text(&self.0)),
            1 => Some(Part::Score(self.1)),
            _ => None,
        }
    }
}

/// The elements of a collection, with their weight at hand.
#[derive(Debug)]
pub(crate) struct Elements<E> {
    items: Vec<E>,
    weight_bytes: usize,
}

impl<E: Element> Elements<E> {
    pub(crate) fn new(items: Vec<E>) -> Self {
        let weight_bytes = items.iter().map(element_weight_bytes).sum();
        Self {
            items,
            weight_bytes,
        }
    }

    pub(crate) fn items(&self) -> &[E] {
        &self.items
    }

    pub(crate) fn weight_bytes(&self) -> usize {
        self.weight_bytes
    }
}

fn element_weight_bytes<E: Element>(element: &E) -> usize {
    let parts = (0..).map_while(|index| element.part(index));
    parts
        .map(|part| match part {
            Part::Text(text) => text.weight_bytes(),
            Part::Score(_) => 8,
        })
        .sum()
}
