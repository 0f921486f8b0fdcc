//! Trees: long sequences in small chunks, which frozen views share.

mod branch;
mod iter;
mod passed;
mod sequence;
mod view;

pub(crate) use crate::object::tree::branch::Element;
pub(crate) use crate::object::tree::iter::Iter;
pub(crate) use crate::object::tree::sequence::Tree;
pub(crate) use crate::object::tree::view::View;
