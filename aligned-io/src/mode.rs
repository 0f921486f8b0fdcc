//! How a file is reached, after every fallback.

use std::fmt;

/// The way a file is reached, decided when it is opened.
///
/// Prints as `io_uring, O_DIRECT, registered buffers` or `pwrite, buffered`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Mode {
    /// What carries the blocks.
    pub backend: Backend,
    /// Whether transfers bypass the page cache (`O_DIRECT`).
    pub direct: bool,
    /// Whether the ring holds the buffers pinned, which saves pinning them on each transfer.
    pub registered_buffers: bool,
    /// Whether the ring holds the file, which saves looking it up on each transfer.
    pub registered_file: bool,
    /// What offsets and lengths of transfers are multiples of, in bytes: 1 unless direct.
    pub alignment: usize,
}

/// What carries the blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Backend {
    /// An `io_uring`, with several transfers in flight.
    IoUring,
    /// Threads that call `pwrite` and `pread`, with as many transfers in flight.
    Threads,
    /// `pwrite` and `pread` on the calling thread, one at a time.
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
            Self::Threads => "threads",
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
            registered_file: true,
            alignment: 4096,
        };
        assert_eq!(best.to_string(), "io_uring, O_DIRECT, registered buffers");
        let worst = Mode {
            backend: Backend::Pwrite,
            direct: false,
            registered_buffers: false,
            registered_file: false,
            alignment: 1,
        };
        assert_eq!(worst.to_string(), "pwrite, buffered");
    }
}
