//! Streams: nodes of entries, then consumer groups, then what producers sent.

mod encode;
mod entry;
mod fault;
mod form;
mod id;
mod node;
mod owned;
mod part;
mod pending;
mod pieces;
mod walk;

pub(crate) use self::encode::{encode, losses};
pub use self::entry::{EntryFields, StreamEntry};
pub use self::fault::StreamError;
pub(crate) use self::form::Form;
pub use self::id::StreamId;
pub use self::owned::{Consumer, ConsumerGroup, Producer, Producers, Stream, StreamRecord};
pub use self::part::{Pending, StreamFacts, StreamHistory, StreamPart};
pub(crate) use self::walk::{StreamStep, StreamWalk};
