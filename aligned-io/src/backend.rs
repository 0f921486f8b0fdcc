//! What carries transfers to and from a file: started in order, completed in any.

use std::fmt;
use std::fs::File;
use std::io;
use std::sync::Arc;

use rustix::io::retry_on_intr;

use crate::mode::Backend;
use crate::transfer::{Completion, Transfer};

/// Carries writes to one file and reads from it.
///
/// A transfer moves in with [`start`](Self::start), its buffer with it, and comes out with its
/// completion; in between nobody else can reach the bytes. A backend that is dropped keeps what
/// is in flight until the kernel is done with it.
pub(crate) trait BlockBackend: fmt::Debug + Send {
    /// Which backend this is, and what it got of what it asked for.
    fn capabilities(&self) -> Capabilities;

    /// The file.
    fn file(&self) -> &Arc<File>;

    /// How many transfers have been started and not come back.
    fn in_flight(&self) -> usize;

    /// Starts a transfer, or queues it for the next [`submit`](Self::submit) or
    /// [`wait`](Self::wait). Failures of the transfer itself come with its completion.
    ///
    /// # Errors
    ///
    /// When the backend itself is broken. It keeps the transfer then, as the kernel may know it.
    ///
    /// # Panics
    ///
    /// When more are in flight than the backend was made for.
    fn start(&mut self, transfer: Transfer) -> io::Result<()>;

    /// Starts everything that is queued.
    ///
    /// # Errors
    ///
    /// When the backend itself is broken.
    fn submit(&mut self) -> io::Result<()> {
        Ok(())
    }

    /// A completion that is there already, if any. Makes no system call.
    fn poll(&mut self) -> Option<Completion>;

    /// Waits for a completion, having started everything that is queued.
    ///
    /// # Errors
    ///
    /// When the backend itself is broken.
    ///
    /// # Panics
    ///
    /// When nothing is in flight.
    fn wait(&mut self) -> io::Result<Completion>;

    /// Cuts or extends the file to `length` bytes. Called when nothing is in flight.
    ///
    /// # Errors
    ///
    /// Whatever ftruncate says.
    fn cut(&mut self, length: u64) -> io::Result<()> {
        Ok(retry_on_intr(|| {
            rustix::fs::ftruncate(self.file(), length)
        })?)
    }

    /// Makes the content of the file durable. Called when nothing is in flight.
    ///
    /// # Errors
    ///
    /// Whatever fsync says. It must not be repeated: a second one may succeed without the data.
    fn sync(&mut self) -> io::Result<()> {
        Ok(rustix::fs::fsync(self.file())?)
    }

    /// Ends the file: writes `last`, cuts the file to `length` bytes and makes it durable; each
    /// step only when the one before did all it should. Called when nothing is in flight.
    ///
    /// # Errors
    ///
    /// When the backend itself is broken.
    fn seal(&mut self, last: Option<Transfer>, length: u64) -> io::Result<Sealed> {
        seal_step_by_step(self, last, length)
    }
}

/// Which backend it is, and what the kernel granted it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Capabilities {
    pub(crate) backend: Backend,
    /// Whether the kernel holds the buffers pinned.
    pub(crate) registered_buffers: bool,
    /// Whether the kernel holds the file, and need not look it up for each transfer.
    pub(crate) registered_file: bool,
}

impl Capabilities {
    /// Nothing is registered.
    pub(crate) fn plain(backend: Backend) -> Self {
        Self {
            backend,
            registered_buffers: false,
            registered_file: false,
        }
    }
}

/// How far [`BlockBackend::seal`] came.
#[derive(Debug)]
pub(crate) enum Sealed {
    /// The file is whole, of its exact length and durable.
    Durable,
    /// The last write came back short or failed. Nothing was done after it.
    Incomplete(Completion),
    /// The file was not cut, and not synced.
    NotCut(io::Error),
    /// The fsync failed. It must not be repeated.
    NotSynced(io::Error),
}

/// [`BlockBackend::seal`] with a wait after each step.
pub(crate) fn seal_step_by_step<B: BlockBackend + ?Sized>(
    backend: &mut B,
    last: Option<Transfer>,
    length: u64,
) -> io::Result<Sealed> {
    if let Some(last) = last {
        backend.start(last)?;
        let completion = backend.wait()?;
        let wanted = completion.transfer.range.len();
        if !matches!(completion.result, Ok(moved) if moved == wanted) {
            return Ok(Sealed::Incomplete(completion));
        }
    }
    if let Err(error) = backend.cut(length) {
        return Ok(Sealed::NotCut(error));
    }
    Ok(match backend.sync() {
        Ok(()) => Sealed::Durable,
        Err(error) => Sealed::NotSynced(error),
    })
}
