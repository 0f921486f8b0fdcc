//! Refusals: what a client is told instead of a result.

use shard_runtime::ShardError;

/// What a refusal of an unknown command or subcommand quotes of it, in bytes.
pub(crate) const QUOTED_BYTES_MAX: usize = 128;

/// Why a command was not done. The text is the reply, its first word the kind of error, both as
/// Redis 7.0.15 says them.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("WRONGTYPE Operation against a key holding the wrong kind of value")]
    WrongType,
    #[error("ERR syntax error")]
    Syntax,
    #[error("ERR value is not an integer or out of range")]
    NoInteger,
    #[error("ERR value is out of range, must be positive")]
    NotPositive,
    #[error("ERR value is out of range, value must between {min} and {max}")]
    OutOfBounds { min: i32, max: i32 },
    #[error("ERR value is not a valid float")]
    NoFloat,
    #[error("ERR min or max is not a float")]
    NoScoreRange,
    #[error("ERR min or max not valid string range item")]
    NoTextRange,
    #[error("ERR increment or decrement would overflow")]
    Overflow,
    #[error("ERR decrement would overflow")]
    DecrementOverflow,
    #[error("ERR increment would produce NaN or Infinity")]
    FloatOverflow,
    #[error("ERR hash value is not an integer")]
    NoHashInteger,
    #[error("ERR resulting score is not a number (NaN)")]
    NoScore,
    #[error("ERR invalid expire time in '{command}' command")]
    ExpireTime { command: &'static str },
    #[error("ERR string exceeds maximum allowed size (proto-max-bulk-len)")]
    LongString,
    #[error("ERR wrong number of arguments for '{name}' command")]
    Arity { name: String },
    #[error("ERR DB index is out of range")]
    Database,
    #[error("ERR invalid cursor")]
    Cursor,
    #[error("BUSYKEY Target key name already exists.")]
    Busy,
    #[error("ERR Bad data format")]
    BadDump,
    #[error("ERR DUMP payload version or checksum are wrong")]
    DumpFooter,
    #[error("ERR Invalid TTL value, must be >= 0")]
    Ttl,
    #[error("NOAUTH Authentication required.")]
    NoAuth,
    #[error("WRONGPASS invalid username-password pair or user is disabled.")]
    WrongPassword,
    #[error("NOPROTO unsupported protocol version")]
    NoProtocol,
    #[error("ERR Background save already in progress")]
    Saving,
    #[error("READONLY You can't write against a read only replica.")]
    ReadOnly,
    #[error("LOADING forkless is loading the dataset of its master")]
    Loading,
    /// What else there is to say, with its kind, of what a client has sent.
    #[error("{}", String::from_utf8_lossy(.0))]
    Bytes(Vec<u8>),
    /// A shard of the store has failed.
    #[error("ERR the store has failed: {0}")]
    Shards(#[from] ShardError),
    /// What else there is to say, with its kind.
    #[error("{0}")]
    Other(String),
}

impl Refusal {
    /// A refusal of kind `ERR`.
    pub(crate) fn other(text: impl std::fmt::Display) -> Self {
        Self::Other(format!("ERR {text}"))
    }

    /// A refusal of kind `ERR` that quotes a word of the client.
    pub(crate) fn quoting(before: &str, word: &[u8], after: &str) -> Self {
        let parts = [b"ERR ", before.as_bytes(), text_of(word), after.as_bytes()];
        Self::Bytes(parts.concat())
    }

    /// A command has no such subcommand.
    pub(crate) fn subcommand(word: &[u8], command: &str) -> Self {
        Self::of_subcommand("unknown subcommand '", word, command)
    }

    /// The same of a command that counts its subcommands' words itself.
    pub(crate) fn subcommand_or_arity(word: &[u8], command: &str) -> Self {
        let what = "unknown subcommand or wrong number of arguments for '";
        Self::of_subcommand(what, word, command)
    }

    fn of_subcommand(what: &str, word: &[u8], command: &str) -> Self {
        let word = &word[..word.len().min(QUOTED_BYTES_MAX)];
        Self::quoting(what, word, &format!("'. Try {command} HELP."))
    }
}

/// What is quoted of a word: up to its first zero, where a text of C ends.
pub(crate) fn text_of(word: &[u8]) -> &[u8] {
    let end = word.iter().position(|byte| *byte == 0);
    &word[..end.unwrap_or(word.len())]
}
