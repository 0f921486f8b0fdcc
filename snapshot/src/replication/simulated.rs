//! A network inside a simulation: what becomes of bytes on their way is decided by whoever made it.

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::sync::{Condvar, Mutex, MutexGuard, now};

/// So many bytes may be on their way before a write waits.
const PIPE_BYTES: usize = 4096;

/// A network between one master and its replicas inside a `shard_runtime::Simulation`, in virtual
/// time. One master at a time may listen.
///
/// All that is written passes a function, which may delay, damage, lose or repeat it, or break the
/// connection at any byte.
#[derive(Clone)]
pub struct SimulatedNetwork(Arc<Network>);

struct Network {
    door: Mutex<Door>,
    knocked: Condvar,
    wire: Mutex<Wire>,
}

type Wire = Box<dyn FnMut(&mut SimulatedPassage) + Send>;

/// Where connections wait to be accepted.
#[derive(Debug, Default)]
struct Door {
    is_open: bool,
    waiting: VecDeque<SimulatedSocket>,
    connections: u64,
}

/// Which way bytes go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Towards {
    /// From a replica to the master.
    Master,
    /// From the master to a replica.
    Replica,
}

/// What somebody has written, on its way to the other side.
#[derive(Debug)]
pub struct SimulatedPassage {
    /// The number of the connection, from 1 on.
    pub connection: u64,
    /// Which way it goes.
    pub towards: Towards,
    /// What will come out; at first what was written.
    pub bytes: Vec<u8>,
    /// How long it takes, in virtual time; nothing at first. What was written before comes before.
    pub after: Duration,
    /// Whether the connection is broken behind these bytes.
    pub breaks: bool,
}

impl SimulatedNetwork {
    /// A network in which `wire` decides what becomes of all that is written.
    pub fn new(wire: impl FnMut(&mut SimulatedPassage) + Send + 'static) -> Self {
        Self(Arc::new(Network {
            door: Mutex::new(Door::default()),
            knocked: Condvar::new(),
            wire: Mutex::new(Box::new(wire)),
        }))
    }

    /// Connects to whoever listens.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::ConnectionRefused`] when nobody does.
    pub fn connect(&self) -> io::Result<SimulatedSocket> {
        let mut door = self.0.door.lock();
        if !door.is_open {
            return Err(io::ErrorKind::ConnectionRefused.into());
        }
        door.connections += 1;
        let pipes = [Arc::new(Pipe::new()), Arc::new(Pipe::new())];
        let end = |towards, [incoming, outgoing]: [&Arc<Pipe>; 2]| {
            SimulatedSocket(Arc::new(End {
                network: self.clone(),
                connection: door.connections,
                towards,
                incoming: Arc::clone(incoming),
                outgoing: Arc::clone(outgoing),
            }))
        };
        let [there, back] = &pipes;
        let (near, far) = (
            end(Towards::Master, [back, there]),
            end(Towards::Replica, [there, back]),
        );
        door.waiting.push_back(far);
        drop(door);
        self.0.knocked.notify_all();
        Ok(near)
    }

    /// Begins to listen.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::AddrInUse`] while somebody else does.
    pub fn listen(&self) -> io::Result<SimulatedListener> {
        let mut door = self.0.door.lock();
        if door.is_open {
            return Err(io::ErrorKind::AddrInUse.into());
        }
        door.is_open = true;
        Ok(SimulatedListener(self.clone()))
    }
}

/// Whoever listens; dropping it refuses connections.
#[derive(Debug)]
pub struct SimulatedListener(SimulatedNetwork);

impl SimulatedListener {
    /// The next connection; `None` if none has come after `patience`.
    pub fn accept(&self, patience: Duration) -> Option<SimulatedSocket> {
        let deadline = now().checked_add(patience);
        let network = &self.0.0;
        let mut door = network.door.lock();
        while door.waiting.is_empty() && deadline.is_none_or(|deadline| now() < deadline) {
            door = network.knocked.wait_until(door, deadline);
        }
        door.waiting.pop_front()
    }

    pub(super) fn network(&self) -> &SimulatedNetwork {
        &self.0
    }
}

impl Drop for SimulatedListener {
    fn drop(&mut self) {
        let mut door = self.0.0.door.lock();
        door.is_open = false;
        let gone = std::mem::take(&mut door.waiting);
        drop(door);
        drop(gone);
    }
}

impl PartialEq for SimulatedNetwork {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for SimulatedNetwork {}

impl fmt::Debug for SimulatedNetwork {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SimulatedNetwork")
    }
}

/// One end of a connection. Clones are the same end, which closes with the last of them.
#[derive(Debug, Clone)]
pub struct SimulatedSocket(Arc<End>);

#[derive(Debug)]
struct End {
    network: SimulatedNetwork,
    connection: u64,
    towards: Towards,
    incoming: Arc<Pipe>,
    outgoing: Arc<Pipe>,
}

/// One direction of a connection.
#[derive(Debug)]
struct Pipe {
    state: Mutex<Flow>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Flow {
    // What is on its way, and when it is there.
    flying: VecDeque<(Instant, VecDeque<u8>)>,
    bytes: usize,
    closed: bool,
}

impl Pipe {
    fn new() -> Self {
        Self {
            state: Mutex::new(Flow::default()),
            changed: Condvar::new(),
        }
    }

    /// Nothing more will come.
    fn close(&self, what_flies: Flying) {
        let mut flow = self.state.lock();
        flow.closed = true;
        if what_flies == Flying::IsLost {
            flow.flying.clear();
            flow.bytes = 0;
        }
        drop(flow);
        self.changed.notify_all();
    }

    fn wait<'a>(
        &'a self,
        flow: MutexGuard<'a, Flow>,
        until: Option<Instant>,
    ) -> MutexGuard<'a, Flow> {
        self.changed.wait_until(flow, until)
    }
}

/// What becomes of bytes that are on their way when a connection ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flying {
    IsLost,
    Comes,
}

impl SimulatedSocket {
    /// The number of its connection, from 1 on.
    pub fn connection(&self) -> u64 {
        self.0.connection
    }

    /// Ends the connection in both directions.
    pub fn close(&self) {
        self.0.close();
    }

    /// Writes `bytes`, all at once when there is room.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::TimedOut`] when there is no room for so long,
    /// [`io::ErrorKind::BrokenPipe`] when the connection has ended.
    pub fn write(&self, bytes: &[u8], patience: Duration) -> io::Result<usize> {
        let deadline = now().checked_add(patience);
        let End { outgoing, .. } = &*self.0;
        let mut flow = outgoing.state.lock();
        while !flow.closed && flow.bytes >= PIPE_BYTES {
            if deadline.is_some_and(|deadline| now() >= deadline) {
                return Err(io::ErrorKind::TimedOut.into());
            }
            flow = outgoing.wait(flow, deadline);
        }
        if flow.closed {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        let mut passage = SimulatedPassage {
            connection: self.0.connection,
            towards: self.0.towards,
            bytes: bytes.to_vec(),
            after: Duration::ZERO,
            breaks: false,
        };
        (self.0.network.0.wire.lock())(&mut passage);
        let soonest = now() + passage.after;
        let last = flow.flying.back().map(|(at, _)| *at);
        let at = last.map_or(soonest, |last| last.max(soonest));
        flow.bytes += passage.bytes.len();
        if !passage.bytes.is_empty() {
            flow.flying.push_back((at, passage.bytes.into()));
        }
        drop(flow);
        if passage.breaks {
            outgoing.close(Flying::Comes);
            self.0.incoming.close(Flying::IsLost);
        } else {
            outgoing.changed.notify_all();
        }
        Ok(bytes.len())
    }

    /// Reads what is there into `room`; 0 when nothing more will come.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::TimedOut`] when nothing is there for so long.
    pub fn read(&self, room: &mut [u8], patience: Duration) -> io::Result<usize> {
        let deadline = now().checked_add(patience);
        let incoming = &self.0.incoming;
        let mut flow = incoming.state.lock();
        loop {
            let next = flow.flying.front().map(|(at, _)| *at);
            let time = now();
            if next.is_some_and(|at| at <= time) {
                break;
            }
            if next.is_none() && flow.closed {
                return Ok(0);
            }
            if deadline.is_some_and(|deadline| time >= deadline) {
                return Err(io::ErrorKind::TimedOut.into());
            }
            let until = [next, deadline].into_iter().flatten().min();
            flow = incoming.wait(flow, until);
        }
        let Some((_, bytes)) = flow.flying.front_mut() else {
            return Ok(0);
        };
        let count = room.len().min(bytes.len());
        for (place, byte) in room.iter_mut().zip(bytes.drain(..count)) {
            *place = byte;
        }
        if bytes.is_empty() {
            flow.flying.pop_front();
        }
        flow.bytes -= count;
        drop(flow);
        incoming.changed.notify_all();
        Ok(count)
    }
}

impl End {
    fn close(&self) {
        self.outgoing.close(Flying::Comes);
        self.incoming.close(Flying::IsLost);
    }
}

impl Drop for End {
    fn drop(&mut self) {
        self.close();
    }
}
