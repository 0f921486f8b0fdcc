//! The data types: what a key of the store can hold.

mod elements;
mod opaque;
mod pieces;
mod text;
mod value;

pub(crate) use crate::object::value::Object;
