//! Point-in-time snapshots of a live sharded store, without `fork` and without waiting writes.
//!
//! A store keeps its keys in the [`Keyspace`]s of a [`ShardSet`](shard_runtime::ShardSet);
//! a [`Snapshot`] takes one atomic cut across all shards and writes what was there at that
//! moment as an RDB stream that any Redis or Valkey reads, while the writes go on.
//!
//! | start here | to |
//! |---|---|
//! | [`Snapshot`] | take a snapshot into a file, a set of files, or streams |
//! | [`Handle`] | look how far it is, cancel it, wait for it or await it |
//! | [`Keyspace`] | hold the keys of a shard |
//! | [`Value`] | have your own type saved; [`FromRdb`] to have it loaded |
//! | [`Owned`] | store what the codec reads, of any type |
//! | [`Relaxed`] | stream what is there and what becomes of it, as to a replica |
//! | [`Load`] | read a file, or a set of files, into the shards: all of it or nothing |
//! | `Records`, with the feature `epaxos` | save the key-values of an `epaxos-store` |
//! | [`NamePattern`] | name a file after its time; [`Retention`] to remove the old ones |
//!
//! # How it works
//!
//! The cut opens a *producer* on every shard. From there on a bucket of the shard's table is
//! delivered to it exactly once, unchanged since the cut: by the *traversal*, a task that
//! walks the table in slices of bounded time, or by the *hook*, which the table calls before
//! it changes a bucket that the traversal has not met yet. Delivered entries are encoded into
//! *blobs*, which go through a channel bounded by bytes to the sink's thread: one for all
//! shards, or one for each. A heavy value is not encoded on its shard but frozen, and rides
//! along in the blob. A *watch* lets the shards go when a sink hangs.
//!
//! # What it never does
//!
//! It never copies the store, never stops a shard for longer than the cut's handshake, and
//! never leaves a file under its final name that is not whole, checked and durable.
#![forbid(unsafe_code)]

mod elements;
mod error;
mod key;
mod owned;
mod value;

mod handle;
mod keyspace;
mod progress;
mod report;
mod snapshot;

mod blob;
mod copies;
mod cut;
mod hook;
mod planted;
mod producer;
mod rider;
mod traversal;

#[cfg(feature = "epaxos")]
mod records;
mod stream;

#[cfg(feature = "replication")]
mod replication;

mod events;
mod name;
mod retention;

mod outlet;
mod pace;
mod save;
mod shared;
mod sink;
mod sync;
mod watch;

mod batch;
mod collected;
mod gathering;
mod intake;
mod load;
mod load_progress;
mod load_sections;
mod load_set;
mod loader;
mod marks;
mod open_key;
mod room;
mod staging;
mod under_way;

pub use crate::copies::Copies;
pub use crate::elements::{Elements, PackedElements};
pub use crate::error::{LoadError, SnapshotError};
pub use crate::handle::Handle;
pub use crate::hook::Hook;
pub use crate::key::{Key, shard_hash, shard_of};
pub use crate::keyspace::{Applied, Keyspace, Store, Table};
pub use crate::load::{Expired, Load, LoadReport};
pub use crate::load_progress::{LoadProgress, Loading};
pub use crate::name::{NameError, NamePattern};
pub use crate::owned::Owned;
#[cfg(planted)]
pub use crate::planted::Bug;
pub use crate::producer::WhenSpent;
pub use crate::progress::{Phase, Progress};
#[cfg(feature = "epaxos")]
pub use crate::records::Records;
#[cfg(feature = "replication")]
pub use crate::replication::{
    Address, Master, MasterOptions, ParseAddressError, Replica, ReplicaOptions, ReplicaState,
    ReplicaStatistics, ReplicationError, SessionStatistics, StreamStatistics,
};
#[cfg(all(feature = "replication", feature = "sim"))]
pub use crate::replication::{
    SimulatedListener, SimulatedNetwork, SimulatedPassage, SimulatedSocket, Towards,
};
pub use crate::report::{Part, Report, TypeCounts};
pub use crate::retention::{Retention, RetentionError};
pub use crate::rider::RIDER_BYTES;
pub use crate::snapshot::Snapshot;
pub use crate::stream::{
    Frame, FrameError, FrameKind, Record, Relaxed, StreamDecoder, StreamError, StreamSource,
    Streams, StreamsProgress, Telling,
};
pub use crate::value::{FromRdb, Frozen, Piece, Value};

/// The example of the README, compiled as a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
