//! The data types: what a key of the store can hold.

mod elements;
mod opaque;
mod packed;
mod pieces;
mod text;
mod value;

pub(crate) use crate::object::packed::{Packing, holds_listpacks};
pub(crate) use crate::object::value::Object;
