//! Every way in which a stream can be wrong although its lengths are right.

use super::id::StreamId;
use crate::error::CompactError;

/// What is wrong with a stream. Positions are bytes from the start of a node's listpack.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StreamError {
    /// The key of a node is not an id.
    #[error("key of a node has {length} bytes instead of 16")]
    NodeKey {
        /// Its length, in bytes.
        length: usize,
    },
    /// The listpack of a node is damaged.
    #[error("listpack of node {node} is damaged")]
    Listpack {
        /// Key of the node.
        node: StreamId,
        /// What is wrong with it.
        source: CompactError,
    },
    /// A node holds no entry, not even a deleted one.
    #[error("node {node} is empty")]
    EmptyNode {
        /// Key of the node.
        node: StreamId,
    },
    /// A record of a node does not have the shape of one.
    #[error("record at {at} of node {node} is malformed")]
    Record {
        /// Key of the node.
        node: StreamId,
        /// Where the wrong entry of the listpack is.
        at: usize,
    },
    /// A node has another number of records, or of deleted ones, than it states.
    #[error("node {node} states {stated} deleted records and has {actual}")]
    Deleted {
        /// Key of the node.
        node: StreamId,
        /// Number stated.
        stated: i64,
        /// Number found.
        actual: i64,
    },
    /// Ids do not ascend.
    #[error("id {id} is not above {last}, which comes before it")]
    Order {
        /// The id.
        id: StreamId,
        /// The id before it.
        last: StreamId,
    },
    /// An id is pending twice in one group.
    #[error("{id} is pending twice in one group")]
    PendingTwice {
        /// The id.
        id: StreamId,
    },
    /// A consumer, or the list of rejected entries, holds an id that is not pending in its group.
    #[error("{id} is not pending in the group of its consumer")]
    NotPending {
        /// The id.
        id: StreamId,
    },
    /// Two consumers hold the same pending id, or one holds it and it is rejected, too.
    #[error("{id} is held twice in one group")]
    HeldTwice {
        /// The id.
        id: StreamId,
    },
    /// A pending id is held by no consumer and is not rejected.
    #[error("{id} is pending, and nobody holds it")]
    HeldByNobody {
        /// The id.
        id: StreamId,
    },
    /// An entry has more bytes than a node can hold.
    #[error("entry {id} has {bytes} bytes, more than the 1 GiB of a node")]
    RecordTooLong {
        /// Its id.
        id: StreamId,
        /// Its size, in bytes.
        bytes: usize,
    },
    /// Two groups, two consumers of one group, or two producers have the same name.
    #[error("two groups, consumers or producers have the same name")]
    Name,
}
