//! The fast backend: an `io_uring` with several transfers in flight.

#![expect(
    unsafe_code,
    reason = "hands raw buffers to the kernel; all of it is in this file"
)]

use std::fmt;
use std::fs::File;
use std::io::{self, IoSlice};
use std::os::fd::AsRawFd;
use std::slice;
use std::sync::Arc;

use io_uring::{IoUring, Probe, opcode, squeue, types};
use rustix::io::Errno;

use crate::backend::{BlockBackend, Capabilities, Sealed, seal_step_by_step};
use crate::buffer::{AlignedBuf, BufferPool};
use crate::chain::Chained;
use crate::flights::Flights;
use crate::mode::Backend;
use crate::refusals::{Refusals, asks_again};
use crate::transfer::{Completion, Direction, Transfer};

/// What completions of the last two steps of [`Ring::seal`] are known by; flights count from 0.
const CUT: u64 = u64::MAX - 1;
const SYNC: u64 = u64::MAX;

/// Moves blocks through an `io_uring`, if possible from and to buffers registered with it.
///
/// Dropping it waits for what is in flight. Should that fail, the buffers are leaked, never freed.
pub(crate) struct Ring {
    uring: IoUring,
    // Invariant: a transfer stands here from before the kernel learns of it until its completion
    // was seen.
    flights: Flights,
    file: Arc<File>,
    is_file_registered: bool,
    buffers: Buffers,
    can_cut: bool,
}

/// Whether the kernel holds the buffers pinned.
enum Buffers {
    Registered {
        // Invariant: the index in its pool of each registered buffer, in order of registration.
        indices: Vec<usize>,
        /// Held so that the memory outlives the registration; `None` if there is none.
        _memory: Option<BufferPool>,
    },
    /// Each transfer names its buffer by address.
    Plain,
}

impl Ring {
    /// Sets up a ring for up to `depth` transfers in flight, and proves that it turns.
    ///
    /// # Errors
    ///
    /// `ENOSYS`, `EPERM` or `ENOMEM` where `io_uring` is missing, forbidden, or out of its memory
    /// limit; `Unsupported` on kernels before 5.6, which cannot use a plain buffer.
    pub(crate) fn new(file: &Arc<File>, depth: usize) -> io::Result<Self> {
        // The last write may be followed by a cut and an fsync.
        let entries = u32::try_from(depth + 2).map_err(|_| io::ErrorKind::InvalidInput)?;
        let uring = set_up(entries)?;
        if !uring.params().is_feature_rw_cur_pos() || !uring.params().is_feature_nodrop() {
            return Err(io::Error::from(io::ErrorKind::Unsupported));
        }
        let mut probe = Probe::new();
        uring.submitter().register_probe(&mut probe)?;
        // Saves the lookup of the file for each transfer; nothing is lost where it is refused.
        let registered = uring.submitter().register_files(&[file.as_raw_fd()]);
        let mut ring = Self {
            flights: Flights::new(depth),
            file: Arc::clone(file),
            is_file_registered: registered.is_ok(),
            buffers: Buffers::Plain,
            can_cut: probe.is_supported(opcode::Ftruncate::CODE),
            uring,
        };
        // A filter may allow the set-up and forbid the use, which must show before it has buffers.
        ring.push(&opcode::Nop::new().build());
        ring.reap()?;
        Ok(ring)
    }

    /// Pins `buffers` in the kernel, so that transfers need not. All of them must be of one pool.
    ///
    /// # Errors
    ///
    /// `ENOMEM` when they are above the limit of locked memory (`RLIMIT_MEMLOCK`).
    pub(crate) fn register(&mut self, buffers: &[AlignedBuf]) -> io::Result<()> {
        assert_eq!(
            self.flights.len(),
            0,
            "buffers are registered before the first transfer"
        );
        let slices: Vec<_> = buffers.iter().map(|buffer| IoSlice::new(buffer)).collect();
        // SAFETY: `IoSlice` is guaranteed to be laid out as an `iovec` on Unix.
        let iovecs = unsafe { slice::from_raw_parts(slices.as_ptr().cast(), slices.len()) };
        // SAFETY: `self.buffers` keeps the memory alive until the ring is gone. That the buffers
        // are registered for reading into as well does no harm to `buffers`: the kernel reads
        // into a buffer only when a transfer says so, and then owns it.
        unsafe { self.uring.submitter().register_buffers(iovecs) }?;
        self.buffers = Buffers::Registered {
            indices: buffers.iter().map(AlignedBuf::index).collect(),
            _memory: buffers.first().map(AlignedBuf::keep_memory),
        };
        Ok(())
    }

    /// Queues a transfer, to be followed by the next entry if `flags` say so.
    fn queue(&mut self, transfer: Transfer, flags: squeue::Flags) -> io::Result<()> {
        let length = u32::try_from(transfer.range.len()).map_err(|_| Errno::INVAL)?;
        let fixed = self.buffers.position(&transfer.buffer);
        let (file, registered) = self.descriptor();
        let (number, transfer) = self.flights.board(transfer);
        let entry = describe(file, transfer, length, fixed).flags(flags | registered);
        self.push(&entry.user_data(number as u64));
        Ok(())
    }

    /// How entries name the file: by its number in this ring, which is 0, or in the process.
    fn descriptor(&self) -> (types::Fd, squeue::Flags) {
        if self.is_file_registered {
            (types::Fd(0), squeue::Flags::FIXED_FILE)
        } else {
            (types::Fd(self.file.as_raw_fd()), squeue::Flags::empty())
        }
    }

    fn push(&mut self, entry: &squeue::Entry) {
        // SAFETY: the buffer, where the entry has one, stands in `flights` until its completion,
        // also when this ring is dropped; the file is open as long as `self.file` is held.
        let pushed = unsafe { self.uring.submission().push(entry) };
        assert!(
            pushed.is_ok(),
            "the submission queue holds as many entries as may be in flight"
        );
    }

    /// The next completion of whatever kind: what it is known by, and its result.
    fn reap(&mut self) -> io::Result<(u64, i32)> {
        let mut refusals = Refusals::default();
        loop {
            if let Some(entry) = self.uring.completion().next() {
                return Ok((entry.user_data(), entry.result()));
            }
            refusals.bear(self.uring.submit_and_wait(1))?;
        }
    }

    /// The next completion of a transfer. What a [`seal`](BlockBackend::seal) that failed has left
    /// behind owns no buffer, and is passed over.
    fn reap_transfer(&mut self) -> io::Result<Completion> {
        loop {
            match self.reap()? {
                (CUT | SYNC, _) => {}
                (number, result) => return Ok(self.complete(number, result)),
            }
        }
    }

    fn complete(&mut self, number: u64, result: i32) -> Completion {
        Completion {
            transfer: self.flights.land(number),
            result: moved(result),
        }
    }

    /// Queues the cut and, linked to it, the fsync.
    fn queue_end(&mut self, length: u64) {
        let (file, registered) = self.descriptor();
        let cut = opcode::Ftruncate::new(file, length).build();
        let cut = cut.flags(registered | squeue::Flags::IO_LINK);
        self.push(&cut.user_data(CUT));
        let sync = opcode::Fsync::new(file).build().flags(registered);
        self.push(&sync.user_data(SYNC));
    }

    /// Ends the file with one chain of linked entries, which `submit` hands to the kernel.
    fn seal_linked(
        &mut self,
        last: Option<Transfer>,
        length: u64,
        mut submit: impl FnMut(&mut IoUring) -> io::Result<usize>,
    ) -> io::Result<Chained> {
        let wanted = last.as_ref().map(|transfer| transfer.range.len());
        if let Some(last) = last {
            self.queue(last, squeue::Flags::IO_LINK)?;
        }
        self.queue_end(length);
        let queued = self.uring.submission().len();
        let mut refusals = Refusals::default();
        let submitted = loop {
            if let Some(submitted) = refusals.bear(submit(&mut self.uring))? {
                break submitted;
            }
        };
        let (mut written, mut cut, mut synced) = (None, None, None);
        while cut.is_none() || synced.is_none() || self.flights.len() > 0 {
            match self.reap()? {
                (CUT, result) => cut = Some(moved(result)),
                (SYNC, result) => synced = Some(moved(result)),
                (number, result) => written = Some(self.complete(number, result)),
            }
        }
        let is_written = written
            .as_ref()
            .is_none_or(|written| written.result.as_ref().ok().copied() == wanted);
        Ok(Chained {
            is_torn: submitted < queued,
            unwritten: written.filter(|_| !is_written),
            cut: cut.unwrap_or(Ok(0)),
            synced: synced.unwrap_or(Ok(0)),
        })
    }
}

impl Buffers {
    /// Under which number `buffer` is registered, if it is.
    fn position(&self, buffer: &AlignedBuf) -> Option<u16> {
        match self {
            Self::Registered { indices, .. } => {
                let position = indices.iter().position(|&index| index == buffer.index())?;
                u16::try_from(position).ok()
            }
            Self::Plain => None,
        }
    }
}

impl BlockBackend for Ring {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            backend: Backend::IoUring,
            registered_buffers: matches!(self.buffers, Buffers::Registered { .. }),
            registered_file: self.is_file_registered,
        }
    }

    fn file(&self) -> &Arc<File> {
        &self.file
    }

    fn in_flight(&self) -> usize {
        self.flights.len()
    }

    fn start(&mut self, transfer: Transfer) -> io::Result<()> {
        self.queue(transfer, squeue::Flags::empty())
    }

    fn submit(&mut self) -> io::Result<()> {
        match self.uring.submit() {
            // The entries stay queued then, and go in with the next submission or wait.
            Err(error) if !asks_again(&error) => Err(error),
            Ok(_) | Err(_) => Ok(()),
        }
    }

    fn poll(&mut self) -> Option<Completion> {
        loop {
            let entry = self.uring.completion().next()?;
            let number = entry.user_data();
            if number != CUT && number != SYNC {
                return Some(self.complete(number, entry.result()));
            }
        }
    }

    fn wait(&mut self) -> io::Result<Completion> {
        assert!(self.flights.len() > 0, "waited with nothing in flight");
        self.reap_transfer()
    }

    /// All steps in one chain of linked entries, with one wait. The kernel breaks the chain after
    /// a step that failed or came back short; and where it takes only a part of the chain at once,
    /// which says nothing of the rest, the steps are taken again one by one.
    fn seal(&mut self, last: Option<Transfer>, length: u64) -> io::Result<Sealed> {
        assert_eq!(self.flights.len(), 0, "only what came back can be sealed");
        if !self.can_cut {
            return seal_step_by_step(self, last, length);
        }
        let chained = self.seal_linked(last, length, |uring| uring.submit())?;
        match chained.outcome() {
            Some(sealed) => Ok(sealed),
            None => seal_step_by_step(self, None, length),
        }
    }
}

impl Drop for Ring {
    fn drop(&mut self) {
        while self.flights.len() > 0 {
            if let Err(error) = self.reap_transfer() {
                tracing::error!(%error, "io_uring does not give its buffers back");
                // Dropping `flights` leaks them: the kernel may still use them.
                return;
            }
        }
        // The kernel takes a ring down some time after it was closed. Until then it would hold
        // the lock of the file, and count the buffers against the limit of locked memory.
        if self.is_file_registered {
            let _ = self.uring.submitter().unregister_files();
        }
        if matches!(self.buffers, Buffers::Registered { .. }) {
            let _ = self.uring.submitter().unregister_buffers();
        }
    }
}

impl fmt::Debug for Ring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ring")
            .field("depth", &self.flights.capacity())
            .field("in_flight", &self.flights.len())
            .field("capabilities", &self.capabilities())
            .finish_non_exhaustive()
    }
}

/// A ring whose completions wait for the next system call instead of interrupting this thread,
/// which would copy bytes just then; Linux before 5.19 knows only the other kind.
fn set_up(entries: u32) -> io::Result<IoUring> {
    let patient = IoUring::builder().setup_coop_taskrun().build(entries);
    match patient {
        Err(error) if error.kind() == io::ErrorKind::InvalidInput => IoUring::new(entries),
        built => built,
    }
}

/// Describes a transfer to the kernel; `fixed` is the number its buffer is registered under.
fn describe(
    file: types::Fd,
    transfer: &mut Transfer,
    length: u32,
    fixed: Option<u16>,
) -> squeue::Entry {
    let offset = transfer.offset;
    let bytes = transfer.bytes_mut().as_mut_ptr();
    match (transfer.direction, fixed) {
        (Direction::Write, Some(number)) => {
            let write = opcode::WriteFixed::new(file, bytes, length, number);
            write.offset(offset).build()
        }
        (Direction::Write, None) => {
            let write = opcode::Write::new(file, bytes, length);
            write.offset(offset).build()
        }
        (Direction::Read, Some(number)) => {
            let read = opcode::ReadFixed::new(file, bytes, length, number);
            read.offset(offset).build()
        }
        (Direction::Read, None) => {
            let read = opcode::Read::new(file, bytes, length);
            read.offset(offset).build()
        }
    }
}

/// The kernel's result: a count, or an error number below zero.
fn moved(result: i32) -> io::Result<usize> {
    usize::try_from(result).map_err(|_| io::Error::from_raw_os_error(-result))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use tempfile::NamedTempFile;

    use super::*;
    use crate::buffer::{PAGE_BYTES, Pages};

    fn opened() -> (NamedTempFile, Arc<File>) {
        let named = NamedTempFile::new().unwrap();
        let file = Arc::new(named.reopen().unwrap());
        (named, file)
    }

    /// Says that a test is skipped, unless `FORKLESS_IO_URING` says that none may be.
    #[expect(
        clippy::print_stderr,
        reason = "a skipped test must say that it is skipped"
    )]
    fn skip(refused: &io::Error) {
        let is_required = std::env::var_os("FORKLESS_IO_URING").is_some();
        assert!(!is_required, "io_uring is refused: {refused}");
        eprintln!("skipped: io_uring is refused: {refused}");
    }

    /// A ring and writes of its buffers, number `n` filled with `n`; `None` where `io_uring` is
    /// refused.
    fn ring(file: &Arc<File>, depth: usize) -> Option<(Ring, Vec<Transfer>, BufferPool)> {
        let ring = Ring::new(file, depth).map_err(|error| skip(&error)).ok()?;
        let pool = BufferPool::new(depth, PAGE_BYTES, Pages::Small).unwrap();
        let buffers = pool.take_all(depth).unwrap().into_iter().enumerate();
        let writes = buffers.map(|(index, mut buffer)| {
            buffer.fill(u8::try_from(index).unwrap());
            Transfer::write(buffer, PAGE_BYTES, (index * PAGE_BYTES) as u64)
        });
        Some((ring, writes.collect(), pool))
    }

    fn assert_written(bytes: &[u8], blocks: usize) {
        assert_eq!(bytes.len(), blocks * PAGE_BYTES);
        for (index, &byte) in bytes.iter().enumerate() {
            assert_eq!(usize::from(byte), index / PAGE_BYTES);
        }
    }

    #[test]
    fn what_is_written_is_read_back_with_or_without_registration() {
        for registered in [false, true] {
            let (named, file) = opened();
            let Some((mut ring, writes, _pool)) = ring(&file, 4) else {
                return;
            };
            if registered {
                let mut buffers: Vec<_> = writes.into_iter().map(|write| write.buffer).collect();
                // The order of registration is not the order of use.
                buffers.swap(0, 3);
                if let Err(error) = ring.register(&buffers) {
                    skip(&error);
                    return;
                }
                buffers.swap(0, 3);
                for (index, buffer) in buffers.into_iter().enumerate() {
                    let offset = (index * PAGE_BYTES) as u64;
                    ring.start(Transfer::write(buffer, PAGE_BYTES, offset))
                        .unwrap();
                }
            } else {
                for write in writes {
                    ring.start(write).unwrap();
                }
            }
            assert_eq!(ring.capabilities().registered_buffers, registered);
            assert_eq!(ring.in_flight(), 4);
            ring.submit().unwrap();
            let mut written = Vec::new();
            for _ in 0..4 {
                let Completion { transfer, result } = ring.wait().unwrap();
                assert_eq!(result.unwrap(), PAGE_BYTES);
                let index = usize::from(transfer.buffer[0]);
                assert_eq!(transfer.offset, (index * PAGE_BYTES) as u64);
                written.push(transfer.buffer);
            }
            assert_eq!(ring.in_flight(), 0);
            assert_written(&fs::read(named.path()).unwrap(), 4);
            for (index, mut buffer) in written.into_iter().enumerate() {
                buffer.fill(0xff);
                let offset = (index * PAGE_BYTES) as u64;
                ring.start(Transfer::read(buffer, PAGE_BYTES, PAGE_BYTES, offset))
                    .unwrap();
            }
            for _ in 0..4 {
                let Completion { transfer, result } = ring.wait().unwrap();
                assert_eq!(result.unwrap(), PAGE_BYTES);
                let index = usize::try_from(transfer.offset).unwrap() / PAGE_BYTES;
                assert!(
                    transfer
                        .buffer
                        .iter()
                        .all(|&byte| usize::from(byte) == index)
                );
            }
        }
    }

    #[test]
    fn dropped_ring_waits_for_what_is_in_flight() {
        let (named, file) = opened();
        let Some((mut ring, writes, pool)) = ring(&file, 8) else {
            return;
        };
        for write in writes {
            ring.start(write).unwrap();
        }
        assert_eq!(pool.free(), 0);
        drop(ring);
        assert_written(&fs::read(named.path()).unwrap(), 8);
        assert_eq!(pool.free(), 8, "the buffers are free once they are back");
    }

    #[test]
    fn refused_write_comes_back_with_its_error() {
        let named = NamedTempFile::new().unwrap();
        let file = Arc::new(File::open(named.path()).unwrap());
        let Some((mut ring, mut writes, _pool)) = ring(&file, 1) else {
            return;
        };
        ring.start(writes.pop().unwrap()).unwrap();
        let error = ring.wait().unwrap().result.unwrap_err();
        assert_eq!(error.raw_os_error(), Some(Errno::BADF.raw_os_error()));
    }

    #[test]
    fn sealed_file_has_its_exact_length() {
        let (named, file) = opened();
        let Some((mut ring, mut writes, _pool)) = ring(&file, 2) else {
            return;
        };
        let second = writes.pop().unwrap();
        ring.start(writes.pop().unwrap()).unwrap();
        ring.wait().unwrap();
        let sealed = ring.seal(Some(second), 5000).unwrap();
        assert!(matches!(sealed, Sealed::Durable), "{sealed:?}");
        let bytes = fs::read(named.path()).unwrap();
        assert_eq!(bytes.len(), 5000);
        assert!(bytes[PAGE_BYTES..].iter().all(|&byte| byte == 1));
        let sealed = ring.seal(None, 7).unwrap();
        assert!(matches!(sealed, Sealed::Durable), "{sealed:?}");
        assert_eq!(fs::read(named.path()).unwrap(), [0; 7]);
    }

    #[test]
    fn chain_breaks_at_the_write_that_failed() {
        let named = NamedTempFile::new().unwrap();
        fs::write(named.path(), [1; 9000]).unwrap();
        let file = Arc::new(File::open(named.path()).unwrap());
        let Some((mut ring, mut writes, pool)) = ring(&file, 1) else {
            return;
        };
        let sealed = ring.seal(writes.pop(), 5).unwrap();
        let Sealed::Incomplete(completion) = sealed else {
            panic!("{sealed:?}")
        };
        assert!(completion.result.is_err());
        drop(completion);
        assert_eq!((ring.in_flight(), pool.free()), (0, 1));
        assert_eq!(fs::metadata(named.path()).unwrap().len(), 9000);
        let sealed = ring.seal(None, 5).unwrap();
        assert!(matches!(sealed, Sealed::NotCut(_)), "{sealed:?}");
    }

    #[test]
    fn what_a_failed_seal_left_behind_is_no_transfer() {
        let (named, file) = opened();
        let Some((mut ring, mut writes, pool)) = ring(&file, 2) else {
            return;
        };
        // As if the wait for both of them had failed: their completions are the next ones.
        let end = |ring: &mut Ring| {
            ring.queue_end(0);
            ring.uring.submit_and_wait(2).unwrap();
        };
        end(&mut ring);
        ring.start(writes.remove(0)).unwrap();
        assert_eq!(ring.wait().unwrap().result.unwrap(), PAGE_BYTES);
        end(&mut ring);
        assert!(ring.poll().is_none());
        end(&mut ring);
        ring.start(writes.remove(0)).unwrap();
        drop(ring);
        assert_eq!(pool.free(), 2);
        let length = fs::metadata(named.path()).unwrap().len();
        assert_eq!(length, 2 * PAGE_BYTES as u64);
    }

    /// Hands the first entry of what is queued to the kernel, and leaves the rest.
    fn submit_first(uring: &mut IoUring) -> io::Result<usize> {
        // SAFETY: nothing is waited for, so there is no argument to read.
        unsafe { uring.submitter().enter::<()>(1, 0, 0, None) }
    }

    #[test]
    fn chain_that_a_submission_tears_is_sealed_again_step_by_step() {
        let (named, file) = opened();
        let Some((mut ring, mut writes, pool)) = ring(&file, 2) else {
            return;
        };
        let second = writes.pop().unwrap();
        ring.start(writes.pop().unwrap()).unwrap();
        ring.wait().unwrap();
        let torn = ring.seal_linked(Some(second), 5000, submit_first).unwrap();
        assert!(torn.is_torn && torn.unwritten.is_none(), "{torn:?}");
        assert!(torn.outcome().is_none());
        assert_eq!(pool.free(), 2);
        let sealed = ring.seal(None, 5000).unwrap();
        assert!(matches!(sealed, Sealed::Durable), "{sealed:?}");
        let bytes = fs::read(named.path()).unwrap();
        assert_eq!(bytes.len(), 5000);
        assert!(bytes[PAGE_BYTES..].iter().all(|&byte| byte == 1));
    }
}
