//! The clock at each bucket's last delivery, or its last change while a cut was open.

#[cfg(not(uncut))]
use core::ptr;

#[cfg(not(uncut))]
use crate::fingerprint;
use crate::geometry::BUCKETS;

/// The versions of a segment's buckets, its chain not counted.
///
/// Under `--cfg uncut` there are none, and nothing asks for them: that build is the table without
/// cuts that `examples/instructions.rs` compares with.
#[derive(Clone)]
pub(crate) struct Versions {
    #[cfg(not(uncut))]
    versions: [u64; BUCKETS],
}

#[cfg(not(uncut))]
impl Versions {
    /// Of buckets that have been changed last at `version`.
    #[inline]
    pub(crate) fn new(version: u64) -> Self {
        Self {
            versions: [version; BUCKETS],
        }
    }

    /// That of a bucket.
    #[inline]
    pub(crate) fn of(&self, bucket: usize) -> u64 {
        self.versions[bucket]
    }

    /// Asks for that of a bucket.
    #[inline]
    pub(crate) fn prefetch(&self, bucket: usize) {
        fingerprint::prefetch(ptr::from_ref(&self.versions[bucket]).cast());
    }

    /// Sets that of a bucket.
    #[inline]
    pub(crate) fn stamp(&mut self, bucket: usize, version: u64) {
        self.versions[bucket] = version;
    }
}

#[cfg(uncut)]
impl Versions {
    /// Nothing.
    #[inline]
    pub(crate) fn new(_: u64) -> Self {
        Self {}
    }

    /// That of a bucket which no cut will ever see.
    #[inline]
    pub(crate) fn of(&self, bucket: usize) -> u64 {
        assert!(bucket < BUCKETS, "there is no bucket {bucket}");
        u64::MAX
    }

    /// Nothing.
    #[inline]
    #[expect(clippy::unused_self, reason = "the same signature as with versions")]
    pub(crate) fn prefetch(&self, _: usize) {}

    /// Nothing.
    #[inline]
    pub(crate) fn stamp(&mut self, bucket: usize, _: u64) {
        assert!(bucket < BUCKETS, "there is no bucket {bucket}");
    }
}
