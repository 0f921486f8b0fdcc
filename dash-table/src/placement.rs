//! Where a new entry goes, and how room is made for it inside its segment.
//!
//! The home first, then its neighbour; then room is made in either by moving one entry a bucket
//! on or back; then the stash. Filling the home first leaves a segment about 95.6 % full when it
//! splits; filling the emptier of the two leaves it 97.8 % full, but makes every insert slower.

use crate::geometry::REGULAR;
use crate::hash::{KeyHash, Tag};
use crate::hook::Hook;
use crate::observer::Observer;
use crate::planted::Bug;
use crate::segment::{ANY_SLOT, Place, Segment};

impl<K, V> Segment<K, V> {
    /// Adds an entry that is not there yet and says where it stands, or gives it back when there
    /// is no room without a split or a longer chain.
    #[inline]
    pub(crate) fn add<O>(
        &mut self,
        hash: KeyHash,
        entry: (K, V),
        hook: &mut Hook<'_, O>,
    ) -> Result<Place, (K, V)>
    where
        O: Observer<K, V>,
    {
        let (tag, home) = (hash.tag(), hash.home());
        if let Some(place) = self.regular_room(home, hash.slot()) {
            self.put_new(home, place, tag, entry, hook);
            return Ok(place);
        }
        self.add_crowded(home, tag, entry, hook)
    }

    /// A vacant slot in the home, or else its neighbour, as near to `slot` as there is one.
    #[inline]
    pub(crate) fn regular_room(&self, home: usize, slot: usize) -> Option<Place> {
        let room = |bucket| {
            let slot = self.block.room(bucket, slot)?;
            Some(Place { bucket, slot })
        };
        room(home).or_else(|| room(home + 1))
    }

    /// Asks for the slot that a new entry with this hash would fill.
    #[inline]
    pub(crate) fn prefetch_room(&self, hash: KeyHash) {
        if let Some(place) = self.regular_room(hash.home(), hash.slot()) {
            self.block.prefetch(place.bucket, place.slot);
        }
    }

    /// Fills a slot of the home or its neighbour. The caller has passed the hook.
    #[inline]
    pub(crate) fn put_regular(&mut self, home: usize, place: Place, tag: Tag, entry: (K, V)) {
        self.block.put(place.bucket, place.slot, tag, entry);
        if place.bucket != home {
            self.block.mark_guest(place.bucket, place.slot);
        }
    }

    /// Adds an entry whose home and neighbour are full.
    #[cold]
    fn add_crowded<O>(
        &mut self,
        home: usize,
        tag: Tag,
        entry: (K, V),
        hook: &mut Hook<'_, O>,
    ) -> Result<Place, (K, V)>
    where
        O: Observer<K, V>,
    {
        if let Some(place) = self.displace(home, hook) {
            self.put_new(home, place, tag, entry, hook);
            return Ok(place);
        }
        let mut room = self.stash_room(home);
        if room.is_none() {
            // One is enough; more would make this insert long.
            self.unload(1, hook);
            room = self
                .regular_room(home, ANY_SLOT)
                .or_else(|| self.stash_room(home));
        }
        let Some(place) = room.or_else(|| self.chain_room()) else {
            return Err(entry);
        };
        self.put_new(home, place, tag, entry, hook);
        Ok(place)
    }

    /// Fills a vacant slot anywhere with an entry that the table did not have.
    #[inline]
    fn put_new<O>(
        &mut self,
        home: usize,
        place: Place,
        tag: Tag,
        entry: (K, V),
        hook: &mut Hook<'_, O>,
    ) where
        O: Observer<K, V>,
    {
        if hook.is_settled(self, place.bucket) {
            self.put(home, place, tag, entry);
        } else {
            self.put_unsettled(home, place, tag, entry, hook);
        }
    }

    /// As [`put_new`](Self::put_new), for a bucket of which somebody must be told first. Out of
    /// the way, so that the entry need not have an address anywhere else.
    #[cold]
    #[inline(never)]
    fn put_unsettled<O>(
        &mut self,
        home: usize,
        place: Place,
        tag: Tag,
        entry: (K, V),
        hook: &mut Hook<'_, O>,
    ) where
        O: Observer<K, V>,
    {
        hook.before_insert(self, place.bucket, &entry.0);
        self.put(home, place, tag, entry);
    }

    /// Fills a vacant slot anywhere. The caller has passed the hook.
    #[inline]
    fn put(&mut self, home: usize, place: Place, tag: Tag, entry: (K, V)) {
        if place.bucket < REGULAR {
            self.put_regular(home, place, tag, entry);
        } else {
            self.put_overflow(home, place, tag, entry);
        }
    }

    /// Frees a slot in the home or its neighbour by moving one entry one bucket on or back.
    fn displace<O>(&mut self, home: usize, hook: &mut Hook<'_, O>) -> Option<Place>
    where
        O: Observer<K, V>,
    {
        // The last regular bucket owns no entry, and the first has no guest.
        let next = home + 1;
        let owned = self.block.guests(next).complement();
        if let Some(slot) = owned.first()
            && let Some(room) = self.block.group(next + 1).vacant().first()
        {
            let to = Place {
                bucket: next + 1,
                slot: room,
            };
            return Some(self.displace_one(next, Place { bucket: next, slot }, to, hook));
        }
        if let Some(slot) = self.block.guests(home).first()
            && let Some(room) = self.block.group(home - 1).vacant().first()
        {
            let to = Place {
                bucket: home - 1,
                slot: room,
            };
            return Some(self.displace_one(home - 1, Place { bucket: home, slot }, to, hook));
        }
        None
    }

    /// Moves one entry, whose home is `home`, and says which slot that freed.
    fn displace_one<O>(
        &mut self,
        home: usize,
        from: Place,
        to: Place,
        hook: &mut Hook<'_, O>,
    ) -> Place
    where
        O: Observer<K, V>,
    {
        let bug = Bug::SkipDeliveryOnDisplacement;
        hook.before_move(bug, self, from.bucket, to.bucket);
        let (tag, entry) = self.block.take(from.bucket, from.slot);
        self.put_regular(home, to, tag, entry);
        hook.tally.displacements += 1;
        from
    }
}
