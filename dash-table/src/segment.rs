//! A segment: buckets that share a hash prefix, and how an entry finds its place among them.
//!
//! An entry stands in its *home* bucket, in the *neighbour* after it (as a guest), in the stash,
//! or, when all that is full and a split would not help, in the segment's chain.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::ptr;

use crate::error::SplitError;
use crate::fingerprint;
use crate::geometry::{
    BUCKETS, MAX_DEPTH, POSITION_BITS, REGULAR, SEGMENT_SLOTS, SLOTS, SPLIT_ENTRIES_MIN, STASH,
};
use crate::hash::KeyHash;
use crate::hook::Hook;
use crate::observer::Observer;
use crate::planted::Bug;
use crate::slot::{Block, Entries, Found, Run};
use crate::slot_set::SlotSet;
use crate::spread::Spread;
use crate::stash::Link;
use crate::versions::Versions;

/// Buckets that share the first `depth` bits of their entries' hashes.
///
/// Physical buckets are numbered: regular ones, then the stash, then the chain.
///
/// All of it lies in one allocation, its chain excepted.
#[repr(transparent)]
pub(crate) struct Segment<K, V> {
    pub(crate) block: Block<(K, V), BUCKETS, Header<K, V>>,
}

/// What a segment knows besides its entries.
pub(crate) struct Header<K, V> {
    versions: Versions,
    /// The home of each entry in the stash; meaningless for vacant slots.
    pub(crate) stash_homes: [[u8; SLOTS]; STASH],
    /// How many leading hash bits all entries share.
    depth: u32,
    /// Those bits, left-aligned in [`MAX_DEPTH`] bits.
    position: u32,
    /// Buckets for entries that no split could separate; empty in any normal segment.
    pub(crate) chain: Vec<Link<K, V>>,
}

/// Where an entry stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Place {
    pub(crate) bucket: usize,
    pub(crate) slot: usize,
}

/// The slot to ask for when the hash that wishes for one is not at hand.
pub(crate) const ANY_SLOT: usize = 0;

/// Which entries of a segment a split moves.
struct Movers {
    block: [SlotSet; BUCKETS],
    chain: Vec<SlotSet>,
    /// How many leading bits all hashes share.
    shared_bits: u32,
}

impl<K, V> Segment<K, V> {
    /// An empty segment whose buckets have been changed last at `version`.
    pub(crate) fn new(depth: u32, position: u32, version: u64) -> Box<Self> {
        Self::with_versions(depth, position, Versions::new(version))
    }

    /// An empty segment.
    fn with_versions(depth: u32, position: u32, versions: Versions) -> Box<Self> {
        Self::boxed(Header {
            versions,
            stash_homes: [[0; SLOTS]; STASH],
            depth,
            position,
            chain: Vec::new(),
        })
    }

    /// How many leading hash bits all entries share.
    pub(crate) fn depth(&self) -> u32 {
        self.block.header().depth
    }

    /// The first hash position that is not this segment's, in units of 2^-[`MAX_DEPTH`].
    pub(crate) fn end(&self) -> u32 {
        self.position() + (1 << (MAX_DEPTH - self.depth()))
    }

    /// The first hash position of this segment, in units of 2^-[`MAX_DEPTH`].
    pub(crate) fn position(&self) -> u32 {
        self.block.header().position
    }

    /// Buckets for entries that no split could separate; empty in any normal segment.
    #[inline]
    pub(crate) fn chain(&self) -> &Vec<Link<K, V>> {
        &self.block.header().chain
    }

    /// As [`chain`](Self::chain), to change.
    #[inline]
    pub(crate) fn chain_mut(&mut self) -> &mut Vec<Link<K, V>> {
        &mut self.block.header_mut().chain
    }

    /// Physical buckets, chain included.
    pub(crate) fn bucket_count(&self) -> usize {
        BUCKETS + self.chain().len()
    }

    /// Whether a removal at `place` has emptied a bucket, and with it, perhaps, the segment, so
    /// that it is time to ask for a merge. A bucket of a full segment is seldom emptied.
    #[inline]
    pub(crate) fn is_emptied(&self, place: Place) -> bool {
        place.bucket < BUCKETS && self.block.entries(place.bucket).is_empty()
    }

    /// Bytes on the heap.
    pub(crate) fn heap_bytes(&self) -> usize {
        size_of::<Self>()
            + self.chain().capacity() * size_of::<Link<K, V>>()
            + self.chain().len() * Link::<K, V>::heap_bytes()
    }

    /// The entries of a bucket and some of those after it, and the first of those that are left.
    #[inline]
    pub(crate) fn run(&self, bucket: usize) -> (Run<'_, (K, V)>, usize) {
        match self.link(bucket) {
            Some(link) => (link.block.run(0).0, bucket + 1),
            None => self.block.run(bucket),
        }
    }

    /// The entries of a physical bucket.
    #[inline]
    pub(crate) fn entries(&self, bucket: usize) -> Entries<'_, (K, V)> {
        match self.link(bucket) {
            Some(link) => link.block.entries(0),
            None => self.block.entries(bucket),
        }
    }

    /// The clock at the last delivery of a physical bucket, or its last change while a cut was
    /// open.
    #[inline]
    pub(crate) fn version(&self, bucket: usize) -> u64 {
        match self.link(bucket) {
            Some(link) => link.version(),
            None => self.block.header().versions.of(bucket),
        }
    }

    /// Sets the version of a physical bucket.
    pub(crate) fn stamp(&mut self, bucket: usize, version: u64) {
        match self.link_mut(bucket) {
            Some(link) => link.stamp(version),
            None => self.block.header_mut().versions.stamp(bucket, version),
        }
    }

    /// Asks for the groups and marks that an insert reads, and for the version, if it reads that
    /// too.
    #[inline]
    pub(crate) fn prefetch(&self, hash: KeyHash, reads_version: bool) {
        let home = hash.home();
        for bucket in home..home + 2 {
            fingerprint::prefetch(ptr::from_ref(self.block.group(bucket)).cast());
        }
        self.block.prefetch_overflow();
        if reads_version {
            self.block.header().versions.prefetch(home);
        }
    }

    /// As [`find`](Self::find), for a change: says where the entry stands.
    #[inline]
    pub(crate) fn place_of(
        &self,
        hash: KeyHash,
        is_key: impl Fn(&K) -> bool + Copy,
    ) -> Option<Place> {
        let Found { bucket, slot, .. } = self.find(hash, is_key)?;
        Some(Place { bucket, slot })
    }

    /// The entry at `place`.
    #[inline]
    pub(crate) fn get(&self, place: Place) -> &(K, V) {
        match self.link(place.bucket) {
            Some(link) => link.block.get(0, place.slot),
            None => self.block.get(place.bucket, place.slot),
        }
    }

    /// The value at `place`, to change. The caller has passed the hook.
    #[inline]
    pub(crate) fn value_mut(&mut self, place: Place) -> &mut V {
        &mut self.get_mut(place).1
    }

    /// The entry at `place`, to change. The caller has passed the hook.
    #[inline]
    pub(crate) fn get_mut(&mut self, place: Place) -> &mut (K, V) {
        if place.bucket < BUCKETS {
            self.block.get_mut(place.bucket, place.slot)
        } else {
            self.chain_mut()[place.bucket - BUCKETS]
                .block
                .get_mut(0, place.slot)
        }
    }

    /// Takes the entry at `place` out.
    #[inline]
    pub(crate) fn remove<O>(&mut self, place: Place, hook: &mut Hook<'_, O>) -> (K, V)
    where
        O: Observer<K, V>,
    {
        hook.before_write(Bug::SkipDeliveryOnRemove, self, place);
        hook.tally.entries -= 1;
        let entry = self.take(place);
        if place.bucket >= REGULAR {
            self.trim_chain();
        }
        entry
    }

    /// Takes the entry at `place` out. The caller has passed the hook, and trims the chain.
    #[inline]
    pub(crate) fn take(&mut self, place: Place) -> (K, V) {
        if place.bucket < REGULAR {
            self.block.take(place.bucket, place.slot).1
        } else {
            self.take_overflow(place)
        }
    }

    /// Keeps the entries that `keep` says yes to, and drops the others.
    pub(crate) fn retain<O>(
        &mut self,
        mut keep: impl FnMut(&K, &mut V) -> bool,
        hook: &mut Hook<'_, O>,
    ) where
        O: Observer<K, V>,
    {
        for bucket in 0..self.bucket_count() {
            for slot in self.entries(bucket).slots() {
                let place = Place { bucket, slot };
                hook.before_write(Bug::SkipDeliveryOnRetain, self, place);
                let (key, value) = self.get_mut(place);
                if !keep(key, value) {
                    hook.tally.entries -= 1;
                    drop(self.take(place));
                }
            }
        }
        self.trim_chain();
    }

    /// Drops every entry, and gives the chain back.
    pub(crate) fn clear<O>(&mut self, hook: &mut Hook<'_, O>)
    where
        O: Observer<K, V>,
    {
        for bucket in 0..self.bucket_count() {
            hook.before_writes(Bug::SkipDeliveryOnClear, self, bucket);
            let tally = &mut *hook.tally;
            let dropped = || tally.entries -= 1;
            match self.link_mut(bucket) {
                Some(link) => link.block.clear(0, dropped),
                None => self.block.clear(bucket, dropped),
            }
        }
        // Last, so that a panic of some entry's drop leaves no entry that a lookup would miss.
        self.trim_chain();
        self.rebuild_marks();
    }

    /// Moves the upper half of the hash range to a new segment.
    ///
    /// Every key is hashed before anything moves: a panic then leaves the segment whole. Nothing
    /// is delivered: a bucket of the new segment has the version of the bucket that gave it its
    /// entries, and is needed by the same cuts. Both halves may then be unloaded, which the caller
    /// does once the new one is in its place. `newcomer` is the hash of an entry that waits
    /// for room; without one the segment splits whatever it holds.
    ///
    /// # Errors
    ///
    /// When the split would not separate the entries and `newcomer` from each other, or would
    /// halve a segment that is nearly empty.
    pub(crate) fn split<O>(
        &mut self,
        newcomer: Option<KeyHash>,
        spread: Spread,
        hash_of: impl Fn(&K) -> KeyHash,
        hook: &mut Hook<'_, O>,
    ) -> Result<Box<Self>, SplitError>
    where
        O: Observer<K, V>,
    {
        let movers = self.movers(newcomer, spread, hash_of);
        if newcomer.is_some() {
            let entries = self.count_entries();
            if entries < SPLIT_ENTRIES_MIN {
                return Err(SplitError::TooEmpty {
                    entries,
                    slots: SEGMENT_SLOTS,
                });
            }
            if movers.shared_bits == MAX_DEPTH {
                return Err(SplitError::Inseparable {
                    entries,
                    bits: MAX_DEPTH,
                });
            }
        }
        Ok(self.split_off(&movers, hook))
    }

    /// Becomes responsible for the range of its buddy too.
    pub(crate) fn widen(&mut self) {
        self.block.header_mut().depth -= 1;
    }

    /// The entries whose next hash bit is set, and how many bits all hashes share.
    fn movers(
        &self,
        newcomer: Option<KeyHash>,
        spread: Spread,
        hash_of: impl Fn(&K) -> KeyHash,
    ) -> Movers {
        let depth = self.depth();
        // A bit is set where some hash differs from the newcomer's, or anywhere without one.
        let mut difference = if newcomer.is_some() { 0 } else { u64::MAX };
        let reference = newcomer.map_or(0, |hash| spread.position_of(hash));
        let mut movers_of = |bucket| {
            let mut entries = self.entries(bucket);
            let mut movers = SlotSet::NONE;
            while let Some((slot, (key, _))) = entries.next_in_slot() {
                let position = spread.position_of(hash_of(key));
                difference |= position ^ reference;
                movers.add_if(slot, position >> (POSITION_BITS - 1 - depth) & 1 == 1);
            }
            movers
        };
        let block = core::array::from_fn(&mut movers_of);
        let chain = (BUCKETS..self.bucket_count()).map(movers_of).collect();
        Movers {
            block,
            chain,
            shared_bits: (difference << (64 - POSITION_BITS))
                .leading_zeros()
                .min(MAX_DEPTH),
        }
    }

    /// Splits. Entries of the block keep bucket and slot, because the next bit of the prefix
    /// changes neither home nor tag; so they fit, whatever they are.
    fn split_off<O>(&mut self, movers: &Movers, hook: &mut Hook<'_, O>) -> Box<Self>
    where
        O: Observer<K, V>,
    {
        let versions = if hook.plant.has(Bug::NewSegmentAtVersionZero) {
            Versions::new(0)
        } else if hook.plant.has(Bug::NewSegmentAtClock) {
            Versions::new(hook.cuts.clock())
        } else {
            self.block.header().versions.clone()
        };
        let depth = self.depth() + 1;
        let middle = self.position() + (1 << (MAX_DEPTH - depth));
        let mut upper = Self::with_versions(depth, middle, versions);
        self.block.header_mut().depth = depth;
        for (bucket, &set) in movers.block.iter().enumerate() {
            self.block.move_slots(bucket, set, &mut upper.block);
        }
        upper.block.header_mut().stash_homes = self.block.header().stash_homes;
        self.split_chain(&movers.chain, &mut upper);
        self.rebuild_marks();
        upper.rebuild_marks();
        hook.tally.splits += 1;
        upper
    }
}
