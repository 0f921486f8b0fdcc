//! Which collections are written in one container.

/// Up to which size a collection is written in one compact container, where the target knows it.
///
/// A server loads a container as it is if it is within the server's own thresholds, and takes it
/// apart otherwise. [`SERVERS`](Encodings::SERVERS) are the thresholds that servers have by
/// default. Set single fields to switch off one kind; 0 does. Numbers far above those of servers
/// are cut: 8192 entries, 64 KiB per entry, 1 GiB per node.
///
/// ```
/// use rdb_format::{Compression, Encoder, Encodings, Target};
///
/// let encodings = Encodings { intset_members_max: 0, ..Encodings::SERVERS };
/// let encoder = Encoder::new(Target::Redis72, Compression::None).with_encodings(encodings);
/// # assert_eq!(encoder.target(), Target::Redis72);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Encodings {
    /// Hashes with at most so many fields go into a listpack, from Redis 7.0 on.
    pub hash_fields_max: usize,
    /// Sorted sets with at most so many members go into a listpack, from Redis 7.0 on.
    pub sorted_set_members_max: usize,
    /// Sets with at most so many members go into a listpack, from Redis 7.2 on.
    pub set_members_max: usize,
    /// Sets of at most so many integers go into an intset.
    pub intset_members_max: usize,
    /// A collection stays out of a listpack if a field, value or member is longer than this, in
    /// bytes.
    pub entry_bytes_max: usize,
    /// Lists go into nodes of listpacks of at most so many bytes each, from Redis 7.0 on. Longer
    /// elements get a node each.
    pub list_node_bytes_max: usize,
}

impl Encodings {
    /// Nothing compact: fastest to write.
    pub const PLAIN: Self = Self {
        hash_fields_max: 0,
        sorted_set_members_max: 0,
        set_members_max: 0,
        intset_members_max: 0,
        entry_bytes_max: 0,
        list_node_bytes_max: 0,
    };

    /// As servers do by default: smaller, and faster to load.
    pub const SERVERS: Self = Self {
        hash_fields_max: 512,
        sorted_set_members_max: 128,
        set_members_max: 128,
        intset_members_max: 512,
        entry_bytes_max: 64,
        list_node_bytes_max: 8192,
    };
}

impl Default for Encodings {
    /// [`PLAIN`](Self::PLAIN).
    fn default() -> Self {
        Self::PLAIN
    }
}
