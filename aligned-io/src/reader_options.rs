//! What a reader is asked for, and its creation.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use crate::access::{
    AnyBackend, BackendChoice, Caching, Direct, Refused, Registration, Wishes, mode_of,
    refuses_direct,
};
use crate::buffer::{AlignedBuf, BufferPool, PAGE_BYTES, Pages};
use crate::error::Operation;
use crate::faults::{Faults, FaultyFile};
use crate::options::{BLOCK_BYTES_MAX, DEPTH_MAX};
use crate::read_error::ReadError;
use crate::reader::{AlignedReader, Parts};

/// How to open an [`AlignedReader`].
///
/// There are half as many buffers more than the depth, 6 MiB in all by default: reads come back in
/// any order, and what waits for its turn must not keep the next from being asked for.
///
/// # Example
///
/// ```
/// use std::io::BufRead;
/// use aligned_io::{Direct, ReaderOptions};
///
/// let directory = tempfile::tempdir()?;
/// let path = directory.path().join("lines");
/// std::fs::write(&path, "one\ntwo\n")?;
/// let options = ReaderOptions { direct: Direct::Never, ..ReaderOptions::default() };
/// let reader = options.open(&path)?;
/// assert!(!reader.mode().direct);
/// assert_eq!(reader.lines().collect::<Result<Vec<_>, _>>()?, ["one", "two"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReaderOptions {
    /// Bytes read at once: a multiple of 4096 and of the file's alignment, up to 1 GiB.
    pub block_bytes: usize,
    /// Blocks to have in flight, 1 to 1024, while half as many more wait to be delivered.
    pub depth: usize,
    /// What carries the reads.
    pub backend: BackendChoice,
    /// Whether to bypass the page cache, which leaves what others have in it alone. A file that
    /// is in there already is read faster from there.
    pub direct: Direct,
    /// Whether to register the buffers with the `io_uring`.
    pub registration: Registration,
    /// What the memory of the buffers is made of.
    pub pages: Pages,
}

impl Default for ReaderOptions {
    /// Four blocks of 1 MiB in flight, the best backend and caching that are to be had.
    fn default() -> Self {
        Self {
            block_bytes: 1 << 20,
            depth: 4,
            backend: BackendChoice::Auto,
            direct: Direct::Auto,
            registration: Registration::Auto,
            pages: Pages::Auto,
        }
    }
}

impl ReaderOptions {
    /// Opens the file at `path` and reads its first block, if there is one and it is to bypass the
    /// page cache: only a read proves that it can. Each fallback is reported once through
    /// `tracing`, and all of them show in [`AlignedReader::mode`].
    ///
    /// # Errors
    ///
    /// [`ReadError::OutOfRange`] and [`ReadError::Unaligned`] for bad options,
    /// [`ReadError::Open`], [`ReadError::NoFile`] for a directory, a pipe or a device,
    /// [`ReadError::Read`] and [`ReadError::Shrunk`] for the first block, and [`ReadError::Io`] for
    /// whatever else the kernel refuses without a fallback.
    pub fn open(&self, path: impl AsRef<Path>) -> Result<AlignedReader, ReadError> {
        self.open_with(path.as_ref(), |wishes, file, buffers, caching| {
            wishes.open_backend(file, buffers, caching)
        })
    }

    /// Like [`open`](Self::open), on a backend that fails as `faults` say. The choice of backend
    /// is ignored.
    ///
    /// # Errors
    ///
    /// Those of [`open`](Self::open).
    pub fn open_faulty(
        &self,
        path: impl AsRef<Path>,
        faults: &Faults,
    ) -> Result<AlignedReader, ReadError> {
        self.open_with(path.as_ref(), |_, file, _, _| {
            Ok(Box::new(FaultyFile::new(file, faults)))
        })
    }

    fn open_with(
        &self,
        path: &Path,
        open_backend: impl Fn(
            &Wishes<'_>,
            &Arc<File>,
            &[AlignedBuf],
            Caching,
        ) -> Result<AnyBackend, Refused>,
    ) -> Result<AlignedReader, ReadError> {
        self.check()?;
        let (file, length) = open_file(path)?;
        let wishes = Wishes {
            backend: self.backend,
            direct: self.direct,
            registration: self.registration,
            block_bytes: self.block_bytes,
            path,
        };
        let refused = |refused| refusal(path, refused);
        let mut buffers = self.allocate(path)?;
        let mut caching = wishes.open_direct(&file).map_err(refused)?;
        loop {
            let backend = open_backend(&wishes, &file, &buffers, caching).map_err(refused)?;
            let mode = mode_of(backend.as_ref(), caching);
            let mut reader = AlignedReader::new(Parts {
                backend,
                buffers,
                depth: self.depth,
                block_bytes: self.block_bytes,
                length,
                path: path.to_path_buf(),
                mode,
            });
            if caching != Caching::Buffered {
                match reader.probe() {
                    Ok(()) => {}
                    Err(ReadError::Read { source, .. }) if refuses_direct(&source) => {
                        wishes.leave_direct(&file, source).map_err(refused)?;
                        caching = Caching::Buffered;
                        buffers = reader.into_buffers();
                        continue;
                    }
                    Err(error) => return Err(error),
                }
            }
            tracing::debug!(path = %path.display(), %mode, "file opened");
            return Ok(reader);
        }
    }

    fn allocate(&self, path: &Path) -> Result<Vec<AlignedBuf>, ReadError> {
        let count = self.depth + self.depth.div_ceil(2);
        let pool = BufferPool::new(count, self.block_bytes, self.pages);
        let buffers = pool.map(|pool| pool.take_all(count));
        buffers
            .map(Option::unwrap_or_default)
            .map_err(|source| ReadError::Io {
                operation: Operation::AllocateBuffers {
                    bytes: count.saturating_mul(self.block_bytes),
                },
                path: path.to_path_buf(),
                source,
            })
    }

    fn check(&self) -> Result<(), ReadError> {
        let in_range = |option, value, min, max| {
            if (min..=max).contains(&value) {
                return Ok(());
            }
            Err(ReadError::OutOfRange {
                option,
                value,
                min,
                max,
            })
        };
        in_range("block_bytes", self.block_bytes, PAGE_BYTES, BLOCK_BYTES_MAX)?;
        in_range("depth", self.depth, 1, DEPTH_MAX)?;
        if self.block_bytes.is_multiple_of(PAGE_BYTES) {
            return Ok(());
        }
        Err(ReadError::Unaligned {
            block_bytes: self.block_bytes,
            alignment: PAGE_BYTES,
        })
    }
}

/// Opens a regular file: it, and its length in bytes.
fn open_file(path: &Path) -> Result<(Arc<File>, u64), ReadError> {
    let error = |source| ReadError::Open {
        path: path.to_path_buf(),
        source,
    };
    let no_file = || ReadError::NoFile {
        path: path.to_path_buf(),
    };
    // Looked at first, because opening a pipe waits for a writer.
    if !path.metadata().map_err(error)?.is_file() {
        return Err(no_file());
    }
    let file = File::open(path).map_err(error)?;
    let metadata = file.metadata().map_err(error)?;
    if !metadata.is_file() {
        return Err(no_file());
    }
    Ok((Arc::new(file), metadata.len()))
}

fn refusal(path: &Path, refused: Refused) -> ReadError {
    match refused {
        Refused::Unaligned {
            block_bytes,
            alignment,
        } => ReadError::Unaligned {
            block_bytes,
            alignment,
        },
        Refused::Io { operation, source } => ReadError::Io {
            operation,
            path: path.to_path_buf(),
            source,
        },
    }
}
