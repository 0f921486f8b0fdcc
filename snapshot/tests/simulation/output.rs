//! What snapshots are written to: streams that are slow, short of room, broken, hung or crashing.

use std::fmt;
use std::io::{self, Write};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use shard_runtime::SimulationHandle;

/// How long a hung output hangs: far beyond every deadline, in virtual time.
const HANG: Duration = Duration::from_secs(10);

/// What is wrong with an output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    None,
    /// Some writes take milliseconds.
    Slow,
    /// Writes take a few bytes at a time.
    Short,
    /// There is no room for more than this many bytes.
    Full(usize),
    /// The last flush fails.
    FlushFails,
    /// A write hangs after this many bytes.
    Hang(usize),
    /// The last flush hangs.
    FlushHangs,
    /// A write panics after this many bytes.
    Panic(usize),
}

/// What has become of an output.
#[derive(Default)]
pub(crate) struct Became {
    pub(crate) bytes: Vec<u8>,
    /// When the fault showed first.
    pub(crate) fired_at: Option<Duration>,
    /// Whether the snapshot is over for whoever took it.
    over: bool,
    /// Whether something was written after that.
    pub(crate) written_after: bool,
}

/// An output, and a view of it from beside.
#[derive(Clone)]
pub(crate) struct Output {
    fault: Fault,
    simulation: SimulationHandle,
    became: Arc<Mutex<Became>>,
}

impl Output {
    pub(crate) fn new(fault: Fault, simulation: SimulationHandle) -> Self {
        Self {
            fault,
            simulation,
            became: Arc::default(),
        }
    }

    pub(crate) fn fault(&self) -> Fault {
        self.fault
    }

    /// Looks at what has become of it; not while giving way to others.
    pub(crate) fn look<R>(&self, look: impl FnOnce(&mut Became) -> R) -> R {
        look(&mut self.became.lock().unwrap())
    }

    /// From here on nothing may be written.
    pub(crate) fn over(&self) {
        self.look(|became| became.over = true);
    }

    fn fire(&self) {
        let now = self.simulation.elapsed();
        self.look(|became| *became.fired_at.get_or_insert(now));
    }

    fn hang_once(&self) {
        if self.look(|became| became.fired_at.is_none()) {
            self.fire();
            self.simulation.sleep(HANG);
        }
    }
}

impl fmt::Debug for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (bytes, fired_at) = self.look(|became| (became.bytes.len(), became.fired_at));
        write!(f, "{:?}, at {fired_at:?}, {bytes} bytes", self.fault)
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.look(|became| became.written_after |= became.over);
        self.simulation.pause();
        let written = self.look(|became| became.bytes.len());
        let mut taken = bytes.len();
        match self.fault {
            Fault::Slow if self.simulation.below(4) == 0 => {
                let ms = 1 + self.simulation.below(3);
                self.simulation.sleep(Duration::from_millis(ms));
            }
            Fault::Short => {
                let most = 1 + self.simulation.below(200);
                taken = taken.min(usize::try_from(most).unwrap());
            }
            Fault::Full(room) if written + taken > room => {
                self.fire();
                // ENOSPC.
                return Err(io::Error::from_raw_os_error(28));
            }
            Fault::Hang(from) if written + taken > from => self.hang_once(),
            Fault::Panic(from) if written + taken > from => {
                self.fire();
                // As a panic does, but without a word on the terminal.
                std::panic::resume_unwind(Box::new("on purpose"));
            }
            _ => {}
        }
        self.look(|became| became.bytes.extend_from_slice(&bytes[..taken]));
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        match self.fault {
            Fault::FlushFails => {
                self.fire();
                return Err(io::Error::from_raw_os_error(28));
            }
            Fault::FlushHangs => self.hang_once(),
            _ => {}
        }
        Ok(())
    }
}
