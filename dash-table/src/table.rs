//! The map.

use core::borrow::Borrow;
use core::fmt;
use core::hash::{BuildHasher, Hash};
use core::mem;

use crate::cut::Cuts;
use crate::directory::Directory;
use crate::geometry::ENTRIES_MAX;
use crate::hash::{DefaultHashBuilder, KeyHash};
use crate::hook::{Hook, Tally};
use crate::merge::Density;
use crate::observer::Observer;
use crate::planted::{Bug, Plant};
use crate::position::Position;

/// A hash map that grows by one small segment at a time, and tells an observer about every
/// bucket before it changes.
///
/// `O` is the [`Observer`]; with the default, `()`, the hook compiles to nothing.
///
/// # Complexity
///
/// Lookups and changes take O(1) expected time, for a hasher that tells keys apart. An insert
/// moves at most the entries of one segment (1104 slots); a removal at most those of two nearly
/// empty ones, which it merges. The directory doubles and halves without being copied at once.
/// Keys with equal hashes are chained: n of them cost O(n) per operation, and no more memory than
/// others. So does a flood of keys that somebody chose to collide; the default hasher is seeded
/// afresh for every table, so that nobody can choose them without knowing the seed. It is fast, not
/// cryptographic: against an attacker who can measure time, use `std`'s `RandomState`.
///
/// # Memory
///
/// About 1.8 bytes per slot besides the entry itself. Segments are about 95 % full when they
/// split, and split at different times, so about two thirds of the slots are in use at any size;
/// five sixths where the number of entries was known beforehand ([`reserve`](Self::reserve),
/// [`plan_for`](Self::plan_for)).
/// [`shrink_to_fit`](Self::shrink_to_fit) gives back what removals have left empty.
///
/// # Panics
///
/// A panic in `Hash`, `Eq`, `Drop` or the observer leaves a valid table with all its other
/// entries.
///
/// # Source
///
/// Lu, Hao, Wang, Lo: "Dash: Scalable Hashing on Persistent Memory", VLDB 2020, without what it
/// does for persistence and for threads.
pub struct DashTable<K, V, S = DefaultHashBuilder, O = ()> {
    directory: Directory<K, V>,
    cuts: Cuts,
    tally: Tally,
    plant: Plant,
    hasher: S,
    observer: O,
}

impl<K, V> DashTable<K, V> {
    /// An empty table, which owns no memory yet.
    pub fn new() -> Self {
        Self::default()
    }
}

impl<K: Hash + Eq, V> DashTable<K, V> {
    /// An empty table with room for about `capacity` entries.
    pub fn with_capacity(capacity: usize) -> Self {
        let mut table = Self::new();
        table.reserve(capacity);
        table
    }
}

impl<K, V, S: Default, O: Default> Default for DashTable<K, V, S, O> {
    fn default() -> Self {
        Self::with_parts(S::default(), O::default())
    }
}

impl<K, V, S, O> DashTable<K, V, S, O> {
    pub(crate) fn with_parts(hasher: S, observer: O) -> Self {
        Self {
            directory: Directory::new(),
            cuts: Cuts::new(),
            tally: Tally::default(),
            plant: Plant::default(),
            hasher,
            observer,
        }
    }

    /// Whoever is told about changes.
    pub fn observer(&self) -> &O {
        &self.observer
    }

    /// As [`observer`](Self::observer), to change.
    pub fn observer_mut(&mut self) -> &mut O {
        &mut self.observer
    }

    /// What hashes the keys.
    pub fn hasher(&self) -> &S {
        &self.hasher
    }

    /// How many entries.
    #[inline]
    pub fn len(&self) -> usize {
        self.tally.entries
    }

    /// Whether there is no entry.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(crate) fn directory(&self) -> &Directory<K, V> {
        &self.directory
    }

    /// The entries; cuts, hasher and observer are dropped.
    pub(crate) fn into_directory(self) -> Directory<K, V> {
        self.directory
    }

    pub(crate) fn cuts(&self) -> &Cuts {
        &self.cuts
    }

    pub(crate) fn cuts_mut(&mut self) -> &mut Cuts {
        &mut self.cuts
    }

    pub(crate) fn tally(&self) -> Tally {
        self.tally
    }

    /// The bug that is planted, if any.
    #[inline]
    pub(crate) fn planted(&self) -> Plant {
        self.plant
    }

    /// Plants a bug, or pulls it out.
    #[cfg(planted)]
    pub fn plant(&mut self, bug: Option<Bug>) {
        self.plant.set(bug);
    }

    /// The parts that a mutation needs side by side.
    #[inline]
    pub(crate) fn parts(&mut self) -> (&mut Directory<K, V>, Hook<'_, O>, &S) {
        let hook = Hook {
            cuts: &self.cuts,
            observer: &mut self.observer,
            tally: &mut self.tally,
            plant: self.plant,
        };
        (&mut self.directory, hook, &self.hasher)
    }
}

impl<K: Hash + Eq, V, S: BuildHasher, O: Observer<K, V>> DashTable<K, V, S, O> {
    /// An empty table that tells `observer` about changes.
    pub fn with_observer(observer: O) -> Self
    where
        S: Default,
    {
        Self::with_parts(S::default(), observer)
    }

    /// An empty table with this hasher, that tells `observer` about changes.
    ///
    /// Any hasher whose 64-bit results differ from key to key will do, the identity included.
    pub fn with_hasher_and_observer(hasher: S, observer: O) -> Self {
        Self::with_parts(hasher, observer)
    }

    /// The value of a key.
    #[inline]
    pub fn get<Q>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        self.lookup(key, |(_, value)| value)
    }

    /// The entry of a key, with the key as the table stores it.
    #[inline]
    pub fn get_key_value<Q>(&self, key: &Q) -> Option<(&K, &V)>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        self.lookup(key, |(key, value)| (key, value))
    }

    /// Whether the key is there.
    #[inline]
    pub fn contains_key<Q>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        self.lookup(key, |_| ()).is_some()
    }

    /// The value of a key, to change. Delivers its bucket before it lends.
    pub fn get_mut<Q>(&mut self, key: &Q) -> Option<&mut V>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let hash = self.hash(key);
        let (directory, mut hook, _) = self.parts();
        let segment = directory.segment_of_mut(hash)?;
        let place = segment.place_of(hash, move |other| other.borrow() == key)?;
        hook.before_write(Bug::SkipDeliveryOnGetMut, segment, place);
        Some(segment.value_mut(place))
    }

    /// Sets the value of a key, and gives back the one it had. A key that is there stays.
    #[inline]
    pub fn insert(&mut self, key: K, value: V) -> Option<V> {
        let hash = self.hash(&key);
        let (_, value) = self.insert_hashed(hash, (key, value))?;
        Some(value)
    }

    /// Inserts an entry whose key has this hash; gives back the key, and the value it had, if it
    /// was there.
    #[inline]
    pub(crate) fn insert_hashed(&mut self, hash: KeyHash, mut entry: (K, V)) -> Option<(K, V)> {
        let (directory, mut hook, _) = self.parts();
        if let Some(segment) = directory.segment_of_mut(hash) {
            if let Some(place) = segment.place_of(hash, |other| *other == entry.0) {
                hook.before_write(Bug::SkipDeliveryOnOverwrite, segment, place);
                mem::swap(segment.value_mut(place), &mut entry.1);
                return Some(entry);
            }
            match segment.add(hash, entry, &mut hook) {
                Ok(_) => {
                    hook.tally.entries += 1;
                    return None;
                }
                Err(back) => entry = back,
            }
        }
        self.insert_by_growing(hash, entry);
        None
    }

    /// Removes a key, and gives back its value.
    pub fn remove<Q>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        self.remove_entry(key).map(|(_, value)| value)
    }

    /// Removes a key, and gives back the entry.
    pub fn remove_entry<Q>(&mut self, key: &Q) -> Option<(K, V)>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let hash = self.hash(key);
        let (directory, mut hook, _) = self.parts();
        let segment = directory.segment_of_mut(hash)?;
        let place = segment.place_of(hash, move |other| other.borrow() == key)?;
        let entry = segment.remove(place, &mut hook);
        if segment.is_emptied(place) {
            let position = segment.position();
            directory.merge(position, Density::Sparse, &mut hook);
        }
        Some(entry)
    }

    /// Keeps the entries that `keep` says yes to, and drops the others.
    ///
    /// Lends every value to `keep`, and so delivers every bucket first.
    pub fn retain(&mut self, mut keep: impl FnMut(&K, &mut V) -> bool) {
        let (directory, mut hook, _) = self.parts();
        for segment in directory.segments_mut().iter_mut() {
            segment.retain(&mut keep, &mut hook);
        }
    }

    /// Drops every entry. Keeps the segments for later ones.
    pub fn clear(&mut self) {
        let (directory, mut hook, _) = self.parts();
        for segment in directory.segments_mut().iter_mut() {
            segment.clear(&mut hook);
        }
    }

    /// Makes room for about `additional` more entries at once, instead of split by split.
    ///
    /// An empty table is fitted to them, as [`plan_for`](Self::plan_for) does it, unless it has
    /// been fitted already. Otherwise this splits what so many entries would have split by
    /// themselves. In either case a few more segments may still have to.
    ///
    /// # Panics
    ///
    /// When no table can hold so many entries: there are at most 2^24 segments.
    pub fn reserve(&mut self, additional: usize) {
        let entries = self.len().saturating_add(additional);
        assert!(
            entries <= ENTRIES_MAX,
            "capacity overflow: {entries} entries, where there is room for {ENTRIES_MAX}"
        );
        if entries == 0 {
            return;
        }
        let spread = self.spread_for(entries);
        let (directory, mut hook, hasher) = self.parts();
        directory.spread_as(spread);
        directory.first(hook.cuts.clock());
        directory.make_room(entries, |key| KeyHash::of(hasher, key), &mut hook);
    }

    #[inline]
    pub(crate) fn hash<Q: Hash + ?Sized>(&self, key: &Q) -> KeyHash {
        KeyHash::of(&self.hasher, key)
    }

    /// Adds an entry for which its segment, if there is one, has no room.
    #[cold]
    pub(crate) fn insert_by_growing(&mut self, hash: KeyHash, mut entry: (K, V)) -> Position {
        let (directory, mut hook, hasher) = self.parts();
        let hash_of = |key: &K| KeyHash::of(hasher, key);
        directory.first(hook.cuts.clock());
        loop {
            let Some(number) = directory.number(hash) else {
                unreachable!("there is a first segment");
            };
            let segment = directory.segment_mut(number);
            match segment.add(hash, entry, &mut hook) {
                Ok(place) => {
                    hook.tally.entries += 1;
                    return Position { number, place };
                }
                Err(back) => entry = back,
            }
            let position = segment.position();
            if !segment.may_ask_for_split()
                || directory
                    .split(position, Some(hash), hash_of, &mut hook)
                    .is_err()
            {
                let segment = directory.segment_mut(number);
                let place = segment.add_to_chain(hash, entry, &mut hook);
                hook.tally.entries += 1;
                return Position { number, place };
            }
        }
    }
}

impl<K: fmt::Debug, V: fmt::Debug, S, O> fmt::Debug for DashTable<K, V, S, O> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_map().entries(self).finish()
    }
}
