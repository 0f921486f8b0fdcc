//! How much a request may hold, and how little a stranger's.

/// How much a request may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestLimits {
    /// Words, at most.
    pub words_max: usize,
    /// Bytes of one word, at most.
    pub word_bytes_max: usize,
    /// Bytes of the whole request as it is sent, at most.
    pub request_bytes_max: usize,
}

impl Default for RequestLimits {
    /// A million words, 512 MiB in one of them, 1 GiB in all.
    fn default() -> Self {
        Self {
            words_max: 1 << 20,
            word_bytes_max: 512 << 20,
            request_bytes_max: 1 << 30,
        }
    }
}

/// Who sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sender {
    /// Somebody who may use the store.
    Known,
    /// Somebody who has yet to say the password, and may send little until then.
    Stranger,
}

/// What a client that has not said its password may send: words of a request.
pub(crate) const STRANGER_WORDS_MAX: i64 = 10;

/// What a client that has not said its password may send: bytes of a word.
pub(crate) const STRANGER_WORD_BYTES_MAX: i64 = 16 << 10;
