//! The data types: what a key of the store can hold.

mod delta;
mod grown;
mod hash;
mod hashed;
mod list;
mod log;
mod opaque;
mod packed;
mod pieces;
#[cfg(planted)]
mod planted;
mod set;
mod sorted_set;
mod stream;
mod text;
mod tree;
mod value;

pub use crate::object::hash::Hash;
pub use crate::object::list::List;
pub use crate::object::opaque::Opaque;
pub use crate::object::packed::Packed;
#[cfg(planted)]
pub use crate::object::planted::Bug;
pub use crate::object::set::Set;
pub use crate::object::sorted_set::SortedSet;
pub use crate::object::stream::{AppendError, Stream};
pub use crate::object::text::Text;
pub use crate::object::value::{Expiring, Object};
