//! How a file is reached: from what was asked for, rung by rung down to what is to be had.

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;

use rustix::fs::{AtFlags, OFlags, StatxFlags};
use rustix::io::Errno;

use crate::backend::BlockBackend;
use crate::buffer::{AlignedBuf, PAGE_BYTES};
use crate::error::Operation;
use crate::mode::Mode;
use crate::pwrite::PwriteFile;
use crate::ring::Ring;
use crate::threads::ThreadPool;

pub(crate) type AnyBackend = Box<dyn BlockBackend>;

/// What carries the blocks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum BackendChoice {
    /// An `io_uring` for direct transfers, threads where it is refused; through the page cache
    /// the calling thread, which is faster there.
    #[default]
    Auto,
    /// An `io_uring`; an error where it is refused.
    IoUring,
    /// Threads that call `pwrite` and `pread`.
    Threads,
    /// The calling thread, one transfer at a time.
    Pwrite,
}

/// Whether transfers bypass the page cache with `O_DIRECT`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Direct {
    /// If the file system takes it, proved by a first transfer.
    #[default]
    Auto,
    /// No.
    Never,
    /// Yes; an error where it is refused.
    Require,
}

/// Whether the buffers are registered with the `io_uring`, which saves the kernel pinning them
/// for each transfer. They count against the limit of locked memory then (`ulimit -l`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Registration {
    /// If the limit allows it, where an `io_uring` is used.
    #[default]
    Auto,
    /// No.
    Never,
    /// Yes; an error where it is refused, and where no `io_uring` is used.
    Require,
}

/// What was asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wishes<'a> {
    pub(crate) backend: BackendChoice,
    pub(crate) direct: Direct,
    pub(crate) registration: Registration,
    pub(crate) block_bytes: usize,
    /// Named where a fallback is reported.
    pub(crate) path: &'a Path,
}

/// Whether transfers bypass the page cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Caching {
    /// They do, and keep to multiples of `alignment` bytes.
    Direct {
        alignment: usize,
    },
    Buffered,
}

impl Caching {
    /// What offsets and lengths of transfers must be multiples of, in bytes.
    pub(crate) fn granule(self) -> usize {
        match self {
            Self::Direct { alignment } => alignment,
            Self::Buffered => 1,
        }
    }
}

/// What was asked for is not to be had, and nothing else would do.
#[derive(Debug)]
pub(crate) enum Refused {
    /// The block size is no multiple of what direct transfers must be.
    Unaligned {
        block_bytes: usize,
        alignment: usize,
    },
    /// The operating system refused it.
    Io {
        operation: Operation,
        source: io::Error,
    },
}

impl Refused {
    pub(crate) fn io(operation: Operation, source: impl Into<io::Error>) -> Self {
        let source = source.into();
        Self::Io { operation, source }
    }
}

/// The mode that `backend` works in.
pub(crate) fn mode_of(backend: &dyn BlockBackend, caching: Caching) -> Mode {
    let capabilities = backend.capabilities();
    Mode {
        backend: capabilities.backend,
        direct: caching != Caching::Buffered,
        registered_buffers: capabilities.registered_buffers,
        registered_file: capabilities.registered_file,
        alignment: caching.granule(),
    }
}

impl Wishes<'_> {
    /// Turns on `O_DIRECT` if it is wanted and to be had. Only a transfer proves that it is meant.
    pub(crate) fn open_direct(&self, file: &File) -> Result<Caching, Refused> {
        if self.direct == Direct::Never {
            return Ok(Caching::Buffered);
        }
        let refusal = match direct_alignment(file) {
            Ok(alignment) if !self.block_bytes.is_multiple_of(alignment) => {
                if self.direct == Direct::Require {
                    let block_bytes = self.block_bytes;
                    return Err(Refused::Unaligned {
                        block_bytes,
                        alignment,
                    });
                }
                Errno::INVAL
            }
            Ok(alignment) => match set_direct(file, OFlags::DIRECT) {
                Ok(()) => return Ok(Caching::Direct { alignment }),
                Err(error) => error,
            },
            Err(error) => error,
        };
        if self.direct == Direct::Require {
            return Err(Refused::io(Operation::SetDirect, refusal));
        }
        self.report_buffered(&refusal.into());
        Ok(Caching::Buffered)
    }

    /// Turns `O_DIRECT` off again after the first transfer failed with `source`, if that says that
    /// it is not to be had here, and it was not required. A broken or a full disk is not what the
    /// page cache is there to hide.
    pub(crate) fn leave_direct(&self, file: &File, source: io::Error) -> Result<(), Refused> {
        if self.direct == Direct::Require || !refuses_direct(&source) {
            return Err(Refused::io(Operation::Probe, source));
        }
        set_direct(file, OFlags::empty())
            .map_err(|error| Refused::io(Operation::SetDirect, error))?;
        self.report_buffered(&source);
        Ok(())
    }

    /// The best backend that is wanted and to be had, for transfers of `buffers`.
    pub(crate) fn open_backend(
        &self,
        file: &Arc<File>,
        buffers: &[AlignedBuf],
        caching: Caching,
    ) -> Result<AnyBackend, Refused> {
        let unregistered = || {
            if self.registration == Registration::Require {
                let source = io::ErrorKind::Unsupported;
                return Err(Refused::io(Operation::RegisterBuffers, source));
            }
            Ok(())
        };
        match (self.backend, caching) {
            (BackendChoice::IoUring, _) | (BackendChoice::Auto, Caching::Direct { .. }) => {
                match Ring::new(file, buffers.len()) {
                    Ok(ring) => self.registered(ring, buffers),
                    Err(source) if self.backend == BackendChoice::IoUring => {
                        Err(Refused::io(Operation::SetUpRing, source))
                    }
                    Err(error) => {
                        unregistered()?;
                        tracing::warn!(
                            %error,
                            "io_uring is refused, using threads instead; see the sysctl \
                             kernel.io_uring_disabled and the seccomp profile of the container",
                        );
                        self.open_threads(file, buffers.len())
                    }
                }
            }
            (BackendChoice::Threads, _) => {
                unregistered()?;
                self.open_threads(file, buffers.len())
            }
            // A ring hands buffered writes to kernel threads, one by one: 0.5 GiB/s were measured
            // where pwrite did 2.0.
            (BackendChoice::Pwrite, _) | (BackendChoice::Auto, Caching::Buffered) => {
                unregistered()?;
                Ok(Box::new(PwriteFile::new(file)))
            }
        }
    }

    fn registered(&self, mut ring: Ring, buffers: &[AlignedBuf]) -> Result<AnyBackend, Refused> {
        if self.registration == Registration::Never {
            return Ok(Box::new(ring));
        }
        match ring.register(buffers) {
            Ok(()) => {}
            Err(source) if self.registration == Registration::Require => {
                return Err(Refused::io(Operation::RegisterBuffers, source));
            }
            Err(error) => tracing::warn!(
                %error,
                bytes = buffers.iter().map(|buffer| buffer.len()).sum::<usize>(),
                "buffers cannot be registered, using plain ones instead; see the limit of \
                 locked memory (ulimit -l)",
            ),
        }
        Ok(Box::new(ring))
    }

    fn open_threads(&self, file: &Arc<File>, depth: usize) -> Result<AnyBackend, Refused> {
        match ThreadPool::new(file, depth) {
            Ok(threads) => Ok(Box::new(threads)),
            Err(source) if self.backend == BackendChoice::Threads => {
                Err(Refused::io(Operation::StartThread, source))
            }
            Err(error) => {
                tracing::warn!(%error, "a thread is refused, using the calling one instead");
                Ok(Box::new(PwriteFile::new(file)))
            }
        }
    }

    fn report_buffered(&self, error: &io::Error) {
        tracing::warn!(
            %error,
            path = %self.path.display(),
            "O_DIRECT is refused, going through the page cache instead",
        );
    }
}

/// Whether a transfer that failed so says that direct ones are not to be had here.
pub(crate) fn refuses_direct(error: &io::Error) -> bool {
    use io::ErrorKind::{InvalidInput, Unsupported};
    matches!(error.kind(), InvalidInput | Unsupported)
}

/// What offsets, lengths and addresses of direct transfers must be multiples of, in bytes: at
/// least a page, which suits every file system, even where it asks for less.
fn direct_alignment(file: &File) -> Result<usize, Errno> {
    let (flags, wanted) = (AtFlags::EMPTY_PATH, StatxFlags::DIOALIGN);
    let Ok(statx) = rustix::fs::statx(file, c"", flags, wanted) else {
        return Ok(PAGE_BYTES);
    };
    if statx.stx_mask & StatxFlags::DIOALIGN.bits() == 0 {
        return Ok(PAGE_BYTES);
    }
    let (memory, offset) = (statx.stx_dio_mem_align, statx.stx_dio_offset_align);
    let usable = offset.is_power_of_two() && memory as usize <= PAGE_BYTES;
    if usable {
        Ok(PAGE_BYTES.max(offset as usize))
    } else {
        Err(Errno::OPNOTSUPP)
    }
}

/// Sets or clears `O_DIRECT` on an open file. Unlike asking for it on opening, a refusal leaves
/// nothing to clean up.
fn set_direct(file: &File, direct: OFlags) -> Result<(), Errno> {
    let others = rustix::fs::fcntl_getfl(file)?.difference(OFlags::DIRECT);
    rustix::fs::fcntl_setfl(file, others | direct)
}
