//! Values: how each family is laid out, read and written.

mod hash;
mod layout;
mod list;
mod set;
mod shape;
mod sorted_set;
mod string;
mod value;
mod walk;

pub(crate) use self::layout::Layout;
pub(crate) use self::shape::Shape;
pub(crate) use self::sorted_set::parse_score;
pub use self::value::Value;
pub(crate) use self::walk::{Part, Walk};
