//! What a replica of Egalitarian Paxos must not lose: key-values, instances, and how far both
//! have come, on RocksDB.
//!
//! It knows no consensus protocol: a replica decides, the store keeps what was decided, in
//! transactions, and refuses what would break a promise.
//!
//! | start here | to |
//! |---|---|
//! | [`Store`], [`Txn`] | open a store, and change it in transactions |
//! | [`Engine`] | do the same with a transaction that is open or not |
//! | [`Instance`] | describe one instance and read off its [`Status`] |
//! | [`Store::gc_tick`], [`Collector`] | delete what no replica needs any more |
//! | [`Snapshot::stream_out`], [`Installation`] | rebuild a replica from another |
//! | [`Durability`] | choose when a commit is acknowledged |
//! | [`StoreError`] | see everything that is refused or fails |
//!
//! # Example
//!
//! ```
//! use epaxos_store::{Ballot, Instance, Options, ReplicaId, Status, Store, TxnOptions};
//!
//! # let folder = tempfile::tempdir().unwrap();
//! # let path = folder.path();
//! let me = ReplicaId(3);
//! let store = Store::open(path, &Options::new(me))?;
//! let id = store.reserve_instance_id(me)?;
//! let mut instance = Instance::promised(id, Ballot { number: 1, replica: me });
//! instance.dependencies = Some(Vec::new());
//! store.transact(TxnOptions::default(), |txn| txn.set_instance(&instance))?;
//! drop(store);
//!
//! let store = Store::open(path, &Options::new(me))?;
//! let found = store.engine().get_instance(id)?.expect("it was committed");
//! assert_eq!(found.status(), Status::PreAccepted);
//! assert_eq!(store.get_max_instance_id(me), Some(id));
//! # Ok::<(), epaxos_store::StoreError>(())
//! ```
#![cfg_attr(
    not(test),
    deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)
)]

mod checksum;
mod codec;
mod collector;
mod database;
mod engine;
mod error;
mod failpoint;
mod folder;
mod instance;
mod iter;
mod key;
mod lifecycle;
mod log_scan;
mod meta;
mod options;
mod owned;
mod ranges;
mod rules;
mod snapshot;
mod statistics;
mod status;
mod store;
mod stream;
mod sync;
mod transaction;
mod varint;
mod verify;
mod view;
mod watermark;

pub use crate::codec::{decode_instance, encode_instance};
pub use crate::collector::{Collector, CollectorOptions};
pub use crate::engine::Engine;
pub use crate::error::StoreError;
pub use crate::instance::{Ballot, Command, Dependency, Instance, InstanceId, ReplicaId, Status};
pub use crate::iter::{InstanceIter, Order, RecordIter};
pub use crate::key::{StatusField, StatusKey, instance_from_key, instance_key};
pub use crate::lifecycle::GcReport;
pub use crate::options::{Durability, Isolation, Missing, Options, Recovery, TxnOptions};
pub use crate::ranges::RecordRange;
pub use crate::snapshot::Snapshot;
pub use crate::statistics::{Latencies, Statistics};
pub use crate::store::Store;
pub use crate::stream::{
    Installation, StreamOptions, StreamPosition, StreamReport, inspect_stream,
};
pub use crate::transaction::Txn;
pub use crate::verify::VerifyReport;
pub use crate::watermark::Watermarks;

/// Runs the example of the page that registries show.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
