//! Values: how each family is laid out, read and written.

mod array;
mod frame;
mod hash;
mod hash_expiry;
mod layout;
mod list;
mod pack;
mod packed;
mod set;
mod shape;
mod sorted_set;
mod stream;
mod string;
mod template;
mod uncommon;
mod value;
mod walk;

pub use self::array::Array;
pub(crate) use self::frame::Frame;
pub(crate) use self::hash_expiry::REDIS_EXPIRE_AT_MS;
pub(crate) use self::layout::Layout;
pub(crate) use self::shape::Shape;
pub(crate) use self::sorted_set::parse_score;
pub use self::stream::{
    Consumer, ConsumerGroup, EntryFields, Pending, Producer, Producers, Stream, StreamEntry,
    StreamError, StreamFacts, StreamHistory, StreamId, StreamPart, StreamRecord,
};
pub(crate) use self::stream::{Form, StreamStep, StreamWalk};
pub(crate) use self::template::Templates;
pub use self::value::Value;
pub(crate) use self::walk::{Part, Walk};
