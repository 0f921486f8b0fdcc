//! The server: clients' commands over sockets, done on the shards.
//!
//! ```text
//!  clients           connection threads                     shards
//!  ------- sockets   +------------------------------+       +-------------------------+
//!    ...  <--------> | parser -> desk -> round  ----+-----> | batch: commands of many |
//!                    | connection <- replies <------+------ | connections, in a row   |
//!                    +------------+-----------------+       +-------------------------+
//!                                 | what is for several shards, or the disk    ^
//!                                 v                                            |
//!                    office: transactions, cuts, snapshots --------------------+
//! ```

mod error;
mod number;
mod options;
mod sync;

mod words;

mod quotes;
mod request;
mod request_error;
mod request_limits;

mod refusal;
mod reply;

mod collection;
mod database;
mod role;
mod shard_state;
mod sweep;
mod tally;

mod call;
mod client;
mod command;
mod commands;
mod session;

mod batch;
mod connection;
mod desk;
mod gate;
mod inbox;
mod office;
mod reactor;
mod round;
mod stream;

mod listener;
mod persistence;
mod replication;
mod service;
mod shared;

pub use crate::server::error::ServerError;
pub use crate::server::options::{
    BacklogOnDisk, ReplicationOptions, ServerOptions, SnapshotFiles, Unknown,
};
pub use crate::server::request::{Parsed, RequestParser};
pub use crate::server::request_error::RequestError;
pub use crate::server::request_limits::{RequestLimits, Sender};
pub use crate::server::service::{Server, Stopper};
pub use crate::server::shared::SaveFirst;
pub use crate::server::words::Words;
