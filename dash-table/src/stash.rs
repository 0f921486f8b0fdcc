//! Overflow: the stash of a segment, and the chain behind it.
//!
//! The stash takes what home and neighbour cannot. The chain takes what the stash cannot, when
//! a split would not separate the keys: with any decent hasher it does not exist.
//! Both remember each entry's home, so that nothing here needs to hash a key.

use alloc::boxed::Box;

use crate::geometry::{BUCKETS, REGULAR, SLOTS, STASH};
use crate::hash::{KeyHash, Tag};
use crate::hook::Hook;
use crate::marks;
use crate::observer::Observer;
use crate::planted::Bug;
use crate::segment::{ANY_SLOT, Place, Segment};
use crate::slot::{Block, Found, Moves};
use crate::slot_set::SlotSet;

/// One bucket of the chain.
pub(crate) struct Link<K, V> {
    pub(crate) block: Box<Block<(K, V), 1, LinkHeader>>,
}

/// What a link knows besides its entries.
pub(crate) struct LinkHeader {
    /// The clock at its last delivery, or its last change while a cut was open.
    version: u64,
    /// The home of each entry; meaningless for vacant slots.
    homes: [u8; SLOTS],
}

impl<K, V> Link<K, V> {
    fn new(version: u64, homes: [u8; SLOTS]) -> Self {
        Self {
            block: Block::boxed(LinkHeader { version, homes }),
        }
    }

    /// A link without entries, changed last when no cut had been opened.
    pub(crate) fn empty() -> Self {
        Self::new(0, [0; SLOTS])
    }

    /// Bytes on the heap.
    pub(crate) const fn heap_bytes() -> usize {
        size_of::<Block<(K, V), 1, LinkHeader>>()
    }

    /// The clock at its last delivery, or its last change while a cut was open.
    pub(crate) fn version(&self) -> u64 {
        self.block.header().version
    }

    /// Sets its version.
    pub(crate) fn stamp(&mut self, version: u64) {
        self.block.header_mut().version = version;
    }
}

impl<K, V> Segment<K, V> {
    /// The chain's bucket with this physical number, or `None` for a bucket of the block.
    #[inline]
    pub(crate) fn link(&self, bucket: usize) -> Option<&Link<K, V>> {
        let index = bucket.checked_sub(BUCKETS)?;
        Some(&self.chain()[index])
    }

    /// As [`link`](Self::link), to change.
    #[inline]
    pub(crate) fn link_mut(&mut self, bucket: usize) -> Option<&mut Link<K, V>> {
        let index = bucket.checked_sub(BUCKETS)?;
        Some(&mut self.chain_mut()[index])
    }

    /// Finds an entry of this home and tag in the stash or the chain.
    #[cold]
    pub(crate) fn find_overflow(
        &self,
        home: usize,
        tag: Tag,
        is_match: impl Fn(&(K, V)) -> bool + Copy,
    ) -> Option<Found<'_, (K, V)>> {
        let stash = stash_from(home).find_map(|bucket| self.block.find(bucket, tag, is_match));
        stash.or_else(|| {
            self.chain()
                .iter()
                .zip(BUCKETS..)
                .find_map(|(link, bucket)| {
                    Some(Found {
                        bucket,
                        ..link.block.find(0, tag, is_match)?
                    })
                })
        })
    }

    /// A vacant slot in the stash.
    pub(crate) fn stash_room(&self, home: usize) -> Option<Place> {
        stash_from(home).find_map(|bucket| {
            let slot = self.block.group(bucket).vacant().first()?;
            Some(Place { bucket, slot })
        })
    }

    /// A vacant slot in the chain.
    pub(crate) fn chain_room(&self) -> Option<Place> {
        self.chain()
            .iter()
            .zip(BUCKETS..)
            .find_map(|(link, bucket)| {
                let slot = link.block.group(0).vacant().first()?;
                Some(Place { bucket, slot })
            })
    }

    /// Whether it is time to ask for a split: the chain does not exist, or has doubled since
    /// the last refusal. Keeps the cost of being refused constant for each entry.
    pub(crate) fn may_ask_for_split(&self) -> bool {
        let links = self.chain().len();
        links == 0 || links.is_power_of_two()
    }

    /// Lengthens the chain by a bucket, adds an entry there that the table does not have, and
    /// says where it stands.
    pub(crate) fn add_to_chain<O>(
        &mut self,
        hash: KeyHash,
        entry: (K, V),
        hook: &mut Hook<'_, O>,
    ) -> Place
    where
        O: Observer<K, V>,
    {
        let link = Link::new(hook.cuts.clock(), [0; SLOTS]);
        let place = Place {
            bucket: self.bucket_count(),
            slot: 0,
        };
        self.chain_mut().push(link);
        if !hook.is_settled(self, place.bucket) {
            hook.before_insert(self, place.bucket, &entry.0);
        }
        self.put_overflow(hash.home(), place, hash.tag(), entry);
        place
    }

    /// Gives back the empty buckets at the end of the chain. The others keep their numbers,
    /// which the cursor relies on.
    #[cold]
    pub(crate) fn trim_chain(&mut self) {
        let chain = self.chain_mut();
        while chain
            .last()
            .is_some_and(|link| link.block.group(0).occupied().is_empty())
        {
            chain.pop();
        }
    }

    /// Fills a slot of the stash or the chain. The caller has passed the hook.
    pub(crate) fn put_overflow(&mut self, home: usize, place: Place, tag: Tag, entry: (K, V)) {
        let byte = u8::try_from(home).unwrap_or(u8::MAX);
        if let Some(link) = self.link_mut(place.bucket) {
            link.block.put(0, place.slot, tag, entry);
            link.block.header_mut().homes[place.slot] = byte;
        } else {
            self.block.put(place.bucket, place.slot, tag, entry);
            self.block.header_mut().stash_homes[place.bucket - REGULAR][place.slot] = byte;
        }
        self.block.admit(home, tag);
    }

    /// Takes an entry out of the stash or the chain, and corrects the marks of its home.
    /// The caller has passed the hook.
    #[cold]
    pub(crate) fn take_overflow(&mut self, place: Place) -> (K, V) {
        let home = self.overflow_home(place);
        let (tag, entry) = self.lift(place);
        let shares_bit =
            |(other_home, other_tag)| other_home == home && marks::is_same_kind(other_tag, tag);
        if !self.overflow().any(shares_bit) {
            self.block.expel(home, tag);
        }
        entry
    }

    /// Takes an entry out of the stash or the chain, and leaves the marks of its home as they are:
    /// they may say that something overflows where nothing does any more.
    fn lift(&mut self, place: Place) -> (Tag, (K, V)) {
        match self.link_mut(place.bucket) {
            Some(link) => link.block.take(0, place.slot),
            None => self.block.take(place.bucket, place.slot),
        }
    }

    /// Brings entries of the stash and the chain back to their home or its neighbour, as far as
    /// there is room. Where two buckets have to be delivered for that, no more than `deliveries`
    /// entries are brought back; the others stay.
    pub(crate) fn unload<O>(&mut self, mut deliveries: usize, hook: &mut Hook<'_, O>)
    where
        O: Observer<K, V>,
    {
        for bucket in REGULAR..self.bucket_count() {
            for slot in self.entries(bucket).slots() {
                let from = Place { bucket, slot };
                let home = self.overflow_home(from);
                let Some(to) = self.regular_room(home, ANY_SLOT) else {
                    continue;
                };
                if !hook.moves_unseen(self.version(from.bucket), self.version(to.bucket)) {
                    let Some(left) = deliveries.checked_sub(1) else {
                        continue;
                    };
                    deliveries = left;
                }
                hook.before_move(Bug::SkipDeliveryOnUnload, self, from.bucket, to.bucket);
                let (tag, entry) = self.lift(from);
                self.put_regular(home, to, tag, entry);
                hook.tally.displacements += 1;
            }
        }
        self.trim_chain();
        // Once for all of them. If the observer has panicked, a few misses look here in vain.
        self.rebuild_marks();
    }

    /// Divides the chain between this segment and `upper`, which has none yet.
    ///
    /// `movers` names the entries that leave, link by link, and each comes to the link of the same
    /// number, of the same version. A link that has given all stays, and so does one that was given
    /// nothing: the ones behind it may be pending, and must keep the numbers that a cursor will
    /// look for.
    pub(crate) fn split_chain(&mut self, movers: &[SlotSet], upper: &mut Self) {
        for (link, &set) in self.chain_mut().iter_mut().zip(movers) {
            let mut leaving = Link::new(link.version(), link.block.header().homes);
            link.block.move_slots(0, set, &mut leaving.block);
            upper.chain_mut().push(leaving);
        }
        upper.trim_chain();
    }

    /// Buckets of the stash and the chain that a lookup looks at until it finds this entry.
    pub(crate) fn overflow_probes(&self, place: Place) -> usize {
        let home = self.overflow_home(place);
        let in_stash = stash_from(home).position(|bucket| bucket == place.bucket);
        1 + in_stash.unwrap_or_else(|| place.bucket - REGULAR)
    }

    /// Notes the homes of entries that have just come from the same bucket of `source`.
    pub(crate) fn copy_stash_homes(&mut self, bucket: usize, moves: &Moves, source: &Self) {
        let Some(stash) = bucket.checked_sub(REGULAR) else {
            return;
        };
        let homes = &source.block.header().stash_homes[stash];
        let target = &mut self.block.header_mut().stash_homes[stash];
        for &(from, to) in moves {
            target[to] = homes[from];
        }
    }

    /// Notes anew which homes overflow.
    pub(crate) fn rebuild_marks(&mut self) {
        self.block.expel_all();
        for bucket in REGULAR..self.bucket_count() {
            for slot in self.entries(bucket).slots() {
                let place = Place { bucket, slot };
                if let Some(tag) = self.tag(place) {
                    self.block.admit(self.overflow_home(place), tag);
                }
            }
        }
    }

    /// Home and tag of every entry of the stash and the chain.
    fn overflow(&self) -> impl Iterator<Item = (usize, Tag)> {
        (REGULAR..self.bucket_count()).flat_map(move |bucket| {
            self.entries(bucket).slots().filter_map(move |slot| {
                let place = Place { bucket, slot };
                Some((self.overflow_home(place), self.tag(place)?))
            })
        })
    }

    pub(crate) fn tag(&self, place: Place) -> Option<Tag> {
        match self.link(place.bucket) {
            Some(link) => link.block.group(0).tag(place.slot),
            None => self.block.group(place.bucket).tag(place.slot),
        }
    }

    pub(crate) fn overflow_home(&self, place: Place) -> usize {
        usize::from(match self.link(place.bucket) {
            Some(link) => link.block.header().homes[place.slot],
            None => self.block.header().stash_homes[place.bucket - REGULAR][place.slot],
        })
    }
}

/// The stash buckets, beginning with the one that a home prefers.
fn stash_from(home: usize) -> impl Iterator<Item = usize> {
    (0..STASH).map(move |step| REGULAR + (home + step) % STASH)
}
