//! Every way in which a container or a compressed string can be damaged.

/// Why a compressed string could not be expanded. Positions are bytes from its start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LzfError {
    /// The input stops inside a token.
    #[error("compressed bytes end inside the token at {at}")]
    Truncated {
        /// Where the token starts.
        at: usize,
    },
    /// A token copies from before the start of the output.
    #[error("token at {at} copies from {distance} bytes back, where only {written} are")]
    Distance {
        /// Where the token starts.
        at: usize,
        /// How far back it points, in bytes.
        distance: usize,
        /// Bytes written so far.
        written: usize,
    },
    /// The tokens give more bytes than promised.
    #[error("token at {at} exceeds the promised {expanded} bytes")]
    TooLong {
        /// Where the token starts.
        at: usize,
        /// The promised length, in bytes.
        expanded: usize,
    },
    /// The tokens give fewer bytes than promised, or can never give that many.
    #[error("{compressed} compressed bytes do not give the promised {expanded}")]
    TooShort {
        /// Length of the input, in bytes.
        compressed: usize,
        /// The promised length, in bytes.
        expanded: usize,
    },
}

/// What is wrong with a compact container. Positions are bytes from its start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CompactError {
    /// The container ends inside its header or an entry.
    #[error("entry at {at} reaches past the end of the container")]
    Truncated {
        /// Where the entry starts.
        at: usize,
    },
    /// The header states another size than the container has.
    #[error("header states {stated} bytes, the container has {actual}")]
    Size {
        /// Size in the header, in bytes.
        stated: u64,
        /// Size of the container, in bytes.
        actual: usize,
    },
    /// The header states another number of entries than there are.
    #[error("header states {stated} entries, the container has {actual}")]
    Count {
        /// Count in the header.
        stated: u64,
        /// Entries walked.
        actual: u64,
    },
    /// The header of a ziplist states another place for its last entry.
    #[error("header puts the last entry at {stated}, it is at {actual}")]
    Tail {
        /// Place in the header.
        stated: u64,
        /// Where the last entry is.
        actual: usize,
    },
    /// A byte starts no entry.
    #[error("byte {byte:#04x} at {at} starts no entry")]
    Entry {
        /// Where the byte is.
        at: usize,
        /// The byte.
        byte: u8,
    },
    /// The length by which an entry is found from behind is not the length it has.
    #[error("backward length at {at} is wrong")]
    BackLength {
        /// Where the length is.
        at: usize,
    },
    /// A length is written in more bytes than it needs where readers would disagree about it.
    #[error("length at {at} is written too wide")]
    WideLength {
        /// Where the length is.
        at: usize,
    },
    /// The width of the integers of an intset is not 2, 4 or 8.
    #[error("integers are {width} bytes wide")]
    Width {
        /// The width in the header, in bytes.
        width: u32,
    },
    /// The end mark is missing, or bytes follow it.
    #[error("end mark at {at} is missing or not the last byte")]
    EndMark {
        /// Where the container should end.
        at: usize,
    },
    /// The integers of an intset do not ascend.
    #[error("integer at {at} is not above the one before it")]
    Order {
        /// Where the integer is.
        at: usize,
    },
    /// The last field or member has no value or score.
    #[error("entry at {at} has no partner")]
    Odd {
        /// Where the lonely entry is.
        at: usize,
    },
    /// A field or member occurs twice.
    #[error("entry at {at} repeats an earlier one")]
    Duplicate {
        /// Where the later one is.
        at: usize,
    },
    /// A score is not a number.
    #[error("score at {at} is not a number")]
    Score {
        /// Where the score is.
        at: usize,
    },
    /// When a field expires is missing, no integer, or no time that servers keep.
    #[error("time of expiry at {at} is none")]
    FieldExpiry {
        /// Where the time is.
        at: usize,
    },
    /// A container that must not be empty is.
    #[error("container is empty")]
    Empty,
}
