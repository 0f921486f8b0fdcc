//! The service: starts all threads of a server, and ends them.

use std::fs;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::Duration;

use mio::Waker;
use shard_runtime::{ShardSet, ShardSetConfig, Worker, spawn_named};
use snapshot::{Address, LoadReport};

use crate::server::error::ServerError;
use crate::server::inbox::{Arrival, Inbox};
use crate::server::listener::Listener;
use crate::server::office::Offices;
use crate::server::options::ServerOptions;
use crate::server::persistence::Persistence;
use crate::server::reactor::Reactor;
use crate::server::replication::Replication;
use crate::server::role::CurrentRole;
use crate::server::shard_state::{DropFlushed, ShardState};
use crate::server::shared::{SaveFirst, Shared};
use crate::server::sweep::Sweep;

/// How often shards look for keys whose time has come.
const PULSE: Duration = Duration::from_millis(100);

/// A server of RESP2 and RESP3 over sharded keys, which takes snapshots without stopping.
///
/// ```
/// use std::io::{Read, Write};
/// use std::net::TcpStream;
///
/// use forkless::{SaveFirst, Server, ServerOptions};
///
/// let options = ServerOptions {
///     addresses: vec!["127.0.0.1:0".parse()?],
///     shards: 2,
///     folder: std::env::temp_dir(),
///     file_name: format!("example-{}.rdb", std::process::id()),
///     ..ServerOptions::default()
/// };
/// let server = Server::start(options)?;
/// let mut client = TcpStream::connect(server.addresses()[0])?;
/// client.write_all(b"SET key value\r\n")?;
/// let mut reply = [0; 5];
/// client.read_exact(&mut reply)?;
/// assert_eq!(&reply, b"+OK\r\n");
/// server.stopper().stop(SaveFirst::Never)?;
/// server.join()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Server {
    shared: Arc<Shared>,
    addresses: Vec<SocketAddr>,
    loaded: Option<LoadReport>,
    inboxes: Vec<Arc<Inbox>>,
    listener_waker: Arc<Waker>,
    /// Dropped, it ends the pulse.
    beat: mpsc::Sender<()>,
    workers: Vec<Worker<()>>,
}

/// Stops a [`Server`], from any thread.
#[derive(Debug, Clone)]
pub struct Stopper(Arc<Shared>);

impl Stopper {
    /// Lets no more commands in, saves what is to be saved, and lets [`Server::join`] go on.
    ///
    /// # Errors
    ///
    /// When the snapshot cannot be taken: then the server goes on serving.
    pub fn stop(&self, save: SaveFirst) -> Result<(), ServerError> {
        self.0.stop(save)
    }

    /// Ends the server within seconds, whatever hangs, and returns at once: a snapshot that is
    /// being taken, also a last one, is given up, and [`Server::join`] says what was lost.
    pub fn cut_off(&self) {
        self.0.cut_off();
        let shared = Arc::clone(&self.0);
        // It says nothing that whoever joins the server is not told.
        spawn_named("cut-off", move || drop(shared.stop(SaveFirst::Never)));
    }
}

impl Server {
    /// Loads the snapshot that is in the folder, if there is one, and serves. A folder that is not
    /// there is made.
    ///
    /// # Errors
    ///
    /// [`ServerError`], before anything is served: when the snapshot is damaged, an address is
    /// taken, or the system refuses a thread.
    pub fn start(options: ServerOptions) -> Result<Self, ServerError> {
        if options.file_name.contains('/') || matches!(options.file_name.as_str(), "" | "." | "..")
        {
            let name = options.file_name;
            return Err(ServerError::FileName { name });
        }
        // Before the keys are loaded, which may take a while, so that two servers do not load.
        let listener = Listener::open(&options.addresses, options.unix_socket.as_deref())?;
        let config = ShardSetConfig {
            shards: options.shards,
            ..ShardSetConfig::default()
        };
        let role = Arc::new(CurrentRole::default());
        let role_there = Arc::clone(&role);
        let shards = ShardSet::start(config, move |_| ShardState::new(&role_there))?;
        let shards = Arc::new(shards);
        // Before the first snapshot finds out that it has nowhere to go.
        fs::create_dir_all(&options.folder).map_err(|source| ServerError::Folder {
            path: options.folder.clone(),
            source,
        })?;
        let persistence = Persistence::new(&options);
        let loaded = persistence.load(&shards)?;
        let replication = Replication::open(&options.replication, &shards)?;
        if let Some(master) = &options.replication.replica_of {
            role.fill();
            replication.follow(master, &shards);
        }
        let addresses = listener.addresses().to_vec();
        let port = addresses.first().map_or(0, SocketAddr::port);
        let parts = (persistence, replication);
        let shared = Arc::new(Shared::new(options, (shards, role), parts, port));
        Self::open(shared, listener, addresses, loaded)
    }

    /// Starts the threads around the shards.
    fn open(
        shared: Arc<Shared>,
        listener: Listener,
        addresses: Vec<SocketAddr>,
        loaded: Option<LoadReport>,
    ) -> Result<Self, ServerError> {
        let (offices, mut workers) = Offices::open(&shared);
        let mut reactors = Vec::new();
        for _ in 0..shared.options.connection_threads.max(1) {
            let reactor = Reactor::new(&shared, &offices);
            reactors.push(reactor.map_err(|source| ServerError::Poll { source })?);
        }
        let inboxes: Vec<_> = reactors
            .iter()
            .map(|reactor| Arc::clone(reactor.inbox()))
            .collect();
        for (index, reactor) in reactors.into_iter().enumerate() {
            shared.gate.add(Arc::clone(reactor.inbox()));
            let alarm = Alarm(Arc::clone(&shared));
            workers.push(spawn_named(&format!("clients-{index}"), move || {
                let _alarm = alarm;
                reactor.run();
            }));
        }
        let listener_waker = listener.waker();
        let (shared_there, inboxes_there) = (Arc::clone(&shared), inboxes.clone());
        workers.push(spawn_named("listener", move || {
            listener.run(&shared_there, &inboxes_there);
        }));
        let (beat, beats) = mpsc::channel();
        let shared_there = Arc::clone(&shared);
        workers.push(spawn_named("pulse", move || pulse(&shared_there, &beats)));
        Ok(Self {
            shared,
            addresses,
            loaded,
            inboxes,
            listener_waker,
            beat,
            workers,
        })
    }

    /// Where it listens, with the ports that the system has chosen.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Where replicas may connect, with the ports that the system has chosen.
    pub fn replication_addresses(&self) -> &[Address] {
        self.shared.replication.addresses()
    }

    /// What was loaded at the start, if there was a snapshot.
    pub fn loaded(&self) -> Option<&LoadReport> {
        self.loaded.as_ref()
    }

    /// What stops it.
    pub fn stopper(&self) -> Stopper {
        Stopper(Arc::clone(&self.shared))
    }

    /// Waits until somebody has stopped it, a client or a [`Stopper`], and ends all its threads.
    ///
    /// # Errors
    ///
    /// [`ServerError::Shards`] when one of the threads has panicked; [`ServerError::Unsaved`] and
    /// [`ServerError::CutOff`] after [`Stopper::cut_off`], when a last snapshot was wanted that
    /// there is not, and when a thread hangs, which then goes on as long as the process.
    pub fn join(self) -> Result<(), ServerError> {
        let shared = Arc::clone(&self.shared);
        shared.await_stop();
        let ended = self.end();
        if shared.is_unsaved() {
            return Err(shared.unsaved());
        }
        ended
    }

    /// Ends all threads.
    fn end(self) -> Result<(), ServerError> {
        for inbox in &self.inboxes {
            inbox.push(Arrival::Stop);
        }
        // It fails only where nothing waits any more.
        drop(self.listener_waker.wake());
        drop(self.beat);
        for worker in self.workers {
            self.shared.await_end(worker)?;
        }
        let shared = Arc::clone(&self.shared);
        let closing = spawn_named("replication-end", move || shared.replication.close());
        self.shared.await_end(closing)
    }
}

/// Stops the server when the thread panics that holds it: nobody would serve its clients.
struct Alarm(Arc<Shared>);

impl Drop for Alarm {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.give_up();
        }
    }
}

/// Has all shards look, now and then, for what nobody asks for any more.
fn pulse(shared: &Shared, beats: &Receiver<()>) {
    while beats.recv_timeout(PULSE) == Err(RecvTimeoutError::Timeout) {
        for shard in 0..shared.shards.len() {
            let sent = shared.shards.try_send(shard, |shard| {
                let state = shard.state();
                state.drop_retired();
                let (any_flushed, sweeps) =
                    (state.any_flushed(), state.may_sweep() && !state.is_swept);
                state.is_swept |= sweeps;
                if any_flushed {
                    shard.spawn(DropFlushed);
                }
                if sweeps {
                    shard.spawn(Sweep::default());
                }
            });
            // A shard that has much to do looks at another time.
            drop(sent);
        }
    }
}
