//! What a writer is asked for, and the ladder of fallbacks down to what it gets.

use std::fs::File;
use std::io;
use std::path::Path;

use rustix::fs::{FallocateFlags, OFlags, StatxFlags};
use rustix::io::{Errno, retry_on_intr};

use crate::backend::BlockBackend;
use crate::buffer::{Block, PAGE_BYTES, Region};
use crate::error::{Operation, WriteError};
use crate::faults::{Faults, FaultyFile};
use crate::mode::Mode;
use crate::pipeline::Pipeline;
use crate::pwrite::PwriteFile;
use crate::ring::Ring;
use crate::temp_file::TempFile;
use crate::writer::AlignedWriter;

/// Largest block, in bytes: the kernel writes a little less than 2 GiB at once.
const BLOCK_BYTES_MAX: usize = 1 << 30;
const DEPTH_MAX: usize = 1024;

type AnyBackend = Box<dyn BlockBackend>;

/// Whether writes bypass the page cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Caching {
    /// They do, and keep to multiples of `alignment` bytes.
    Direct {
        alignment: usize,
    },
    Buffered,
}

impl Caching {
    /// What offsets and lengths of writes must be multiples of, in bytes.
    fn granule(self) -> usize {
        match self {
            Self::Direct { alignment } => alignment,
            Self::Buffered => 1,
        }
    }
}

/// How to create an [`AlignedWriter`].
///
/// The buffers take `block_bytes * depth`, 4 MiB by default: half of the 8 MiB of locked memory
/// that a process without privileges usually may register.
///
/// # Example
///
/// ```
/// use aligned_io::{Direct, WriterOptions};
///
/// let directory = tempfile::tempdir()?;
/// let options = WriterOptions { direct: Direct::Never, ..WriterOptions::default() };
/// let writer = options.create(directory.path().join("dump"))?;
/// assert!(!writer.mode().direct);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WriterOptions {
    /// Bytes written at once: a multiple of 4096 and of the file's alignment, up to 1 GiB.
    pub block_bytes: usize,
    /// Blocks to fill and to have in flight, 1 to 1024. One gives no overlap at all.
    pub depth: usize,
    /// What carries the writes.
    pub backend: BackendChoice,
    /// Whether to bypass the page cache.
    pub direct: Direct,
    /// Bytes to reserve on the disk before the first write; 0 for none. More or less may be
    /// written in the end: the file is cut to its exact length.
    pub preallocate_bytes: u64,
}

/// What carries the writes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum BackendChoice {
    /// An `io_uring` for direct writes; `pwrite` where it is refused, and through the page cache,
    /// where it is faster.
    #[default]
    Auto,
    /// An `io_uring`; creating the writer fails where it is refused.
    IoUring,
    /// `pwrite`.
    Pwrite,
}

/// Whether to bypass the page cache with `O_DIRECT`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Direct {
    /// If the file system takes it, proved by a first write.
    #[default]
    Auto,
    /// No.
    Never,
    /// Yes; creating the writer fails where it is refused.
    Require,
}

impl Default for WriterOptions {
    /// Four blocks of 1 MiB, the best backend and caching that are to be had, no preallocation.
    fn default() -> Self {
        Self {
            block_bytes: 1 << 20,
            depth: 4,
            backend: BackendChoice::Auto,
            direct: Direct::Auto,
            preallocate_bytes: 0,
        }
    }
}

impl WriterOptions {
    /// Creates a temporary file beside `final_path`, ready to be written.
    ///
    /// The directory must exist. `final_path` itself is not touched before
    /// [`publish`](AlignedWriter::publish). Each fallback is reported once through `tracing`, and
    /// all of them show in [`AlignedWriter::mode`].
    ///
    /// # Errors
    ///
    /// [`WriteError::NoFileName`], [`WriteError::OutOfRange`] and [`WriteError::Unaligned`] for
    /// bad input, [`WriteError::NoSpace`] when the preallocation does not fit, and
    /// [`WriteError::Io`] for whatever the kernel refuses without a fallback.
    pub fn create(&self, final_path: impl AsRef<Path>) -> Result<AlignedWriter, WriteError> {
        self.create_with(final_path.as_ref(), |temp, blocks, caching| {
            self.open_backend(temp, blocks, caching)
        })
    }

    /// Like [`create`](Self::create), on a backend that fails as `faults` say: for testing how a
    /// program takes a full disk, a broken one, or one that does everything in small pieces.
    /// The choice of backend is ignored.
    ///
    /// # Errors
    ///
    /// Those of [`create`](Self::create).
    pub fn create_faulty(
        &self,
        final_path: impl AsRef<Path>,
        faults: &Faults,
    ) -> Result<AlignedWriter, WriteError> {
        self.create_with(final_path.as_ref(), |_, _, _| {
            Ok(Box::new(FaultyFile::new(faults)))
        })
    }

    fn create_with(
        &self,
        final_path: &Path,
        open_backend: impl Fn(&TempFile, &[Block], Caching) -> Result<AnyBackend, WriteError>,
    ) -> Result<AlignedWriter, WriteError> {
        self.check()?;
        let temp = TempFile::create(final_path)?;
        let mut caching = self.open_direct(&temp)?;
        preallocate(&temp, self.preallocate_bytes)?;
        let blocks = Region::allocate(self.depth, self.block_bytes).map_err(|source| {
            let bytes = self.depth.saturating_mul(self.block_bytes);
            temp.error(Operation::AllocateBuffers { bytes }, 0, source)
        })?;
        let backend = open_backend(&temp, &blocks, caching)?;
        let mut pipeline = Pipeline::new(backend, blocks, caching.granule());
        if let Caching::Direct { alignment } = caching
            && let Err(source) = probe(&mut pipeline, &temp, alignment)
        {
            self.leave_direct(&temp, source)?;
            caching = Caching::Buffered;
            let blocks = pipeline.into_blocks();
            let backend = open_backend(&temp, &blocks, caching)?;
            pipeline = Pipeline::new(backend, blocks, caching.granule());
        }
        let mode = Mode {
            backend: pipeline.backend(),
            direct: caching != Caching::Buffered,
            registered_buffers: pipeline.registered_buffers(),
            alignment: caching.granule(),
        };
        tracing::debug!(path = %temp.final_path().display(), %mode, "file created");
        Ok(AlignedWriter::new(pipeline, temp, mode))
    }

    fn check(&self) -> Result<(), WriteError> {
        let (min, max) = (PAGE_BYTES, BLOCK_BYTES_MAX);
        if !(min..=max).contains(&self.block_bytes) {
            let (option, value) = ("block_bytes", self.block_bytes);
            return Err(WriteError::OutOfRange {
                option,
                value,
                min,
                max,
            });
        }
        if !self.block_bytes.is_multiple_of(PAGE_BYTES) {
            let (block_bytes, alignment) = (self.block_bytes, PAGE_BYTES);
            return Err(WriteError::Unaligned {
                block_bytes,
                alignment,
            });
        }
        let (min, max) = (1, DEPTH_MAX);
        if !(min..=max).contains(&self.depth) {
            return Err(WriteError::OutOfRange {
                option: "depth",
                value: self.depth,
                min,
                max,
            });
        }
        Ok(())
    }

    /// Turns on `O_DIRECT` if it is wanted and to be had.
    fn open_direct(&self, temp: &TempFile) -> Result<Caching, WriteError> {
        if self.direct == Direct::Never {
            return Ok(Caching::Buffered);
        }
        let refusal = match direct_alignment(temp.file()) {
            Ok(alignment) if !self.block_bytes.is_multiple_of(alignment) => {
                if self.direct == Direct::Require {
                    let block_bytes = self.block_bytes;
                    return Err(WriteError::Unaligned {
                        block_bytes,
                        alignment,
                    });
                }
                Errno::INVAL
            }
            Ok(alignment) => match set_direct(temp.file(), OFlags::DIRECT) {
                Ok(()) => return Ok(Caching::Direct { alignment }),
                Err(error) => error,
            },
            Err(error) => error,
        };
        if self.direct == Direct::Require {
            return Err(temp.error(Operation::SetDirect, 0, refusal.into()));
        }
        report_buffered(temp, &refusal.into());
        Ok(Caching::Buffered)
    }

    /// Turns `O_DIRECT` off again after `source`, if that says that it is not to be had here, and
    /// it was not required. A broken or a full disk is not what the page cache is there to hide.
    fn leave_direct(&self, temp: &TempFile, source: io::Error) -> Result<(), WriteError> {
        use io::ErrorKind::{InvalidInput, Unsupported};
        let is_refusal = matches!(source.kind(), InvalidInput | Unsupported);
        if self.direct == Direct::Require || !is_refusal {
            return Err(temp.error(Operation::Probe, PAGE_BYTES as u64, source));
        }
        set_direct(temp.file(), OFlags::empty())
            .map_err(|error| temp.error(Operation::SetDirect, 0, error.into()))?;
        report_buffered(temp, &source);
        Ok(())
    }

    fn open_backend(
        &self,
        temp: &TempFile,
        blocks: &[Block],
        caching: Caching,
    ) -> Result<AnyBackend, WriteError> {
        match (self.backend, caching) {
            (BackendChoice::IoUring, _) | (BackendChoice::Auto, Caching::Direct { .. }) => {}
            // A ring hands buffered writes to kernel threads, one by one: 0.5 GiB/s were measured
            // where pwrite did 2.0.
            (BackendChoice::Pwrite, _) | (BackendChoice::Auto, Caching::Buffered) => {
                return Ok(Box::new(PwriteFile::default()));
            }
        }
        let mut ring = match Ring::new(self.depth) {
            Ok(ring) => ring,
            Err(source) if self.backend == BackendChoice::IoUring => {
                return Err(temp.error(Operation::SetUpRing, 0, source));
            }
            Err(error) => {
                tracing::warn!(
                    %error,
                    "io_uring is refused, writing with pwrite instead; see the sysctl \
                     kernel.io_uring_disabled and the seccomp profile of the container",
                );
                return Ok(Box::new(PwriteFile::default()));
            }
        };
        if let Err(error) = blocks
            .first()
            .map_or(Ok(()), |block| ring.register(block.region()))
        {
            tracing::warn!(
                %error,
                bytes = self.block_bytes.saturating_mul(self.depth),
                "buffers cannot be registered, writing from plain ones instead; see the limit \
                 of locked memory (ulimit -l)",
            );
        }
        Ok(Box::new(ring))
    }
}

/// Writes one aligned block of zeros at the start of the file, to be overwritten or cut off
/// later: only a write proves that the file system takes direct ones.
fn probe(pipeline: &mut Pipeline, temp: &TempFile, alignment: usize) -> io::Result<()> {
    let file = temp.file();
    let written = pipeline.take_block(file).and_then(|block| {
        pipeline.start(file, block, alignment, 0)?;
        pipeline.drain(file)
    });
    written.map_err(|failure| failure.source)
}

/// What offsets, lengths and addresses of direct writes must be multiples of, in bytes: at least
/// a page, which suits every file system, even where it asks for less.
fn direct_alignment(file: &File) -> Result<usize, Errno> {
    let Ok(statx) = rustix::fs::statx(
        file,
        c"",
        rustix::fs::AtFlags::EMPTY_PATH,
        StatxFlags::DIOALIGN,
    ) else {
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

/// Reserves space, where the file system can.
///
/// What cannot fit is not even tried: ext4 would take all the space that is left, from everybody,
/// before it gave up.
fn preallocate(temp: &TempFile, bytes: u64) -> Result<(), WriteError> {
    if bytes == 0 {
        return Ok(());
    }
    if free_bytes(temp.file()).is_some_and(|free| free < bytes) {
        return Err(temp.error(Operation::Preallocate { bytes }, bytes, Errno::NOSPC.into()));
    }
    let mode = FallocateFlags::empty();
    match retry_on_intr(|| rustix::fs::fallocate(temp.file(), mode, 0, bytes)) {
        Ok(()) => Ok(()),
        Err(Errno::OPNOTSUPP | Errno::NOSYS) => {
            tracing::debug!(bytes, "the file system does not preallocate");
            Ok(())
        }
        Err(error) => Err(temp.error(Operation::Preallocate { bytes }, bytes, error.into())),
    }
}

/// What is free for the most privileged, in bytes; `None` where the file system does not count.
fn free_bytes(file: &File) -> Option<u64> {
    let statistics = rustix::fs::fstatvfs(file)
        .ok()
        .filter(|found| found.f_blocks > 0)?;
    statistics.f_bfree.checked_mul(statistics.f_frsize)
}

fn report_buffered(temp: &TempFile, error: &io::Error) {
    tracing::warn!(
        %error,
        path = %temp.final_path().display(),
        "O_DIRECT is refused, writing through the page cache instead",
    );
}
