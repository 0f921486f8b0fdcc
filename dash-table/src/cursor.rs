//! The place that a traversal has reached; it survives splits.

use crate::cut::Cut;
use crate::directory::Directory;
use crate::geometry::MAX_DEPTH;
use crate::hook::Hook;
use crate::observer::Observer;

/// How far ahead of the traversal a bucket is shown to the observer: about ten entries, which take
/// about as long as the memory does.
const BUCKETS_AHEAD: usize = 1;

/// How far a traversal has come: a hash prefix, and a bucket of the segment there.
///
/// A split behind, under or ahead of the cursor leaves it where it is: the new segment comes right
/// after the old one, has its entries in buckets of the same numbers, and the same cuts need them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Cursor {
    /// In units of 2^-[`MAX_DEPTH`] of all hashes.
    position: u32,
    bucket: usize,
}

/// Whether a traversal has reached the end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[must_use]
pub enum Traversal {
    /// There are buckets left to examine.
    More,
    /// Every bucket of the cut has been delivered, or the cut is not open.
    Done,
}

impl Cursor {
    /// Before the first bucket.
    pub const fn start() -> Self {
        Self {
            position: 0,
            bucket: 0,
        }
    }

    /// How much of the table lies behind, from 0 to 1. Does not decrease.
    pub fn progress(&self) -> f64 {
        f64::from(self.position) / f64::from(END)
    }

    pub(crate) fn advance<K, V, O>(
        &mut self,
        cut: Cut,
        max_buckets: usize,
        directory: &mut Directory<K, V>,
        hook: &mut Hook<'_, O>,
    ) -> Traversal
    where
        O: Observer<K, V>,
    {
        if !hook.cuts.opened().contains(&cut) {
            return Traversal::Done;
        }
        for _ in 0..max_buckets {
            let Some(segment) = directory.segment_at(self.position) else {
                return Traversal::Done;
            };
            // The chain may have become shorter since the last step.
            if self.bucket < segment.bucket_count() {
                if self.bucket == 0 {
                    (0..BUCKETS_AHEAD).for_each(|first| hook.approach(segment, first, cut));
                }
                hook.approach(segment, self.bucket + BUCKETS_AHEAD, cut);
                hook.visit(segment, self.bucket, cut);
                self.bucket += 1;
            }
            if self.bucket >= segment.bucket_count() {
                *self = Self {
                    position: segment.end(),
                    bucket: 0,
                };
            }
        }
        if directory.segment_at(self.position).is_some() {
            Traversal::More
        } else {
            Traversal::Done
        }
    }
}

const END: u32 = 1 << MAX_DEPTH;
