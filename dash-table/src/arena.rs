//! A growing list whose elements never move.

use std::ops::{Index, IndexMut};
use std::{iter, slice};

/// A list in chunks of [`CHUNK`] elements. Growing never copies an element.
pub(crate) struct Arena<T> {
    // Invariant: every chunk has room for `CHUNK` elements and never grows; all but the last
    // are full.
    chunks: Vec<Vec<T>>,
    len: usize,
}

/// Elements of one chunk. Many, so that they lie densely and the list of chunks stays small;
/// few enough that a table of one segment is no burden: what is not in use is never touched.
const CHUNK: usize = 32;

/// The elements of an arena, in order.
pub(crate) type Iter<'a, T> = iter::Flatten<slice::Iter<'a, Vec<T>>>;

/// The elements of an arena, in order, to change.
pub(crate) type IterMut<'a, T> = iter::Flatten<slice::IterMut<'a, Vec<T>>>;

impl<T> Arena<T> {
    pub(crate) const fn new() -> Self {
        Self {
            chunks: Vec::new(),
            len: 0,
        }
    }

    /// How many elements.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Adds an element; its number is the length before.
    pub(crate) fn push(&mut self, element: T) {
        let (chunk, _) = split(self.len);
        if chunk == self.chunks.len() {
            self.chunks.push(Vec::with_capacity(CHUNK));
        }
        self.chunks[chunk].push(element);
        self.len += 1;
    }

    /// The elements, in order.
    pub(crate) fn iter(&self) -> Iter<'_, T> {
        self.chunks.iter().flatten()
    }

    /// The elements, in order, to change.
    pub(crate) fn iter_mut(&mut self) -> IterMut<'_, T> {
        self.chunks.iter_mut().flatten()
    }

    /// Bytes on the heap that are in use.
    pub(crate) fn heap_bytes(&self) -> usize {
        self.chunks.capacity() * size_of::<Vec<T>>() + self.len * size_of::<T>()
    }
}

impl<T> Index<usize> for Arena<T> {
    type Output = T;

    #[inline]
    fn index(&self, number: usize) -> &T {
        let (chunk, index) = split(number);
        &self.chunks[chunk][index]
    }
}

impl<T> IndexMut<usize> for Arena<T> {
    #[inline]
    fn index_mut(&mut self, number: usize) -> &mut T {
        let (chunk, index) = split(number);
        &mut self.chunks[chunk][index]
    }
}

/// The chunk of an element, and its index there.
#[inline]
fn split(number: usize) -> (usize, usize) {
    (number / CHUNK, number % CHUNK)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_keep_number_and_address() {
        let mut arena = Arena::new();
        arena.push(0);
        let first: *const i32 = &raw const arena[0];
        for number in 1..100 {
            arena.push(number);
        }
        assert_eq!(first, &raw const arena[0]);
        assert!(arena.iter().copied().eq(0..100));
        assert_eq!(arena[99], 99);
        assert_eq!(arena.len(), 100);
        assert_eq!(arena.chunks.len(), 100_usize.div_ceil(CHUNK));
    }
}
