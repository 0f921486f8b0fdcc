//! What a writer is asked for, and its creation.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use crate::access::{AnyBackend, BackendChoice, Caching, Direct, Refused, Registration, Wishes};
use crate::buffer::{AlignedBuf, BufferPool, PAGE_BYTES, Pages};
use crate::error::{Operation, WriteError};
use crate::faults::{Faults, FaultyFile};
use crate::pipeline::{Pipeline, WriteFailure};
use crate::reservation::Reservation;
use crate::temp_file::TempFile;
use crate::writer::AlignedWriter;

/// Largest block, in bytes: the kernel writes a little less than 2 GiB at once.
pub(crate) const BLOCK_BYTES_MAX: usize = 1 << 30;
pub(crate) const DEPTH_MAX: usize = 1024;

/// How to create an [`AlignedWriter`].
///
/// The buffers take `block_bytes * (depth + 1)`, 5 MiB by default: less than the 8 MiB of locked
/// memory that a process without privileges usually may register.
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
    /// Blocks to have in flight, 1 to 1024, while one more is filled.
    pub depth: usize,
    /// What carries the writes.
    pub backend: BackendChoice,
    /// Whether to bypass the page cache.
    pub direct: Direct,
    /// Whether to register the buffers with the `io_uring`.
    pub registration: Registration,
    /// What the memory of the buffers is made of.
    pub pages: Pages,
    /// Bytes to reserve on the disk before the first write, which fails early where they do not
    /// fit; 0 when nothing is known. More or less may be written in the end: the file is cut to
    /// its exact length. Direct writers reserve more as they go, where there is plenty.
    pub preallocate_bytes: u64,
}

impl Default for WriterOptions {
    /// Four blocks of 1 MiB in flight, the best backend and caching that are to be had, no
    /// preallocation.
    fn default() -> Self {
        Self {
            block_bytes: 1 << 20,
            depth: 4,
            backend: BackendChoice::Auto,
            direct: Direct::Auto,
            registration: Registration::Auto,
            pages: Pages::Auto,
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
        self.check()?;
        let temp = TempFile::create(final_path.as_ref(), None)?;
        let buffers = self.allocate(&temp)?;
        self.open(temp, buffers, |wishes, file, buffers, caching| {
            wishes.open_backend(file, buffers, caching)
        })
    }

    /// Like [`create`](Self::create), with `depth + 1` buffers lent by `pool`, which gets them back
    /// when the writer is gone. The block size is that of the pool's buffers; `block_bytes` and
    /// `pages` are ignored.
    ///
    /// # Errors
    ///
    /// Those of [`create`](Self::create), and [`WriteError::TooFewBuffers`] when the pool has
    /// not enough of them free.
    ///
    /// # Example
    ///
    /// ```
    /// use std::io::Write;
    /// use aligned_io::{BufferPool, Pages, WriterOptions};
    ///
    /// let directory = tempfile::tempdir()?;
    /// let pool = BufferPool::new(5, 1 << 20, Pages::Huge)?;
    /// for name in ["first", "second"] {
    ///     let path = directory.path().join(name);
    ///     let mut writer = WriterOptions::default().create_with_buffers(path, &pool)?;
    ///     writer.write_all(b"from the same memory")?;
    ///     assert_eq!(pool.free(), 0);
    ///     writer.publish()?;
    ///     assert_eq!(pool.free(), 5);
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn create_with_buffers(
        &self,
        final_path: impl AsRef<Path>,
        pool: &BufferPool,
    ) -> Result<AlignedWriter, WriteError> {
        let options = Self {
            block_bytes: pool.buffer_bytes(),
            ..self.clone()
        };
        options.check()?;
        let wanted = options.depth + 1;
        let buffers = pool.take_all(wanted).ok_or_else(|| {
            let free = pool.free();
            WriteError::TooFewBuffers { wanted, free }
        })?;
        let temp = TempFile::create(final_path.as_ref(), None)?;
        options.open(temp, buffers, |wishes, file, buffers, caching| {
            wishes.open_backend(file, buffers, caching)
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
        self.check()?;
        let temp = TempFile::create(final_path.as_ref(), faults.disk.as_ref())?;
        let buffers = self.allocate(&temp)?;
        self.open(temp, buffers, |_, file, _, _| {
            Ok(Box::new(FaultyFile::new(file, faults)))
        })
    }

    fn open(
        &self,
        temp: TempFile,
        buffers: Vec<AlignedBuf>,
        open_backend: impl Fn(
            &Wishes<'_>,
            &Arc<File>,
            &[AlignedBuf],
            Caching,
        ) -> Result<AnyBackend, Refused>,
    ) -> Result<AlignedWriter, WriteError> {
        let wishes = Wishes {
            backend: self.backend,
            direct: self.direct,
            registration: self.registration,
            block_bytes: self.block_bytes,
            path: temp.final_path(),
        };
        let refused = |refused| temp.refused(refused);
        let file = temp.file();
        let mut caching = wishes.open_direct(file).map_err(refused)?;
        let reservation = Reservation::new(&temp, self.preallocate_bytes)?;
        let backend = open_backend(&wishes, file, &buffers, caching).map_err(refused)?;
        let mut pipeline = Pipeline::new(backend, buffers, caching.granule());
        if let Caching::Direct { .. } = caching
            && let Err(failure) = probe(&mut pipeline)
        {
            // Only a write that came back says something of direct ones; and only then are all
            // buffers back.
            let WriteFailure {
                operation, source, ..
            } = failure;
            if !matches!(operation, Operation::Write { .. }) {
                return Err(temp.error(operation, 0, source));
            }
            wishes.leave_direct(file, source).map_err(refused)?;
            caching = Caching::Buffered;
            let buffers = pipeline.into_buffers();
            let backend = open_backend(&wishes, file, &buffers, caching).map_err(refused)?;
            pipeline = Pipeline::new(backend, buffers, caching.granule());
        }
        let writer = AlignedWriter::new(pipeline, temp, reservation, caching);
        tracing::debug!(path = %writer.path().display(), mode = %writer.mode(), "file created");
        Ok(writer)
    }

    fn allocate(&self, temp: &TempFile) -> Result<Vec<AlignedBuf>, WriteError> {
        let count = self.depth + 1;
        let pool = BufferPool::new(count, self.block_bytes, self.pages);
        let buffers = pool.map(|pool| pool.take_all(count));
        buffers.map(Option::unwrap_or_default).map_err(|source| {
            let bytes = count.saturating_mul(self.block_bytes);
            temp.error(Operation::AllocateBuffers { bytes }, 0, source)
        })
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
}

/// Writes one aligned piece of zeros at the start of the file, to be overwritten or cut off
/// later: only a write proves that the file system takes direct ones.
fn probe(pipeline: &mut Pipeline) -> Result<(), WriteFailure> {
    let mut filling = pipeline.take();
    filling.space()[..1].fill(0);
    filling.advance(1);
    pipeline.start(filling, 0)?;
    pipeline.drain()
}
