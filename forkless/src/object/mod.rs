//! The data types: what a key of the store can hold.

mod elements;
mod pieces;
mod text;
mod value;

pub(crate) use crate::object::value::Object;
