//! The fast backend: an `io_uring` with several writes in flight.

#![expect(
    unsafe_code,
    reason = "hands raw buffers to the kernel; all of it is in this file"
)]

use std::fmt;
use std::fs::File;
use std::io::{self, IoSlice};
use std::mem::{self, ManuallyDrop};
use std::os::fd::AsRawFd;
use std::slice;
use std::sync::Arc;
use std::thread;

use io_uring::{IoUring, cqueue, opcode, squeue, types};

use crate::backend::{BlockBackend, Completion, PendingWrite};
use crate::buffer::Region;
use crate::mode::Backend;

/// How often the kernel may say "not now" in a row before it is taken for a failure.
const REFUSALS_MAX: u32 = 1000;

/// Writes through an `io_uring`, if possible from buffers registered with it.
///
/// Dropping it waits for what is in flight. Should that fail, the blocks are leaked, never freed.
pub(crate) struct Ring {
    uring: IoUring,
    // Invariant: a write stands here from before the kernel learns of it until its completion
    // was seen, and owns its block. The position is the completion's user data.
    slots: Vec<Option<PendingWrite>>,
    in_flight: usize,
    buffers: Buffers,
}

/// Whether the kernel holds the buffers pinned.
enum Buffers {
    /// The region is registered under index 0. It is held so that it outlives the registration.
    Registered { _region: Arc<Region> },
    /// Each write names its buffer by address.
    Plain,
}

impl Ring {
    /// Sets up a ring for up to `depth` writes in flight.
    ///
    /// # Errors
    ///
    /// `ENOSYS`, `EPERM` or `ENOMEM` where `io_uring` is missing, forbidden, or out of its memory
    /// limit; `Unsupported` on kernels before 5.6, which cannot write from a plain buffer.
    pub(crate) fn new(depth: usize) -> io::Result<Self> {
        let entries = u32::try_from(depth).map_err(|_| io::ErrorKind::InvalidInput)?;
        let uring = IoUring::new(entries)?;
        if !uring.params().is_feature_rw_cur_pos() || !uring.params().is_feature_nodrop() {
            return Err(io::Error::from(io::ErrorKind::Unsupported));
        }
        let slots = (0..depth).map(|_| None).collect();
        Ok(Self {
            uring,
            slots,
            in_flight: 0,
            buffers: Buffers::Plain,
        })
    }

    /// Pins `region` in the kernel, so that writes from it need not.
    ///
    /// # Errors
    ///
    /// `ENOMEM` when the region is above the limit of locked memory (`RLIMIT_MEMLOCK`).
    pub(crate) fn register(&mut self, region: &Arc<Region>) -> io::Result<()> {
        assert_eq!(
            self.in_flight, 0,
            "buffers are registered before the first write"
        );
        // SAFETY: the region is allocated and initialised, and no block of it is being filled.
        let bytes = unsafe { slice::from_raw_parts(region.as_ptr(), region.len()) };
        let whole = [IoSlice::new(bytes)];
        // SAFETY: `IoSlice` is guaranteed to be laid out as an `iovec` on Unix.
        let iovecs = unsafe { slice::from_raw_parts(whole.as_ptr().cast(), whole.len()) };
        // SAFETY: `self.buffers` keeps the region alive until the ring is gone.
        unsafe { self.uring.submitter().register_buffers(iovecs) }?;
        self.buffers = Buffers::Registered {
            _region: Arc::clone(region),
        };
        Ok(())
    }

    fn entry(&self, file: &File, write: &PendingWrite) -> io::Result<squeue::Entry> {
        let bytes = write.bytes();
        let length = u32::try_from(bytes.len()).map_err(|_| io::ErrorKind::InvalidInput)?;
        let file = types::Fd(file.as_raw_fd());
        Ok(match self.buffers {
            Buffers::Registered { .. } => {
                let write_fixed = opcode::WriteFixed::new(file, bytes.as_ptr(), length, 0);
                write_fixed.offset(write.offset).build()
            }
            Buffers::Plain => {
                let write_plain = opcode::Write::new(file, bytes.as_ptr(), length);
                write_plain.offset(write.offset).build()
            }
        })
    }

    fn complete(&mut self, entry: &cqueue::Entry) -> Completion {
        let slot = usize::try_from(entry.user_data()).ok();
        let write = slot.and_then(|slot| self.slots.get_mut(slot)?.take());
        let Some(write) = write else {
            panic!(
                "the kernel completed write {}, which was never started",
                entry.user_data()
            );
        };
        self.in_flight -= 1;
        let result = usize::try_from(entry.result())
            .map_err(|_| io::Error::from_raw_os_error(-entry.result()));
        Completion { write, result }
    }
}

impl BlockBackend for Ring {
    fn backend(&self) -> Backend {
        Backend::IoUring
    }

    fn registered_buffers(&self) -> bool {
        matches!(self.buffers, Buffers::Registered { .. })
    }

    fn in_flight(&self) -> usize {
        self.in_flight
    }

    fn start(&mut self, file: &File, write: PendingWrite) -> io::Result<()> {
        let Some(slot) = self.slots.iter().position(Option::is_none) else {
            panic!("more writes started than the ring has room for");
        };
        let entry = self.entry(file, &write)?.user_data(slot as u64);
        self.slots[slot] = Some(write);
        self.in_flight += 1;
        // SAFETY: the buffer is owned by the slot until its completion, also when this ring is
        // dropped; the file needs to be open only until the kernel has taken the entry, and the
        // kernel refuses the entry otherwise.
        let pushed = unsafe { self.uring.submission().push(&entry) };
        assert!(
            pushed.is_ok(),
            "the submission queue holds as many entries as there are slots"
        );
        match self.uring.submit() {
            // The entry stays queued then, and goes in with the next submission or wait.
            Err(error) if !is_refusal(&error) => Err(error),
            Ok(_) | Err(_) => Ok(()),
        }
    }

    fn poll(&mut self) -> Option<Completion> {
        let entry = self.uring.completion().next()?;
        Some(self.complete(&entry))
    }

    fn wait(&mut self) -> io::Result<Completion> {
        assert!(self.in_flight > 0, "waited with nothing in flight");
        let mut refusals = 0;
        loop {
            if let Some(completion) = self.poll() {
                return Ok(completion);
            }
            match self.uring.submit_and_wait(1) {
                Ok(_) => refusals = 0,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if is_refusal(&error) && refusals < REFUSALS_MAX => {
                    refusals += 1;
                    thread::yield_now();
                }
                Err(error) => return Err(error),
            }
        }
    }
}

impl Drop for Ring {
    fn drop(&mut self) {
        while self.in_flight > 0 {
            if let Err(error) = self.wait() {
                tracing::error!(
                    %error,
                    writes = self.in_flight,
                    "io_uring does not give its writes back, their buffers are leaked",
                );
                // The kernel may still read from these blocks, so nobody may ever free them.
                let _leaked = ManuallyDrop::new(mem::take(&mut self.slots));
                return;
            }
        }
    }
}

impl fmt::Debug for Ring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ring")
            .field("depth", &self.slots.len())
            .field("in_flight", &self.in_flight)
            .field("registered_buffers", &self.registered_buffers())
            .finish_non_exhaustive()
    }
}

/// Whether the kernel asks to try again (`EINTR`, `EAGAIN`, `EBUSY`) rather than fails.
fn is_refusal(error: &io::Error) -> bool {
    use io::ErrorKind::{Interrupted, ResourceBusy, WouldBlock};
    matches!(error.kind(), Interrupted | WouldBlock | ResourceBusy)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::buffer::PAGE_BYTES;

    /// A ring and its blocks, number `n` filled with `n`; `None` where `io_uring` is refused.
    fn ring(depth: usize) -> Option<(Ring, Vec<PendingWrite>)> {
        let ring = Ring::new(depth).ok()?;
        let mut blocks = Region::allocate(depth, PAGE_BYTES).unwrap();
        for (index, block) in blocks.iter_mut().enumerate() {
            block.as_mut_slice().fill(u8::try_from(index).unwrap());
        }
        let writes = blocks
            .into_iter()
            .enumerate()
            .map(|(index, block)| PendingWrite {
                block,
                range: 0..PAGE_BYTES,
                offset: (index * PAGE_BYTES) as u64,
                attempts: 0,
            });
        Some((ring, writes.collect()))
    }

    fn assert_written(bytes: &[u8], blocks: usize) {
        assert_eq!(bytes.len(), blocks * PAGE_BYTES);
        for (index, &byte) in bytes.iter().enumerate() {
            assert_eq!(usize::from(byte), index / PAGE_BYTES);
        }
    }

    #[test]
    fn writes_come_back_with_their_blocks() {
        for registered in [false, true] {
            let Some((mut ring, writes)) = ring(4) else {
                return;
            };
            if registered && ring.register(writes[0].block.region()).is_err() {
                return;
            }
            assert_eq!(ring.registered_buffers(), registered);
            let file = tempfile::NamedTempFile::new().unwrap();
            for write in writes {
                ring.start(file.as_file(), write).unwrap();
            }
            assert_eq!(ring.in_flight(), 4);
            for _ in 0..4 {
                let Completion { write, result } = ring.wait().unwrap();
                assert_eq!(result.unwrap(), PAGE_BYTES);
                let index = usize::from(write.block.as_slice()[0]);
                assert_eq!(write.offset, (index * PAGE_BYTES) as u64);
            }
            assert_eq!(ring.in_flight(), 0);
            assert_written(&fs::read(file.path()).unwrap(), 4);
        }
    }

    #[test]
    fn dropped_ring_waits_for_what_is_in_flight() {
        let Some((mut ring, writes)) = ring(8) else {
            return;
        };
        let file = tempfile::NamedTempFile::new().unwrap();
        let region = Arc::downgrade(writes[0].block.region());
        for write in writes {
            ring.start(file.as_file(), write).unwrap();
        }
        drop(ring);
        assert_written(&fs::read(file.path()).unwrap(), 8);
        assert!(
            region.upgrade().is_none(),
            "the blocks are freed once they are back"
        );
    }

    #[test]
    fn refused_write_comes_back_with_its_error() {
        let Some((mut ring, mut writes)) = ring(1) else {
            return;
        };
        let file = tempfile::NamedTempFile::new().unwrap();
        let read_only = File::open(file.path()).unwrap();
        ring.start(&read_only, writes.pop().unwrap()).unwrap();
        let error = ring.wait().unwrap().result.unwrap_err();
        assert_eq!(
            error.raw_os_error(),
            Some(rustix::io::Errno::BADF.raw_os_error())
        );
    }
}
