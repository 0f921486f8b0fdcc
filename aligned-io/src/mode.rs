//! How a writer reaches the disk, after every fallback.

use std::fmt;

/// The way a writer reaches the disk, decided when it is created.
///
/// Prints as `io_uring, O_DIRECT, registered buffers` or `pwrite, buffered`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Mode {
    /// What carries the writes.
    pub backend: Backend,
    /// Whether writes bypass the page cache (`O_DIRECT`).
    pub direct: bool,
    /// Whether the ring holds the buffers pinned, which saves pinning them on each write.
    pub registered_buffers: bool,
    /// What offsets and lengths of writes are multiples of, in bytes: 1 unless direct.
    pub alignment: usize,
}

/// What carries the writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Backend {
    /// An `io_uring`, with several writes in flight.
    IoUring,
    /// `pwrite` on the calling thread, one at a time.
    Pwrite,
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let caching = if self.direct { "O_DIRECT" } else { "buffered" };
        write!(f, "{}, {caching}", self.backend)?;
        if self.registered_buffers {
            f.write_str(", registered buffers")
        } else {
            Ok(())
        }
    }
}

impl fmt::Display for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::IoUring => "io_uring",
            Self::Pwrite => "pwrite",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mode_reads_as_a_sentence() {
        let best = Mode {
            backend: Backend::IoUring,
            direct: true,
            registered_buffers: true,
            alignment: 4096,
        };
        assert_eq!(best.to_string(), "io_uring, O_DIRECT, registered buffers");
        let worst = Mode {
            backend: Backend::Pwrite,
            direct: false,
            registered_buffers: false,
            alignment: 1,
        };
        assert_eq!(worst.to_string(), "pwrite, buffered");
    }
}
