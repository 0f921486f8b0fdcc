//! The entries of buckets, one after the other.
#![expect(
    unsafe_code,
    reason = "reads slots that its invariants say are initialised"
)]

use core::iter::Zip;
use core::mem::MaybeUninit;
use core::slice;

use crate::geometry::SLOTS;
use crate::group::Group;
use crate::slot_set::SlotSet;

/// The entries of one bucket.
pub(crate) struct Entries<'a, T> {
    // Invariant: every slot in `left` is initialised.
    pub(super) left: SlotSet,
    pub(super) slots: &'a [MaybeUninit<T>; SLOTS],
}

/// The entries of one bucket, to change.
pub(crate) struct EntriesMut<'a, T> {
    pub(super) left: SlotSet,
    // Invariant: of the slots from `passed` on, those in `left` are initialised.
    pub(super) slots: slice::IterMut<'a, MaybeUninit<T>>,
    pub(super) passed: usize,
}

/// The buckets of a block, to change their entries.
pub(crate) struct BucketsMut<'a, T> {
    // Invariant: each group stands beside the slots that it describes.
    pub(super) buckets: Zip<slice::Iter<'a, Group>, slice::IterMut<'a, [MaybeUninit<T>; SLOTS]>>,
}

impl<T> Entries<'_, T> {
    /// Whether there is none.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.left.is_empty()
    }

    /// Where the entries stand, in the order in which they come.
    #[inline]
    pub(crate) fn slots(&self) -> SlotSet {
        self.left
    }
}

impl<T> Clone for Entries<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Entries<'_, T> {}

#[expect(
    clippy::copy_iterator,
    reason = "a view, copied on purpose; crate-private"
)]
impl<'a, T> Iterator for Entries<'a, T> {
    type Item = &'a T;

    #[inline]
    fn next(&mut self) -> Option<&'a T> {
        let slot = self.left.next()?;
        // SAFETY: the invariant on `left`.
        Some(unsafe { self.slots[slot].assume_init_ref() })
    }

    #[inline]
    fn size_hint(&self) -> (usize, Option<usize>) {
        self.left.size_hint()
    }
}

impl<T> ExactSizeIterator for Entries<'_, T> {}

impl<'a, T> Iterator for EntriesMut<'a, T> {
    type Item = &'a mut T;

    #[inline]
    fn next(&mut self) -> Option<&'a mut T> {
        let slot = self.left.next()?;
        let entry = self.slots.nth(slot - self.passed)?;
        self.passed = slot + 1;
        // SAFETY: the invariant on `slots`.
        Some(unsafe { entry.assume_init_mut() })
    }
}

impl<'a, T> Iterator for BucketsMut<'a, T> {
    type Item = EntriesMut<'a, T>;

    #[inline]
    fn next(&mut self) -> Option<EntriesMut<'a, T>> {
        let (group, slots) = self.buckets.next()?;
        Some(EntriesMut {
            left: group.occupied(),
            slots: slots.iter_mut(),
            passed: 0,
        })
    }
}
