//! Values: how each family is laid out, read and written.

mod array;
mod hash;
mod hash_expiry;
mod layout;
mod list;
mod module;
mod set;
mod shape;
mod skip;
mod sorted_set;
mod stream;
mod string;
mod value;
mod walk;

pub(crate) use self::layout::Layout;
pub(crate) use self::module::skip_items;
pub(crate) use self::shape::Shape;
pub(crate) use self::skip::{skip, skippable};
pub(crate) use self::sorted_set::parse_score;
pub use self::stream::{
    Consumer, ConsumerGroup, EntryFields, Pending, Producer, Producers, Stream, StreamEntry,
    StreamError, StreamFacts, StreamId, StreamPart, StreamRecord,
};
pub(crate) use self::stream::{Form, StreamStep, StreamWalk};
pub use self::value::Value;
pub(crate) use self::walk::{Part, Walk};
