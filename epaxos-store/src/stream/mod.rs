//! The store as a stream: sent from a snapshot, installed elsewhere or caught up from.

mod catch_up;
mod frame;
mod head;
mod install;
mod receive;
mod send;

pub use crate::stream::head::StreamPosition;
pub use crate::stream::install::Installation;
pub use crate::stream::receive::inspect_stream;
pub use crate::stream::send::{StreamOptions, StreamReport};
