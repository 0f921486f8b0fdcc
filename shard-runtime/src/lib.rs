//! Threads that own their state, an atomic cut across them, and a channel bounded by bytes.
//!
//! | start here | to |
//! |---|---|
//! | [`ShardSet`] | start shards, send to them, stop them |
//! | [`ShardSet::cut`] | see all shards at one logical moment |
//! | [`ShardSet::transact`] | act on several shards as one, or first look and then act |
//! | [`Task`] | do long work on a shard between its messages |
//! | [`channel`] | pass messages on, bounded by the memory they hold |
//! | `Simulation` (feature `sim`) | run all of it on one thread, as a seed decides |
//! | [`spawn_named`] | start a thread whose panic is an error |
//! | [`ShardError`] | see every way a shard set can fail |
//!
//! # Example
//!
//! ```
//! use shard_runtime::{ShardSet, ShardSetConfig};
//! use std::collections::HashMap;
//! use std::time::Duration;
//!
//! let config = ShardSetConfig { shards: 2, ..ShardSetConfig::default() };
//! let shards = ShardSet::start(config, |_| HashMap::<u64, &str>::new())?;
//! for (hash, word) in [(7, "seven"), (u64::MAX, "all"), (u64::MAX - 1, "most")] {
//!     shards.send(shards.shard_of(hash), move |shard| {
//!         shard.state().insert(hash, word);
//!     })?;
//! }
//! let sizes = shards.cut(Duration::from_mins(1), |shard| shard.state_ref().len())?;
//! assert_eq!(sizes, [1, 2]);
//! # Ok::<(), shard_runtime::ShardError>(())
//! ```

mod error;

mod budget;
mod config;
mod dispatch;
mod durations;
mod gather;
mod runtime;
mod shard;
mod shard_stats;
mod task;
mod task_id;
mod ticket;
mod topology;

mod agenda;
mod counters;
mod cut;
mod cut_stats;
mod fair_share;
mod fate;
mod gathering;
mod inbox;
mod job;
mod mailbox;
#[cfg(planted)]
#[expect(dead_code, reason = "the models activate the bugs")]
mod planted;
mod reply;
mod reply_pool;
mod room;
mod set_id;
mod shard_thread;
mod signal;
mod sync;
mod table;
mod thread;

mod channel;
mod channel_error;
mod monitor;
mod weighted_queue;
mod worker;

#[cfg(all(feature = "sim", not(loom)))]
mod fiber;
#[cfg(all(feature = "sim", not(loom)))]
mod random;
#[cfg(all(feature = "sim", not(loom)))]
mod schedule;
#[cfg(all(feature = "sim", not(loom)))]
mod scheduler;
#[cfg(all(feature = "sim", not(loom)))]
mod simulated;
#[cfg(all(feature = "sim", not(loom)))]
mod simulation;
#[cfg(all(feature = "sim", not(loom)))]
mod simulation_failure;
#[cfg(all(feature = "sim", not(loom)))]
mod trace;

pub use crate::budget::Budget;
pub use crate::channel::{ChannelConfig, Receiver, Sender, Weighted, channel};
pub use crate::channel_error::{
    Cancelled, ReceiverDropped, RecvDeadlineError, SendError, TrySendError,
};
pub use crate::config::ShardSetConfig;
pub use crate::cut_stats::CutStats;
pub use crate::dispatch::WhenFull;
pub use crate::durations::Durations;
pub use crate::error::{NotSent, ShardError};
pub use crate::monitor::Monitor;
pub use crate::runtime::ShardSet;
pub use crate::shard::Shard;
pub use crate::shard_stats::ShardStats;
pub use crate::task::{Step, Task};
pub use crate::task_id::TaskId;
pub use crate::ticket::Ticket;
pub use crate::topology::Pinning;
pub use crate::weighted_queue::ChannelStats;
pub use crate::worker::{Worker, spawn_named};

#[cfg(all(feature = "sim", not(loom)))]
pub use crate::simulated::{
    Condvar as SimulatedCondvar, Mutex as SimulatedMutex, MutexGuard as SimulatedMutexGuard,
};
#[cfg(all(feature = "sim", not(loom)))]
pub use crate::simulation::{Simulated, Simulation, SimulationHandle};
#[cfg(all(feature = "sim", not(loom)))]
pub use crate::simulation_failure::{SimulationCause, SimulationFailure};
#[cfg(all(feature = "sim", not(loom)))]
pub use crate::trace::Trace;

/// The example of the README, run as a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
