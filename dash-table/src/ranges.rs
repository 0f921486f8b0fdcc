//! Who owns which range of hash positions: the directory's own memory.
#![expect(
    unsafe_code,
    reason = "several entries point at one owner; all pointers to owners are in this file"
)]

mod iter;

use alloc::boxed::Box;
use alloc::vec;
use alloc::vec::Vec;
use core::marker::PhantomData;
use core::mem::{self, ManuallyDrop};
use core::ops::{Index, IndexMut, Range};
use core::ptr::NonNull;

use crate::geometry::POSITION_BITS;

pub(crate) use self::iter::{Iter, IterMut};

/// Owners of ranges that cover all positions; a position is a number of [`POSITION_BITS`] bits, and
/// the ranges are halves of halves of all positions.
///
/// Entries point at the owners themselves, so that a lookup goes from the entry right to the
/// owner. Doubling and halving copy nothing at once: the new entries are filled a few at a time,
/// with every later change, and until then a lookup falls back to the former ones.
pub(crate) struct Ranges<T> {
    // Invariant: empty, or 2^depth entries, depth from 1 on. What an entry is resolved to (itself,
    // or, while it is `None`, the former entry at the same position) is a pointer that came from a
    // Box. Of the resolved entries, equal ones are adjacent and there is no other pointer to their
    // owner: the owner belongs to this list.
    entries: Vec<Entry<T>>,
    // Invariant: the first of `entries`, or, while there is none, [`NO_ENTRY`]; so it begins at
    // least 2^depth entries. A lookup need not ask whether there are any.
    first: *const Entry<T>,
    /// [`POSITION_BITS`] less the depth, which is zero while there are no entries.
    shift: u32,
    /// The entries before the last doubling or halving, while some are not settled.
    former: Vec<Entry<T>>,
    /// Entries below this one are not `None`.
    settled: usize,
    /// How many owners.
    owners: usize,
    ownership: PhantomData<Box<T>>,
}

type Entry<T> = Option<NonNull<T>>;

/// All bits of a position. The compiler sees that a position has no others.
const POSITION_MASK: u64 = (1 << POSITION_BITS) - 1;

/// The entry of a list that has none: a `None`, whatever is owned.
static NO_ENTRY: usize = 0;

/// Entries that one change settles, besides its own: 2 KiB of them.
const SETTLED_AT_ONCE: usize = 256;

/// Entries of the smallest list that is not empty.
const ENTRIES_MIN: usize = 2;

// SAFETY: the list owns its owners as a Vec of boxes would.
unsafe impl<T: Send> Send for Ranges<T> {}
// SAFETY: as above; a shared list gives shared references only.
unsafe impl<T: Sync> Sync for Ranges<T> {}

impl<T> Ranges<T> {
    pub(crate) const fn new() -> Self {
        Self {
            entries: Vec::new(),
            first: (&raw const NO_ENTRY).cast(),
            shift: POSITION_BITS,
            former: Vec::new(),
            settled: 0,
            owners: 0,
            ownership: PhantomData,
        }
    }

    /// How many entries.
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// How many owners.
    pub(crate) fn owners(&self) -> usize {
        self.owners
    }

    /// How many leading bits of a position choose the entry.
    pub(crate) fn depth(&self) -> u32 {
        POSITION_BITS - self.shift
    }

    /// Bytes on the heap, those of the owners not counted.
    pub(crate) fn heap_bytes(&self) -> usize {
        (self.entries.capacity() + self.former.capacity()) * size_of::<Entry<T>>()
    }

    /// The owner of a position; `None` while there is none at all.
    #[inline]
    pub(crate) fn get(&self, position: u64) -> Option<&T> {
        let pointer = self.pointer(position)?;
        // SAFETY: the invariant on `entries`; borrowing `self` keeps the owner.
        Some(unsafe { pointer.as_ref() })
    }

    /// As [`get`](Self::get), but `None` too if the entry has not been settled.
    #[inline]
    pub(crate) fn get_settled(&self, position: u64) -> Option<&T> {
        let pointer = self.entry(position)?;
        // SAFETY: the invariant on `entries`; borrowing `self` keeps the owner.
        Some(unsafe { pointer.as_ref() })
    }

    /// As [`get`](Self::get), to change.
    #[inline]
    pub(crate) fn get_mut(&mut self, position: u64) -> Option<&mut T> {
        let mut pointer = self.pointer(position)?;
        // SAFETY: the invariant on `entries`; borrowing `self` keeps the owner, and keeps others
        // from borrowing it.
        Some(unsafe { pointer.as_mut() })
    }

    /// The number of the entry at a position, until the next change; `None` while there is none.
    #[inline]
    pub(crate) fn number(&self, position: u64) -> Option<usize> {
        let index = self.index(position);
        (index < self.entries.len()).then_some(index)
    }

    /// Makes `owner` the owner of all positions.
    ///
    /// # Panics
    ///
    /// When there is one.
    pub(crate) fn start(&mut self, owner: Box<T>) {
        assert!(self.entries.is_empty(), "the list has an owner");
        let pointer = NonNull::from(Box::leak(owner));
        self.set_entries(vec![Some(pointer); ENTRIES_MIN]);
        self.settled = ENTRIES_MIN;
        self.owners = 1;
    }

    /// Whether the range at `position` has one entry only, so that a doubling must come before it
    /// can be divided.
    pub(crate) fn is_narrow(&self, position: u64) -> bool {
        self.run(self.index(position)).len() == 1
    }

    /// Gives the upper half of the range at `position` to `upper`.
    ///
    /// # Panics
    ///
    /// When the range is [narrow](Self::is_narrow).
    pub(crate) fn divide(&mut self, position: u64, upper: Box<T>) {
        let run = self.run(self.index(position));
        assert!(run.len() > 1, "the range has only one entry");
        self.settle(run.clone());
        let middle = run.start + run.len() / 2;
        let pointer = NonNull::from(Box::leak(upper));
        self.entries[middle..run.end].fill(Some(pointer));
        self.owners += 1;
        self.settle_some();
    }

    /// Takes the owner away whose range starts at `middle`, and gives its range to the one before
    /// it.
    ///
    /// # Panics
    ///
    /// When no range starts there, or it is the first.
    #[expect(
        clippy::unnecessary_box_returns,
        reason = "an owner may be too large for the stack"
    )]
    pub(crate) fn unite(&mut self, middle: u64) -> Box<T> {
        let run = self.run(self.index(middle));
        assert!(run.start > 0, "the first range has none before it");
        assert!(
            (run.start as u64) << self.shift == middle,
            "no range starts at {middle:#x}"
        );
        self.settle(run.clone());
        let lower = self.resolve(run.start - 1);
        let Some(upper) = self.entries[run.start] else {
            panic!("entry {} is not settled", run.start)
        };
        self.entries[run].fill(lower);
        self.owners -= 1;
        self.settle_some();
        // SAFETY: the pointer came from a Box, and no entry has it any more.
        unsafe { Box::from_raw(upper.as_ptr()) }
    }

    /// Doubles the entries.
    pub(crate) fn double(&mut self) {
        self.settle_all();
        self.replace(self.entries.len() * 2);
    }

    /// Halves the entries.
    ///
    /// # Panics
    ///
    /// When some owner has but one entry, which is looked for in O(entries) under
    /// `debug_assertions` only; the caller counts.
    pub(crate) fn halve(&mut self) {
        self.settle_all();
        debug_assert!(
            self.entries.chunks_exact(2).all(|pair| pair[0] == pair[1]),
            "an owner would lose its range"
        );
        assert!(self.entries.len() > ENTRIES_MIN, "the list is the smallest");
        self.replace(self.entries.len() / 2);
    }

    /// Lets `entries` become `former`.
    fn replace(&mut self, len: usize) {
        self.former = self.set_entries(unsettled(len));
        self.settled = 0;
    }

    /// Takes new entries, 2^n of them, and gives the present ones back.
    fn set_entries(&mut self, entries: Vec<Entry<T>>) -> Vec<Entry<T>> {
        assert!(entries.len().is_power_of_two(), "an index is some bits");
        let former = mem::replace(&mut self.entries, entries);
        self.first = self.entries.as_ptr();
        self.shift = POSITION_BITS - self.entries.len().ilog2();
        former
    }

    #[inline]
    fn index(&self, position: u64) -> usize {
        ((position & POSITION_MASK) >> self.shift) as usize
    }

    #[inline]
    fn pointer(&self, position: u64) -> Entry<T> {
        let entry = self.entry(position);
        if entry.is_some() {
            entry
        } else {
            self.resolve(self.index(position))
        }
    }

    /// The entry at a position, settled or not.
    #[inline]
    fn entry(&self, position: u64) -> Entry<T> {
        let index = self.index(position);
        // SAFETY: the index has as many bits as the depth, and `first` has an entry for each.
        let place = unsafe { self.first.add(index) };
        // SAFETY: as above; entries are changed through `&mut self` only.
        unsafe { place.read() }
    }

    /// What the entry stands for, settled or not.
    #[cold]
    fn resolve(&self, index: usize) -> Entry<T> {
        self.entries.get(index)?.or_else(|| {
            let is_halved = self.former.len() > self.entries.len();
            self.former[if is_halved { index * 2 } else { index / 2 }]
        })
    }

    /// The entries with the same owner as this one.
    fn run(&self, index: usize) -> Range<usize> {
        let owner = self.resolve(index);
        let is_same = |index: &usize| self.resolve(*index) == owner;
        // A range is as long as it is aligned, so doubling steps would do; it is seldom long.
        let before = (0..index).rev().take_while(is_same).count();
        let after = (index..self.entries.len()).take_while(is_same).count();
        index - before..index + after
    }

    fn settle(&mut self, run: Range<usize>) {
        for index in run {
            self.entries[index] = self.resolve(index);
        }
    }

    fn settle_some(&mut self) {
        let end = (self.settled + SETTLED_AT_ONCE).min(self.entries.len());
        self.settle(self.settled..end);
        self.settled = end;
        if end == self.entries.len() {
            self.former = Vec::new();
        }
    }

    /// Fills every entry, and gives the former ones back.
    pub(crate) fn settle_all(&mut self) {
        while self.settled < self.entries.len() {
            self.settle_some();
        }
    }
}

/// Entries of which none is settled. The allocator gives zeros, often without writing them, so that
/// a doubling does not touch the new entries.
fn unsettled<T>(len: usize) -> Vec<Entry<T>> {
    let mut zeros = ManuallyDrop::new(vec![0_usize; len]);
    // SAFETY: an entry is as large as a `usize` and aligned like one, and zero is `None`; whoever
    // owned the vector has given it up.
    unsafe { Vec::from_raw_parts(zeros.as_mut_ptr().cast(), zeros.len(), zeros.capacity()) }
}

impl<T> Drop for Ranges<T> {
    fn drop(&mut self) {
        let mut last = None;
        for index in 0..self.entries.len() {
            let entry = self.resolve(index);
            if entry == last {
                continue;
            }
            last = entry;
            if let Some(pointer) = entry {
                // SAFETY: the pointer came from a Box; entries that are equal are adjacent, so
                // this is the first time that it is met, and the last that it is used.
                drop(unsafe { Box::from_raw(pointer.as_ptr()) });
            }
        }
    }
}

impl<T> Index<usize> for Ranges<T> {
    type Output = T;

    /// The owner of an entry.
    #[inline]
    fn index(&self, number: usize) -> &T {
        let position = (number as u64) << self.shift;
        match self.get(position) {
            Some(owner) => owner,
            None => panic!("there is no entry {number}"),
        }
    }
}

impl<T> IndexMut<usize> for Ranges<T> {
    #[inline]
    fn index_mut(&mut self, number: usize) -> &mut T {
        let position = (number as u64) << self.shift;
        match self.get_mut(position) {
            Some(owner) => owner,
            None => panic!("there is no entry {number}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUARTER: u64 = 1 << (POSITION_BITS - 2);

    /// Owners of unequal ranges, by the number of the eighth where each begins.
    fn eighths() -> Ranges<u32> {
        let mut ranges = Ranges::new();
        ranges.start(Box::new(0));
        ranges.divide(0, Box::new(4));
        ranges.double();
        ranges.divide(2 * QUARTER, Box::new(6));
        ranges.double();
        ranges.divide(3 * QUARTER, Box::new(7));
        ranges
    }

    fn eighth(ranges: &Ranges<u32>, index: u64) -> u32 {
        *ranges.get(index * (QUARTER / 2)).unwrap()
    }

    #[test]
    fn every_position_has_its_owner_before_and_after_it_settles() {
        let ranges = eighths();
        let all: Vec<u32> = (0..8).map(|index| eighth(&ranges, index)).collect();
        assert_eq!(all, [0, 0, 0, 0, 4, 4, 6, 7]);
        assert!(ranges.iter().eq(&[0, 4, 6, 7]));
        let mut doubled = ranges;
        doubled.double();
        assert!(doubled.iter().eq(&[0, 4, 6, 7]));
        assert_eq!(doubled.get(4 * QUARTER - 1), Some(&7));
        assert_eq!(doubled.len(), 16);
    }

    #[test]
    fn uniting_gives_the_range_to_the_lower_owner() {
        let mut ranges = eighths();
        assert_eq!(*ranges.unite(7 * (QUARTER / 2)), 7);
        assert!(ranges.iter().eq(&[0, 4, 6]));
        ranges.halve();
        assert_eq!(*ranges.unite(3 * QUARTER), 6);
        assert_eq!(eighth(&ranges, 7), 4);
        ranges.halve();
        assert!(ranges.iter().eq(&[0, 4]));
        assert_eq!((ranges.owners(), ranges.len()), (2, 2));
    }

    #[test]
    fn owners_are_changed_in_their_place() {
        let mut ranges = eighths();
        ranges.iter_mut().for_each(|owner| *owner += 10);
        *ranges.get_mut(0).unwrap() += 1;
        assert!(ranges.iter().eq(&[11, 14, 16, 17]));
    }

    #[test]
    fn a_list_without_owner_owns_no_memory() {
        let ranges: Ranges<u32> = Ranges::new();
        assert_eq!((ranges.get(7), ranges.heap_bytes()), (None, 0));
        assert_eq!(ranges.iter().len(), 0);
    }
}
