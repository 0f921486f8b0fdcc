//! A walk over the entries of a table from which they are taken out one by one.

use crate::directory::Directory;
use crate::segment::{Place, Segment};

/// How far the walk has come.
///
/// Between two steps the table is whole, so a walk may end anywhere, and never be told so.
/// Entries may be taken out, but not put in or moved, while it lasts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Walk {
    /// Of the segment, in units of 2^-[`MAX_DEPTH`](crate::geometry::MAX_DEPTH).
    position: u32,
    /// The next slot to look at.
    place: Place,
}

impl Walk {
    /// Before the first entry.
    pub(crate) const fn start() -> Self {
        Self {
            position: 0,
            place: FIRST,
        }
    }

    /// The next entry: its segment, and its place there.
    #[inline]
    pub(crate) fn step<'a, K, V>(
        &mut self,
        directory: &'a mut Directory<K, V>,
    ) -> Option<(&'a mut Segment<K, V>, Place)> {
        loop {
            let segment = directory.segment_at(self.position)?;
            // Asked for every time, because the chain becomes shorter when it is emptied.
            while self.place.bucket < segment.bucket_count() {
                let mut slots = segment.entries(self.place.bucket).slots();
                if let Some(slot) = slots.find(|slot| *slot >= self.place.slot) {
                    let place = Place { slot, ..self.place };
                    self.place.slot = slot + 1;
                    // Looked up once more, because a loan may not be conditional.
                    return Some((directory.segment_at(self.position)?, place));
                }
                self.place = Place {
                    bucket: self.place.bucket + 1,
                    slot: 0,
                };
            }
            *self = Self {
                position: segment.end(),
                place: FIRST,
            };
        }
    }
}

const FIRST: Place = Place { bucket: 0, slot: 0 };
