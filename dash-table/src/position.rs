//! Where an entry stands in a table, and what can be done to it there.

use core::hash::{BuildHasher, Hash};

use crate::hash::KeyHash;
use crate::merge::Density;
use crate::observer::Observer;
use crate::planted::Bug;
use crate::segment::Place;
use crate::table::DashTable;

/// Where one entry stands. Good until the table changes in any way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Position {
    /// The number of the segment.
    pub(crate) number: usize,
    pub(crate) place: Place,
}

impl<K, V, S, O> DashTable<K, V, S, O> {
    /// The position of the entry with this hash whose key satisfies `is_key`.
    #[inline]
    pub(crate) fn position(
        &self,
        hash: KeyHash,
        is_key: impl Fn(&K) -> bool + Copy,
    ) -> Option<Position> {
        let number = self.directory().number(hash)?;
        let place = self.directory().segments()[number].place_of(hash, is_key)?;
        Some(Position { number, place })
    }

    /// The entry at a position.
    #[inline]
    pub(crate) fn entry_at(&self, position: Position) -> (&K, &V) {
        let (key, value) = self.directory().segments()[position.number].get(position.place);
        (key, value)
    }
}

impl<K, V, S, O: Observer<K, V>> DashTable<K, V, S, O> {
    /// The value at a position, to change. Delivers its bucket before it lends.
    #[inline]
    pub(crate) fn value_at_mut(&mut self, position: Position) -> &mut V {
        let (directory, mut hook, _) = self.parts();
        let segment = directory.segment_mut(position.number);
        hook.before_write(Bug::SkipDeliveryOnGetMut, segment, position.place);
        segment.value_mut(position.place)
    }

    /// Takes the entry at a position out. Delivers its bucket first.
    #[inline]
    pub(crate) fn remove_at(&mut self, position: Position) -> (K, V) {
        let (directory, mut hook, _) = self.parts();
        let segment = directory.segment_mut(position.number);
        let entry = segment.remove(position.place, &mut hook);
        if segment.is_emptied(position.place) {
            let start = segment.position();
            directory.merge(start, Density::Sparse, &mut hook);
        }
        entry
    }
}

impl<K: Hash + Eq, V, S: BuildHasher, O: Observer<K, V>> DashTable<K, V, S, O> {
    /// Adds an entry whose key is not there. Delivers its bucket first.
    #[inline]
    pub(crate) fn insert_absent(&mut self, hash: KeyHash, mut entry: (K, V)) -> Position {
        let (directory, mut hook, _) = self.parts();
        if let Some(number) = directory.number(hash) {
            match directory.segment_mut(number).add(hash, entry, &mut hook) {
                Ok(place) => {
                    hook.tally.entries += 1;
                    return Position { number, place };
                }
                Err(back) => entry = back,
            }
        }
        self.insert_by_growing(hash, entry)
    }
}
