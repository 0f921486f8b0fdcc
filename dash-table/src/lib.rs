//! A Dash hash table: extendible segments, bucket versions, and a hook before every change.
//!
//! A map that never stops to rehash, and of which a consistent snapshot can be taken bucket by
//! bucket while writes go on.
//!
//! | start here | to |
//! |---|---|
//! | [`DashTable`] | use it as a map, with the methods of `HashMap` |
//! | [`DashTable::entry`] | look a key up once, and then decide |
//! | [`Observer`] | be handed each bucket before it changes, with a complete example |
//! | [`DashTable::cut`] | open a cut: the state of this moment will be delivered |
//! | [`DashTable::traverse`] | deliver what writes have not delivered, in small steps |
//! | [`DashTable::scan`] | look through it in small steps, with a number for a cursor |
//! | [`Stats`] | see how full it is, and where entries stand |
//!
//! # Example
//!
//! ```
//! let mut table = dash_table::DashTable::new();
//! table.insert("one", 1);
//! assert_eq!(table.insert("one", 11), Some(1));
//! assert_eq!(table.get("one"), Some(&11));
//! assert_eq!(table.remove("one"), Some(11));
//! assert!(table.is_empty());
//! ```
//!
//! # The hook
//!
//! Whatever lends a `&mut V` or takes an entry out hands the entry's bucket to the observer first,
//! if some cut has not had it: `insert`, `remove`, `get_mut`, `entry`, `iter_mut`, `retain`,
//! `extract_if`, `drain`, `clear`, and the table's own moves. What only looks does not, and neither
//! does the end of a table: dropping it, or [`into_iter`](DashTable#method.into_iter).
//!
//! # Features
//!
//! `std`, on by default, gives the default hasher a better seed; without it the crate is `no_std`
//! and needs `alloc`. `serde` makes a table a map of that crate.

#![cfg_attr(not(any(test, feature = "std")), no_std)]

extern crate alloc;

mod bucket;
mod capacity;
mod clone;
mod collect;
mod compare;
mod cursor;
mod cut;
mod drain;
mod entry;
mod extract_if;
mod insert_many;
mod into_iter;
mod iter;
mod iter_mut;
mod observer;
mod scan;
#[cfg(feature = "serde")]
mod serialize;
mod stats;
mod table;

mod census;
mod directory;
mod error;
mod fingerprint;
mod geometry;
mod group;
mod hash;
mod hook;
mod lookup;
mod marks;
mod merge;
mod placement;
mod planted;
mod position;
mod prefetch;
mod ranges;
mod segment;
mod slot;
mod slot_set;
mod spread;
mod stash;
mod versions;
mod walk;

pub use crate::bucket::Bucket;
pub use crate::cursor::{Cursor, Traversal};
pub use crate::cut::Cut;
pub use crate::drain::Drain;
pub use crate::entry::{Entry, OccupiedEntry, VacantEntry};
pub use crate::error::TryReserveError;
pub use crate::extract_if::ExtractIf;
pub use crate::hash::DefaultHashBuilder;
pub use crate::into_iter::{IntoIter, IntoKeys, IntoValues};
pub use crate::iter::{Iter, Keys, Values};
pub use crate::iter_mut::{IterMut, ValuesMut};
pub use crate::observer::Observer;
#[cfg(planted)]
pub use crate::planted::Bug;
pub use crate::prefetch::prefetch;
pub use crate::stats::Stats;
pub use crate::table::DashTable;

#[cfg(test)]
extern crate self as dash_table;
#[cfg(test)]
mod tiny;

/// Runs the README's example as a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
