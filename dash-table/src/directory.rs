//! The directory: hash prefix to segment.

use crate::arena::Arena;
use crate::error::SplitError;
use crate::geometry::{DIRECTORY_FREE_MAX, DIRECTORY_PER_SEGMENT_MAX, MAX_DEPTH};
use crate::hash::KeyHash;
use crate::hook::Hook;
use crate::observer::Observer;
use crate::segment::Segment;

/// Which segment holds which hash prefix.
///
/// Grows by doubling, which copies four bytes for each entry of the directory and touches no
/// entry of the table. Without segments it owns no memory.
pub(crate) struct Directory<K, V> {
    // Invariant: empty, or 2^depth numbers of segments; those of one segment are adjacent.
    numbers: Vec<u32>,
    /// 63 less the depth; see [`KeyHash::prefix`].
    shift: u32,
    segments: Arena<Segment<K, V>>,
}

impl<K, V> Directory<K, V> {
    pub(crate) const fn new() -> Self {
        Self {
            numbers: Vec::new(),
            shift: 63,
            segments: Arena::new(),
        }
    }

    /// The segments, in the order of their making.
    pub(crate) fn segments(&self) -> &Arena<Segment<K, V>> {
        &self.segments
    }

    /// As [`segments`](Self::segments), to change.
    pub(crate) fn segments_mut(&mut self) -> &mut Arena<Segment<K, V>> {
        &mut self.segments
    }

    /// How many entries the directory itself has.
    pub(crate) fn len(&self) -> usize {
        self.numbers.len()
    }

    /// Bytes on the heap, those of the segments themselves not counted.
    pub(crate) fn heap_bytes(&self) -> usize {
        self.numbers.capacity() * size_of::<u32>() + self.segments.heap_bytes()
    }

    /// The number of the segment where a key with this hash belongs; `None` while there is none.
    #[inline]
    pub(crate) fn number(&self, hash: KeyHash) -> Option<usize> {
        Some(*self.numbers.get(hash.prefix(self.shift))? as usize)
    }

    /// The segment where a key with this hash belongs; `None` while there is none.
    #[inline]
    pub(crate) fn segment_of(&self, hash: KeyHash) -> Option<&Segment<K, V>> {
        Some(&self.segments[self.number(hash)?])
    }

    /// As [`segment_of`](Self::segment_of), to change.
    #[inline]
    pub(crate) fn segment_of_mut(&mut self, hash: KeyHash) -> Option<&mut Segment<K, V>> {
        let number = self.number(hash)?;
        Some(&mut self.segments[number])
    }

    /// The segment with this number, to change.
    #[inline]
    pub(crate) fn segment_mut(&mut self, number: usize) -> &mut Segment<K, V> {
        &mut self.segments[number]
    }

    /// The segment whose hash range holds `position`, in units of 2^-[`MAX_DEPTH`]; `None`
    /// beyond the end, or while there is no segment.
    #[inline]
    pub(crate) fn segment_covering(&self, position: u32) -> Option<&Segment<K, V>> {
        Some(&self.segments[self.number_covering(position)?])
    }

    /// As [`segment_covering`](Self::segment_covering), to change.
    #[inline]
    pub(crate) fn segment_at(&mut self, position: u32) -> Option<&mut Segment<K, V>> {
        let number = self.number_covering(position)?;
        Some(&mut self.segments[number])
    }

    #[inline]
    fn number_covering(&self, position: u32) -> Option<usize> {
        let index = position as usize >> (MAX_DEPTH - self.depth());
        Some(*self.numbers.get(index)? as usize)
    }

    /// Makes the first segment if there is none.
    pub(crate) fn first(&mut self, version: u64) {
        if self.segments.is_empty() {
            self.segments.push(Segment::new(0, 0, version));
            self.numbers.push(0);
        }
    }

    /// Splits a segment to make room for an entry with the hash `newcomer`, or, without one,
    /// whatever it holds.
    ///
    /// # Errors
    ///
    /// When that would not help, or the directory would grow out of proportion.
    pub(crate) fn split<O>(
        &mut self,
        number: usize,
        newcomer: Option<KeyHash>,
        hash_of: impl Fn(&K) -> KeyHash,
        hook: &mut Hook<'_, O>,
    ) -> Result<(), SplitError>
    where
        O: Observer<K, V>,
    {
        let depth = self.segments[number].depth();
        let doubled = self.numbers.len() * 2;
        let proportion = self
            .segments
            .len()
            .saturating_mul(DIRECTORY_PER_SEGMENT_MAX);
        if depth == self.depth() && doubled > proportion.max(DIRECTORY_FREE_MAX) {
            return Err(SplitError::TooSparse {
                entries: doubled,
                segments: self.segments.len(),
            });
        }
        let upper = self.segments[number].split(newcomer, hash_of, hook)?;
        if depth == self.depth() {
            self.double();
        }
        // Entered before it is unloaded: a panic of the observer then finds it in its place.
        self.enter(upper);
        self.segments[number].unload(hook);
        let newest = self.segments.len() - 1;
        self.segments[newest].unload(hook);
        Ok(())
    }

    /// Splits every segment that holds a wider hash range than 2^-`depth`.
    pub(crate) fn deepen<O>(
        &mut self,
        depth: u32,
        hash_of: impl Fn(&K) -> KeyHash,
        hook: &mut Hook<'_, O>,
    ) where
        O: Observer<K, V>,
    {
        // Level by level, so that the directory stays in proportion.
        for level in 1..=depth {
            for number in 0..self.segments.len() {
                if self.segments[number].depth() < level
                    && self.split(number, None, &hash_of, hook).is_err()
                {
                    return;
                }
            }
        }
    }

    /// How many hash bits the directory uses.
    fn depth(&self) -> u32 {
        63 - self.shift
    }

    fn double(&mut self) {
        self.numbers = self
            .numbers
            .iter()
            .flat_map(|&number| [number; 2])
            .collect();
        self.shift -= 1;
    }

    /// Enters a new segment for the hash range that it says it has.
    fn enter(&mut self, segment: Segment<K, V>) {
        let shift = MAX_DEPTH - self.depth();
        let range = segment.position() as usize >> shift..segment.end() as usize >> shift;
        let number = u32::try_from(self.segments.len()).unwrap_or(u32::MAX);
        self.segments.push(segment);
        self.numbers[range].fill(number);
    }
}
