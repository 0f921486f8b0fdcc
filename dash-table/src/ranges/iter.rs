//! The owners of ranges, one after the other.
#![expect(unsafe_code, reason = "follows the pointers of a list to its owners")]

use core::iter::FusedIterator;
use core::marker::PhantomData;

use super::{Entry, Ranges};

/// The owners of a list, in the order of their ranges.
pub(crate) struct Iter<'a, T> {
    ranges: &'a Ranges<T>,
    /// The next entry.
    next: usize,
    left: usize,
}

/// The owners of a list, in the order of their ranges, to change.
pub(crate) struct IterMut<'a, T> {
    // Invariant: the list is borrowed for a change as long as this lives.
    owners: Iter<'a, T>,
    borrowed: PhantomData<&'a mut T>,
}

impl<T> Ranges<T> {
    /// The owners, in the order of their ranges.
    pub(crate) fn iter(&self) -> Iter<'_, T> {
        Iter {
            ranges: self,
            next: 0,
            left: self.owners,
        }
    }

    /// As [`iter`](Self::iter), to change.
    pub(crate) fn iter_mut(&mut self) -> IterMut<'_, T> {
        IterMut {
            owners: self.iter(),
            borrowed: PhantomData,
        }
    }
}

impl<T> Iter<'_, T> {
    #[inline]
    fn next_pointer(&mut self) -> Entry<T> {
        let entries = self.ranges.entries.len();
        if self.next >= entries {
            return None;
        }
        let pointer = self.ranges.resolve(self.next);
        while self.next < entries && self.ranges.resolve(self.next) == pointer {
            self.next += 1;
        }
        self.left -= 1;
        pointer
    }
}

impl<'a, T> Iterator for Iter<'a, T> {
    type Item = &'a T;

    fn next(&mut self) -> Option<&'a T> {
        let pointer = self.next_pointer()?;
        // SAFETY: the invariant on `entries`; the borrow of the list keeps the owner.
        Some(unsafe { pointer.as_ref() })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl<'a, T> Iterator for IterMut<'a, T> {
    type Item = &'a mut T;

    fn next(&mut self) -> Option<&'a mut T> {
        let mut pointer = self.owners.next_pointer()?;
        // SAFETY: the invariant on `entries`; the list is borrowed for a change, and each owner
        // comes once.
        Some(unsafe { pointer.as_mut() })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.owners.size_hint()
    }
}

impl<T> ExactSizeIterator for Iter<'_, T> {}
impl<T> ExactSizeIterator for IterMut<'_, T> {}
impl<T> FusedIterator for Iter<'_, T> {}
impl<T> FusedIterator for IterMut<'_, T> {}

impl<T> Clone for Iter<'_, T> {
    fn clone(&self) -> Self {
        Self { ..*self }
    }
}
