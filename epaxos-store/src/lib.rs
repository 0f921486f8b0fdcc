//! What a replica of Egalitarian Paxos must not lose: its instances, and the keys they go under.
//!
//! This version holds the data types and their keys. They do no I/O and know no consensus
//! protocol: a replica decides, these types say what its decisions look like on disk.
//!
//! | start here | to |
//! |---|---|
//! | [`Instance`] | describe one instance and read off its [`Status`] |
//! | [`Ballot`] | compare ballots, as values or as bytes |
//! | [`instance_key`], [`StatusKey`] | lay them out so that byte order is numeric order |
//! | [`StoreError`] | see everything that is refused |
//!
//! # Example
//!
//! ```
//! use epaxos_store::{Ballot, Command, Instance, InstanceId, ReplicaId, Status};
//! use epaxos_store::{instance_from_key, instance_key};
//!
//! let id = InstanceId { replica: ReplicaId(3), index: 7 };
//! let ballot = Ballot { number: 0, replica: ReplicaId(3) };
//! let mut instance = Instance::promised(id, ballot);
//! assert_eq!(instance.status(), Status::NotSeen);
//!
//! instance.commands = vec![Command::Set { key: b"x".to_vec(), value: b"1".to_vec() }];
//! instance.dependencies = Some(Vec::new());
//! instance.check()?;
//! assert_eq!(instance.status(), Status::PreAccepted);
//!
//! assert_eq!(instance_from_key(&instance_key(id))?, id);
//! # Ok::<(), epaxos_store::StoreError>(())
//! ```
#![forbid(unsafe_code)]
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

mod error;
mod instance;
mod key;

pub use crate::error::StoreError;
pub use crate::instance::{Ballot, Command, Dependency, Instance, InstanceId, ReplicaId, Status};
pub use crate::key::{StatusField, StatusKey, instance_from_key, instance_key};

/// Runs the example of the page that registries show.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
