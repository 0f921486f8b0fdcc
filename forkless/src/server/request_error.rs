//! Why bytes are no request.

/// Why bytes are no request. The text is what clients are told.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RequestError {
    /// The number of words is no number, or too large.
    #[error("Protocol error: invalid multibulk length")]
    WordCount,
    /// The length of a word is no number, or too large.
    #[error("Protocol error: invalid bulk length")]
    WordLength,
    /// Something else stands where a word must begin.
    #[error("Protocol error: expected '$', got '{}'", char::from(*found))]
    NoWord {
        /// What stands there.
        found: u8,
    },
    /// Quotes on a line are not closed, or something follows where they are.
    #[error("Protocol error: unbalanced quotes in request")]
    Quotes,
    /// A line without an end.
    #[error("Protocol error: too big inline request")]
    LongLine,
    /// The head of an array without an end.
    #[error("Protocol error: too big mbulk count string")]
    LongWordCount,
    /// The head of a word without an end.
    #[error("Protocol error: too big bulk count string")]
    LongWordLength,
    /// More words than somebody unknown may send.
    #[error("Protocol error: unauthenticated multibulk length")]
    StrangerWordCount,
    /// A longer word than somebody unknown may send.
    #[error("Protocol error: unauthenticated bulk length")]
    StrangerWordLength,
    /// The whole request is too large.
    #[error("Protocol error: request of more than {bytes_max} bytes")]
    TooLarge {
        /// What it may have.
        bytes_max: usize,
    },
}
