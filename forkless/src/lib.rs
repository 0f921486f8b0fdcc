//! The data types of `forkless`, collections that can be frozen in O(1) and written to meanwhile,
//! and its server.
//!
//! The program `forkless` stands on them; who builds a store of their own can use the types as the
//! values of a [`snapshot::Keyspace`].
//!
//! | start here | to |
//! |---|---|
//! | [`Object`] | hold any value, with its time to expire |
//! | [`List`], [`Set`], [`SortedSet`] | hold a collection, and change it element by element |
//! | [`Hash`](struct@Hash), [`Stream`] | hold fields, or entries with ids, in the same way |
//! | [`Packed`] | keep a small collection as a file had it, until somebody looks |
//! | [`Opaque`] | keep what is neither, such as a module's value, as a file has it |
//! | [`Text`] | hold bytes |
//! | [`Server`] | serve keys over sockets, and take snapshots of them meanwhile |
//! | [`RequestParser`] | read what clients of such a server send |
//! | [`Glob`] | match keys with patterns |
//!
//! # Example
//!
//! ```
//! use forkless::{Object, Set};
//! use snapshot::{Key, Keyspace};
//!
//! let mut keyspace = Keyspace::new();
//! let set: Set = [b"a"[..].into(), b"b"[..].into()].into_iter().collect();
//! keyspace.database(0).insert(Key::from(&b"letters"[..]), Object::Set(Box::new(set)));
//! // Whoever asks for a value to change it has its bucket delivered to open snapshots first.
//! if let Some(Object::Set(set)) = keyspace.database(0).get_mut(&b"letters"[..]) {
//!     assert!(set.insert(b"c"[..].into()));
//! }
//! ```
//!
//! # How it works
//!
//! A collection is a tree of chunks: up to 64 elements, or 8 KiB, each. A frozen view shares all
//! of them. A write copies the chunk that it touches, and the nodes above it, while a view still
//! shares them; the copied bytes count against the snapshot's budget. The view lets go of each
//! chunk when it has been encoded.
#![forbid(unsafe_code)]

mod glob;
mod object;
mod resident;
mod server;

pub use crate::glob::Glob;
#[cfg(planted)]
pub use crate::object::Bug;
pub use crate::object::{
    AppendError, Expiring, Hash, List, Object, Opaque, Packed, Set, SortedSet, Stream, Text,
};
pub use crate::server::{
    BacklogOnDisk, Parsed, ReplicationOptions, RequestError, RequestLimits, RequestParser,
    SaveFirst, Sender, Server, ServerError, ServerOptions, SnapshotFiles, Stopper, Unknown, Words,
};
