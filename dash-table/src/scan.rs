//! Looking through a table in small steps, with nothing kept in between but a number.
//!
//! An entry can move while the scan lasts, but its hash does not change, and so neither do the
//! home that it belongs to nor its place in the order of all hashes. The scan goes by those two:
//! home by home, and for each home through the hash prefixes from 0 to 1.
//!
//! ```text
//!  63     32 31      24 23                       0
//! +---------+----------+-------------------------+
//! |    0    |   home   | position, in 2^-24      |   the cursor
//! +---------+----------+-------------------------+
//! ```
//!
//! One step visits what has this home in the segment that covers the position, wherever it stands
//! there (home, neighbour, stash, chain), and goes on to the end of that segment. The positions
//! from one cursor to the next leave no gap, whatever is split or merged in between; and the
//! segment that covers a position at a step holds every entry with that prefix.

use crate::geometry::{HOMES, MAX_DEPTH, REGULAR};
use crate::planted::{Bug, Plant};
use crate::segment::{Place, Segment};
use crate::slot_set::SlotSet;
use crate::table::DashTable;

/// Where a step begins.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Step {
    home: usize,
    /// Below 2^[`MAX_DEPTH`].
    position: u32,
}

impl<K, V, S, O> DashTable<K, V, S, O> {
    /// Visits the entries of one logical bucket, and says where to go on: 0 after the last.
    ///
    /// Begin with 0, and give back what comes out until it is 0 again. Between steps the table may
    /// change in any way, and the number may be handed to a client and back:
    ///
    /// - An entry that is there from the first step to the last is visited at least once.
    /// - It may be visited more than once, if segments merge in the meantime; while nothing
    ///   changes it is not.
    /// - An entry that comes or goes in the meantime may be visited or not.
    /// - Any number is accepted. One that no scan gave out begins somewhere, and ends as surely.
    ///
    /// Nothing is lent to change, so nothing is delivered to any cut.
    ///
    /// # Complexity
    ///
    /// One step looks at the at most 16 entries each of a home and its neighbour, and at those of
    /// the stash (64) if entries of this home overflow; and at the chain, in a table where keys
    /// with equal hashes made one. A whole scan takes 64 steps for each segment; some of them visit
    /// nothing.
    ///
    /// # Example
    ///
    /// ```
    /// let mut table: dash_table::DashTable<u32, u32> = (0..1000).map(|n| (n, n)).collect();
    /// let mut seen = std::collections::HashSet::new();
    /// let mut cursor = 0;
    /// loop {
    ///     cursor = table.scan(cursor, |key, _| {
    ///         seen.insert(*key);
    ///     });
    ///     if cursor == 0 {
    ///         break;
    ///     }
    ///     let fresh = 1000 + seen.len() as u32; // writes go on in between
    ///     table.insert(fresh, 0);
    /// }
    /// assert!((0..1000).all(|key| seen.contains(&key)));
    /// ```
    pub fn scan<'a>(&'a self, cursor: u64, visit: impl FnMut(&'a K, &'a V)) -> u64 {
        let Some(mut step) = Step::from_cursor(cursor) else {
            return 0;
        };
        let counts_entries = self.planted().has(Bug::ScanCountsDirectoryEntries);
        if counts_entries {
            step.position <<= MAX_DEPTH - self.directory().segments().depth();
        }
        let Some(segment) = self.directory().segment_covering(step.position) else {
            return 0;
        };
        segment.visit_home(step.home, self.planted(), visit);
        let Some(mut next) = step.after(segment.end()) else {
            return 0;
        };
        if counts_entries {
            next.position >>= MAX_DEPTH - self.directory().segments().depth();
        }
        next.into_cursor()
    }
}

impl Step {
    /// `None` for a cursor that no step gave out, because it has no such home.
    fn from_cursor(cursor: u64) -> Option<Self> {
        let home = usize::try_from(cursor >> MAX_DEPTH).ok()?;
        let position = u32::try_from(cursor & POSITION_MASK).ok()?;
        (home < HOMES).then_some(Self { home, position })
    }

    fn into_cursor(self) -> u64 {
        (self.home as u64) << MAX_DEPTH | u64::from(self.position)
    }

    /// The step that begins at `position`, or with the next home if that is beyond the last.
    fn after(self, position: u32) -> Option<Self> {
        if position < 1 << MAX_DEPTH {
            return Some(Self { position, ..self });
        }
        let home = self.home + 1;
        (home < HOMES).then_some(Self { home, position: 0 })
    }
}

impl<K, V> Segment<K, V> {
    /// Visits every entry with this home, wherever it stands.
    fn visit_home<'a>(&'a self, home: usize, plant: Plant, mut visit: impl FnMut(&'a K, &'a V)) {
        let mut visit_slots = |bucket, slots: SlotSet| {
            for slot in slots {
                let (key, value) = self.get(Place { bucket, slot });
                visit(key, value);
            }
        };
        let group = self.block.group(home);
        visit_slots(
            home,
            group.occupied().and(self.block.guests(home).complement()),
        );
        if !plant.has(Bug::ScanMissesGuests) {
            visit_slots(home + 1, self.block.guests(home + 1));
        }
        if !self.block.has_overflow(home) || plant.has(Bug::ScanMissesOverflow) {
            return;
        }
        for bucket in REGULAR..self.bucket_count() {
            let mut at_home = SlotSet::NONE;
            for slot in self.entries(bucket).slots() {
                if self.overflow_home(Place { bucket, slot }) == home {
                    at_home.add(slot);
                }
            }
            visit_slots(bucket, at_home);
        }
    }
}

const POSITION_MASK: u64 = (1 << MAX_DEPTH) - 1;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_says_home_and_position() {
        let step = Step {
            home: HOMES - 1,
            position: (1 << MAX_DEPTH) - 1,
        };
        assert_eq!(Step::from_cursor(step.into_cursor()), Some(step));
        assert_eq!(step.after(1 << MAX_DEPTH), None);
    }

    #[test]
    fn zero_begins() {
        let first = Step {
            home: 0,
            position: 0,
        };
        assert_eq!(Step::from_cursor(0), Some(first));
    }

    #[test]
    fn homes_beyond_the_last_are_no_cursors() {
        assert_eq!(Step::from_cursor((HOMES as u64) << MAX_DEPTH), None);
        assert_eq!(Step::from_cursor(u64::MAX), None);
    }
}
