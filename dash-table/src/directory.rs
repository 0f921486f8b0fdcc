//! The directory: hash prefix to segment.

use alloc::boxed::Box;
use alloc::vec::Vec;

use crate::error::SplitError;
use crate::geometry::{DIRECTORY_FREE_MAX, DIRECTORY_PER_SEGMENT_MAX, MAX_DEPTH, POSITION_BITS};
use crate::hash::KeyHash;
use crate::hook::Hook;
use crate::observer::Observer;
use crate::ranges::Ranges;
use crate::segment::Segment;
use crate::spread::Spread;

/// Which segment holds which hash prefix.
///
/// Without segments it owns no memory.
pub(crate) struct Directory<K, V> {
    // Invariant: a segment owns the range that it says it has.
    segments: Ranges<Segment<K, V>>,
    // Changes only while there is no entry.
    spread: Spread,
    /// How many segments there are of each depth.
    depths: [u32; MAX_DEPTH as usize + 1],
    /// Entries that room is reserved for: only an explicit wish merges segments that they need.
    reserved: usize,
}

impl<K, V> Directory<K, V> {
    pub(crate) const fn new() -> Self {
        Self {
            segments: Ranges::new(),
            spread: Spread::GROWING,
            depths: [0; MAX_DEPTH as usize + 1],
            reserved: 0,
        }
    }

    /// The segments, in the order of their positions.
    pub(crate) fn segments(&self) -> &Ranges<Segment<K, V>> {
        &self.segments
    }

    /// As [`segments`](Self::segments), to change.
    pub(crate) fn segments_mut(&mut self) -> &mut Ranges<Segment<K, V>> {
        &mut self.segments
    }

    /// How many entries the directory itself has.
    pub(crate) fn len(&self) -> usize {
        self.segments.len()
    }

    /// Bytes on the heap, those of the segments themselves not counted.
    pub(crate) fn heap_bytes(&self) -> usize {
        self.segments.heap_bytes()
    }

    /// The number of the directory's entry for this hash, good until the next split or merge;
    /// `None` while there is no segment.
    #[inline]
    pub(crate) fn number(&self, hash: KeyHash) -> Option<usize> {
        self.segments.number(self.spread.position_of(hash))
    }

    /// The segment where a key with this hash belongs; `None` while there is none.
    #[inline]
    pub(crate) fn segment_of(&self, hash: KeyHash) -> Option<&Segment<K, V>> {
        self.segments.get(self.spread.position_of(hash))
    }

    /// As [`segment_of`](Self::segment_of), if the directory's entry has been filled since it grew.
    #[inline]
    pub(crate) fn settled_segment_of(&self, hash: KeyHash) -> Option<&Segment<K, V>> {
        self.segments.get_settled(self.spread.position_of(hash))
    }

    /// As [`segment_of`](Self::segment_of), to change.
    #[inline]
    pub(crate) fn segment_of_mut(&mut self, hash: KeyHash) -> Option<&mut Segment<K, V>> {
        self.segments.get_mut(self.spread.position_of(hash))
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
        self.segments.get(widened(position)?)
    }

    /// As [`segment_covering`](Self::segment_covering), to change.
    #[inline]
    pub(crate) fn segment_at(&mut self, position: u32) -> Option<&mut Segment<K, V>> {
        self.segments.get_mut(widened(position)?)
    }

    /// A directory of the same shape, with what `map` makes of each segment.
    pub(crate) fn map(&self, map: impl Fn(&Segment<K, V>) -> Box<Segment<K, V>>) -> Self {
        let level = |segment: &&Segment<K, V>| {
            // Zero, the position of the first, has as many trailing zeros as there can be.
            MAX_DEPTH - segment.position().trailing_zeros().min(MAX_DEPTH)
        };
        let mut sources: Vec<_> = self.segments.iter().collect();
        // From wide to narrow, so that each is the upper half of a range that is there.
        sources.sort_by_key(level);
        let mut segments = Ranges::new();
        for source in sources {
            let width = 1 << (MAX_DEPTH - level(&source));
            let Some(lower) = source.position().checked_sub(width).and_then(widened) else {
                segments.start(map(source));
                continue;
            };
            if segments.is_narrow(lower) {
                segments.double();
            }
            segments.divide(lower, map(source));
        }
        Self { segments, ..*self }
    }

    /// How hashes are spread over the segments.
    pub(crate) fn spread(&self) -> Spread {
        self.spread
    }

    /// Spreads the hashes of all entries to come like this. There must be none yet.
    pub(crate) fn spread_as(&mut self, spread: Spread) {
        self.spread = spread;
    }

    /// Makes the first segment if there is none.
    pub(crate) fn first(&mut self, version: u64) {
        if self.segments.len() == 0 {
            self.segments.start(Segment::new(0, 0, version));
            self.depths[0] = 1;
        }
    }

    /// Splits the segment at `position` to make room for an entry with the hash `newcomer`, or,
    /// without one, whatever it holds.
    ///
    /// # Errors
    ///
    /// When that would not help, or the directory would grow out of proportion.
    pub(crate) fn split<O>(
        &mut self,
        position: u32,
        newcomer: Option<KeyHash>,
        hash_of: impl Fn(&K) -> KeyHash,
        hook: &mut Hook<'_, O>,
    ) -> Result<(), SplitError>
    where
        O: Observer<K, V>,
    {
        let Some(wide) = widened(position) else {
            return Ok(());
        };
        let is_narrow = self.segments.is_narrow(wide);
        let doubled = self.segments.len() * 2;
        let proportion = self
            .segments
            .owners()
            .saturating_mul(DIRECTORY_PER_SEGMENT_MAX);
        if is_narrow && doubled > proportion.max(DIRECTORY_FREE_MAX) {
            return Err(SplitError::TooSparse {
                entries: doubled,
                segments: self.segments.owners(),
            });
        }
        let Some(lower) = self.segments.get_mut(wide) else {
            return Ok(());
        };
        let upper = lower.split(newcomer, self.spread, hash_of, hook)?;
        let (middle, depth) = (upper.position(), upper.depth() as usize);
        self.depths[depth - 1] -= 1;
        self.depths[depth] += 2;
        if is_narrow {
            self.segments.double();
        }
        // Entered before it is unloaded: a panic of the observer then finds it in its place.
        self.segments.divide(wide, upper);
        for half in [position, middle] {
            if let Some(segment) = self.segment_at(half) {
                segment.unload(0, hook);
            }
        }
        Ok(())
    }

    /// Splits every segment that would be crowded in a table of so many entries.
    pub(crate) fn make_room<O>(
        &mut self,
        entries: usize,
        hash_of: impl Fn(&K) -> KeyHash,
        hook: &mut Hook<'_, O>,
    ) where
        O: Observer<K, V>,
    {
        self.reserved = self.reserved.max(entries);
        // Level by level, so that the directory stays in proportion.
        for level in 0..MAX_DEPTH {
            let mut position = 0;
            while let Some(segment) = self.segment_at(position) {
                let (depth, next) = (segment.depth(), segment.end());
                let splits = depth == level && self.spread.is_crowded(entries, position, depth);
                if splits && self.split(position, None, &hash_of, hook).is_err() {
                    return;
                }
                position = next;
            }
            if self.depths[level as usize + 1..]
                .iter()
                .all(|&count| count == 0)
            {
                return;
            }
        }
    }
}

/// For [`merge`](crate::merge).
impl<K, V> Directory<K, V> {
    /// Whether room is reserved for more than fits the segment of this position and depth.
    pub(crate) fn is_reserved(&self, position: u32, depth: u32) -> bool {
        self.spread.is_crowded(self.reserved, position, depth)
    }

    /// Forgets what was reserved.
    pub(crate) fn unreserve(&mut self) {
        self.reserved = 0;
    }

    /// Takes the upper of two buddies away, and gives its range to the lower one, who must be told.
    ///
    /// Halves the directory when half of it would do for a while: two levels of it are unused, so
    /// that the next split does not double it again.
    pub(crate) fn unite(&mut self, lower: u32, upper: u32) -> Box<Segment<K, V>> {
        let width = upper - lower;
        let depth = (MAX_DEPTH - width.trailing_zeros()) as usize;
        self.depths[depth] -= 2;
        self.depths[depth - 1] += 1;
        let gone = self
            .segments
            .unite(u64::from(upper) << (POSITION_BITS - MAX_DEPTH));
        if self.unused_levels() >= 2 {
            self.segments.halve();
        }
        gone
    }

    /// Halves the directory as often as possible, and gives back what it no longer needs.
    ///
    /// Without entries of the table it is made anew by the next insert.
    pub(crate) fn shrink_entries(&mut self) {
        while self.unused_levels() >= 1 {
            self.segments.halve();
        }
        self.segments.settle_all();
    }

    /// How many of the last hash bits that the directory uses are used by no segment.
    fn unused_levels(&self) -> usize {
        let levels = self.segments.depth() as usize;
        // The smallest directory uses one bit, whether or not there is a split.
        (2..=levels)
            .rev()
            .take_while(|&depth| self.depths[depth] == 0)
            .count()
    }
}

/// A position in all its bits; `None` beyond the end.
#[inline]
fn widened(position: u32) -> Option<u64> {
    (position < 1 << MAX_DEPTH).then(|| u64::from(position) << (POSITION_BITS - MAX_DEPTH))
}
