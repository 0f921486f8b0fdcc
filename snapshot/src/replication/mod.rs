//! Replication: the streams of a master's shards over sockets, and the replica that takes them.

mod address;
mod applier;
mod apply;
mod backlog;
mod bundle;
mod connection;
mod dial;
mod entrance;
mod error;
mod handshake;
mod lane;
mod master;
mod rendezvous;
mod replica;
mod secret;
mod session;
#[cfg(feature = "sim")]
mod simulated;
mod spill;
mod statistics;

pub use address::{Address, ParseAddressError};
pub use error::ReplicationError;
pub use master::{Master, MasterOptions};
pub use replica::{Replica, ReplicaOptions};
#[cfg(feature = "sim")]
pub use simulated::{
    SimulatedListener, SimulatedNetwork, SimulatedPassage, SimulatedSocket, Towards,
};
pub use statistics::{ReplicaState, ReplicaStatistics, SessionStatistics, StreamStatistics};
