//! The entries of buckets, one after the other.
#![expect(
    unsafe_code,
    reason = "reads slots that its invariants say are initialised"
)]

use core::iter::Zip;
use core::mem::MaybeUninit;
use core::slice;

use super::{Block, LINE_BYTES};
use crate::fingerprint;
use crate::geometry::SLOTS;
use crate::group::Group;
use crate::slot_set::SlotSet;

/// The entries of one bucket.
pub(crate) struct Entries<'a, T> {
    // Invariant: every slot in `left` is initialised.
    pub(super) left: SlotSet,
    pub(super) slots: &'a [MaybeUninit<T>; SLOTS],
}

/// The entries of a few buckets that lie together.
pub(crate) struct Run<'a, T> {
    // Invariant: for each bit that is set there is a slot with its number, and it is initialised.
    left: u64,
    slots: &'a [MaybeUninit<T>],
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

impl<'a, T> Entries<'a, T> {
    /// The next entry, and its slot.
    #[inline]
    pub(crate) fn next_in_slot(&mut self) -> Option<(usize, &'a T)> {
        let slot = self.left.next()?;
        // SAFETY: the invariant on `left`.
        Some((slot, unsafe { self.slots[slot].assume_init_ref() }))
    }

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
        self.next_in_slot().map(|(_, entry)| entry)
    }

    #[inline]
    fn size_hint(&self) -> (usize, Option<usize>) {
        self.left.size_hint()
    }
}

impl<T> ExactSizeIterator for Entries<'_, T> {}

/// Buckets whose entries are walked over at a time, as many as a number of 64 bits has room for.
const RUN: usize = 64 / 16;

/// Cache lines that a walk fetches ahead at most: those of a run of pairs of `u64`.
const LINES_AHEAD_MAX: usize = 16;

impl<T, const N: usize, H> Block<T, N, H> {
    /// The entries of a bucket and some of those after it, and the first of those that are left,
    /// whose entries begin to be fetched.
    ///
    /// # Panics
    ///
    /// When there is no such bucket.
    #[inline]
    pub(crate) fn run(&self, bucket: usize) -> (Run<'_, T>, usize) {
        let groups = &self.groups[bucket..];
        let groups = &groups[..groups.len().min(RUN)];
        let left = groups.iter().rev().fold(0, |left, group| {
            left << SLOTS | u64::from(group.occupied().bits())
        });
        let slots = &self.slots.0.as_flattened()[bucket * SLOTS..];
        let next = bucket + groups.len();
        self.fetch_run(next);
        let slots = &slots[..groups.len() * SLOTS];
        (Run { left, slots }, next)
    }

    /// Begins to fetch what a walk over the entries reads first.
    pub(crate) fn fetch(&self) {
        let groups = self.groups.as_ptr().cast::<u8>();
        for line in 0..size_of_val(&self.groups).div_ceil(LINE_BYTES) {
            fingerprint::prefetch(groups.wrapping_add(line * LINE_BYTES));
        }
        self.fetch_run(0);
    }

    /// Begins to fetch the entries of a bucket and those after it, or at least the first of them.
    #[inline]
    fn fetch_run(&self, bucket: usize) {
        let run_bytes = RUN * size_of::<[T; SLOTS]>();
        let slots = self.slots.0.as_ptr().wrapping_add(bucket).cast::<u8>();
        for line in 0..(run_bytes / LINE_BYTES).min(LINES_AHEAD_MAX) {
            fingerprint::prefetch(slots.wrapping_add(line * LINE_BYTES));
        }
    }
}

impl<T> Run<'_, T> {
    /// No entries.
    pub(crate) const NONE: Self = Self {
        left: 0,
        slots: &[],
    };
}

impl<T> Clone for Run<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Run<'_, T> {}

#[expect(
    clippy::copy_iterator,
    reason = "a view, copied on purpose; crate-private"
)]
impl<'a, T> Iterator for Run<'a, T> {
    type Item = &'a T;

    #[inline]
    fn next(&mut self) -> Option<&'a T> {
        if self.left == 0 {
            return None;
        }
        let slot = self.left.trailing_zeros() as usize;
        self.left &= self.left - 1;
        // SAFETY: the invariant on `left`.
        let entry = unsafe { self.slots.get_unchecked(slot) };
        // SAFETY: the invariant on `left`.
        Some(unsafe { entry.assume_init_ref() })
    }
}

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
