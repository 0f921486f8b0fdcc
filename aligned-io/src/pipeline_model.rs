//! Every short life of a pipeline, over a kernel that answers in every way it may.
//!
//! The driver fills and starts buffers, drains, finishes, drops the pipeline or panics; the kernel
//! completes transfers in any order, whole, short, cancelled or failed, and may refuse to give
//! them back at all. Whatever they choose, all other choices are tried too. With `--cfg planted`
//! the same search must find each planted bug.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;

use rustix::io::Errno;

use crate::backend::{BlockBackend, Capabilities};
use crate::buffer::{BufferPool, PAGE_BYTES, Pages};
use crate::flights::Flights;
use crate::mode::Backend;
use crate::pipeline::{Filling, Pipeline};
use crate::sync::Mutex;
use crate::transfer::{Completion, Transfer};

/// Most writes in flight.
const DEPTH: usize = 2;
const BUFFERS: usize = DEPTH + 1;
/// What one driver does at most.
const STEPS: usize = 4;
/// Set to have two transfers of one life come back other than whole, and not just one.
const LONG: &str = "FORKLESS_TEST_SEEDS";

/// One way through all choices; [`next_path`](Self::next_path) makes it the next one.
#[derive(Debug, Default)]
struct Choices {
    /// What was chosen, and of how many.
    path: Vec<(usize, usize)>,
    at: usize,
}

impl Choices {
    fn pick(&mut self, of: usize) -> usize {
        if self.at == self.path.len() {
            self.path.push((0, of));
        }
        let (chosen, same) = self.path[self.at];
        assert_eq!(same, of, "the same choices lead to the same place");
        self.at += 1;
        chosen
    }

    /// `false` when all paths were taken.
    fn next_path(&mut self) -> bool {
        self.at = 0;
        while let Some((chosen, of)) = self.path.pop() {
            if chosen + 1 < of {
                self.path.push((chosen + 1, of));
                return true;
            }
        }
        false
    }
}

/// A transfer that the kernel knows of.
#[derive(Debug)]
struct Known {
    buffer: usize,
    bytes: Vec<u8>,
}

#[derive(Debug, Default)]
struct Kernel {
    choices: Choices,
    known: BTreeMap<u64, Known>,
    /// How many more transfers may come back other than whole.
    hitches: usize,
    file: Vec<u8>,
    /// Whether a buffer was changed in flight. Kept for later, as a ring that is dropped in a
    /// panic must not panic again.
    is_deceived: bool,
    /// What the file held at the last fsync.
    synced: Option<Vec<u8>>,
}

type SharedKernel = Arc<Mutex<Kernel>>;

#[derive(Debug)]
struct ModelledRing {
    kernel: SharedKernel,
    flights: Flights,
    file: Arc<File>,
}

impl ModelledRing {
    fn complete(&mut self) -> Completion {
        let mut kernel = self.kernel.lock();
        let count = kernel.known.len();
        let choice = kernel.choices.pick(count);
        let number = *kernel.known.keys().nth(choice).unwrap();
        let known = kernel.known.remove(&number).unwrap();
        let transfer = self.flights.land(number);
        // The kernel reads the buffer as late as it can.
        kernel.is_deceived |= transfer.bytes() != known.bytes;
        let hitch = if kernel.hitches > 0 {
            kernel.choices.pick(4)
        } else {
            0
        };
        kernel.hitches -= usize::from(hitch > 0);
        let result = match hitch {
            0 => Ok(transfer.range.len()),
            1 => Ok(transfer.range.len() / 2),
            2 => Err(Errno::CANCELED.into()),
            _ => Err(Errno::IO.into()),
        };
        if let Ok(count) = &result {
            let start = usize::try_from(transfer.offset).unwrap();
            let end = start + count;
            let length = kernel.file.len().max(end);
            kernel.file.resize(length, 0);
            kernel.file[start..end].copy_from_slice(&transfer.bytes()[..*count]);
        }
        Completion { transfer, result }
    }
}

impl BlockBackend for ModelledRing {
    fn capabilities(&self) -> Capabilities {
        Capabilities::plain(Backend::IoUring)
    }

    fn file(&self) -> &Arc<File> {
        &self.file
    }

    fn in_flight(&self) -> usize {
        self.flights.len()
    }

    fn start(&mut self, transfer: Transfer) -> io::Result<()> {
        let (buffer, bytes) = (transfer.buffer.index(), transfer.bytes().to_vec());
        let (number, _) = self.flights.board(transfer);
        let mut kernel = self.kernel.lock();
        kernel.known.insert(number as u64, Known { buffer, bytes });
        Ok(())
    }

    fn poll(&mut self) -> Option<Completion> {
        let mut kernel = self.kernel.lock();
        let is_there = !kernel.known.is_empty() && kernel.choices.pick(2) == 1;
        drop(kernel);
        is_there.then(|| self.complete())
    }

    fn wait(&mut self) -> io::Result<Completion> {
        assert!(self.flights.len() > 0, "waited with nothing in flight");
        Ok(self.complete())
    }

    fn cut(&mut self, length: u64) -> io::Result<()> {
        let length = usize::try_from(length).unwrap();
        self.kernel.lock().file.resize(length, 0);
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        let mut kernel = self.kernel.lock();
        kernel.synced = Some(kernel.file.clone());
        Ok(())
    }
}

impl Drop for ModelledRing {
    /// As a ring does: waits, unless the kernel refuses to give anything back.
    fn drop(&mut self) {
        while self.flights.len() > 0 {
            if self.kernel.lock().choices.pick(2) == 1 {
                return;
            }
            self.complete();
        }
    }
}

/// One driver: what it wrote, and the pipeline it wrote through.
struct Life {
    kernel: SharedKernel,
    pool: BufferPool,
    pipeline: Pipeline,
    written: Vec<u8>,
}

/// Whether the driver goes on.
enum Next {
    Goes,
    Ends,
}

impl Life {
    fn new(kernel: &SharedKernel) -> Self {
        let pool = BufferPool::new(BUFFERS, PAGE_BYTES, Pages::Small).unwrap();
        let ring = ModelledRing {
            kernel: Arc::clone(kernel),
            flights: Flights::new(DEPTH),
            file: Arc::new(File::open("/dev/null").unwrap()),
        };
        let buffers = pool.take_all(BUFFERS).unwrap();
        Self {
            kernel: Arc::clone(kernel),
            pool,
            pipeline: Pipeline::new(Box::new(ring), buffers, 1),
            written: Vec::new(),
        }
    }

    fn pick(&self, of: usize) -> usize {
        self.kernel.lock().choices.pick(of)
    }

    /// Fills a buffer with bytes that no other one holds.
    fn fill(&mut self, length: usize) -> Filling {
        let mut filling = self.pipeline.take();
        let space = filling.space();
        let byte = u8::try_from(self.written.len() / PAGE_BYTES + 1).unwrap();
        space.fill(0xff);
        space[..length].fill(byte);
        filling.advance(length);
        self.written.extend(std::iter::repeat_n(byte, length));
        filling
    }

    fn write(&mut self) -> Next {
        let offset = self.written.len() as u64;
        let filling = self.fill(PAGE_BYTES);
        match self.pipeline.start(filling, offset) {
            Ok(()) => Next::Goes,
            Err(_) => Next::Ends,
        }
    }

    fn finish(&mut self) -> Next {
        let has_tail = self.pick(2) == 1;
        let tail = has_tail.then(|| self.fill(7));
        let finished = self.pipeline.finish(tail, self.written.len() as u64);
        if finished.is_ok() {
            let kernel = self.kernel.lock();
            assert!(kernel.known.is_empty(), "finished with writes in flight");
            assert!(
                kernel.synced.as_ref() == Some(&self.written),
                "finished, and not all is on the disk"
            );
        }
        Next::Ends
    }

    fn step(&mut self) -> Next {
        match self.pick(5) {
            0 => self.write(),
            1 => self.pipeline.drain().map_or(Next::Ends, |()| Next::Goes),
            2 => self.finish(),
            3 => Next::Ends,
            _ => resume_unwind(Box::new("on purpose")),
        }
    }
}

/// Lives once and checks what is left: every buffer is free, or the kernel's, and never both.
fn live(kernel: &SharedKernel) {
    let life = Life::new(kernel);
    let pool = life.pool.clone();
    let lived = catch_unwind(AssertUnwindSafe(move || {
        let mut life = life;
        for _ in 0..STEPS {
            if let Next::Ends = life.step() {
                break;
            }
        }
    }));
    assert!(!kernel.lock().is_deceived, "a buffer was changed in flight");
    if let Err(panic) = lived
        && panic.downcast_ref() != Some(&"on purpose")
    {
        resume_unwind(panic);
    }
    let kernel = kernel.lock();
    let free = pool.take_all(pool.free()).unwrap();
    for known in kernel.known.values() {
        assert!(
            free.iter().all(|buffer| buffer.index() != known.buffer),
            "a buffer was freed in flight"
        );
    }
    assert_eq!(
        free.len() + kernel.known.len(),
        BUFFERS,
        "a buffer was lost"
    );
}

/// Lives every life: how many there are.
fn live_all() -> usize {
    let hitches = if std::env::var_os(LONG).is_some() {
        2
    } else {
        1
    };
    let mut choices = Choices::default();
    let mut lives = 0;
    loop {
        lives += 1;
        let kernel = Arc::new(Mutex::new(Kernel {
            choices,
            hitches,
            ..Kernel::default()
        }));
        live(&kernel);
        choices = std::mem::take(&mut kernel.lock().choices);
        if !choices.next_path() {
            return lives;
        }
    }
}

#[cfg(not(planted))]
#[test]
fn no_buffer_is_touched_lent_or_freed_in_flight() {
    let lives = live_all();
    assert!(lives > 10_000, "{lives} lives are not all");
}

#[cfg(planted)]
mod planted {
    use super::live_all;
    use crate::planted::{Plant, activate};

    #[test]
    #[should_panic(expected = "changed in flight")]
    fn reuse_before_completion_is_found() {
        activate(Plant::ReuseBeforeCompletion);
        live_all();
    }

    #[test]
    #[should_panic(expected = "freed in flight")]
    fn free_in_flight_is_found() {
        activate(Plant::FreeInFlight);
        live_all();
    }

    #[test]
    #[should_panic(expected = "finished with writes in flight")]
    fn seal_before_drain_is_found() {
        activate(Plant::SealBeforeDrain);
        live_all();
    }
}
