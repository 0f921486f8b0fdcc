//! Strings in one step each.

use super::{Reader, State};
use crate::options::Values;
use crate::source::Source;

/// A key with its string, as [`Reader::next_string`] gives it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct StringEntry<'a> {
    /// The key.
    pub key: &'a [u8],
    /// The string.
    pub value: &'a [u8],
    /// When it expires, in milliseconds since 1970.
    pub expire_at_ms: Option<i64>,
    /// Where the type byte is, in bytes from the start of the stream.
    pub offset: u64,
}

impl<S: Source> Reader<S> {
    /// The next key, if that is the next thing in the stream, is a plain string, and is at hand
    /// whole: a shortcut past its three events. With `None` nothing has happened, and
    /// [`next_event`](Self::next_event) goes on.
    ///
    /// Files are mostly strings, and three events take longer than what is in them. How often it
    /// gives something depends on where a buffer ends, so it is only for those who handle the
    /// events as well. It never does when limits other than that of a string, or strictness, ask
    /// for a closer look, nor for strings that are stored compressed or as integers, for keys with
    /// other attributes than a time in milliseconds, and inside of another key.
    ///
    /// ```
    /// use rdb_format::{Event, Reader};
    ///
    /// let mut reader = Reader::from_slice(b"REDIS0003\xfe\0\0\x01k\x01v\0\x01n\xc0\x05\xff");
    /// let mut strings = Vec::new();
    /// loop {
    ///     while let Some(string) = reader.next_string() {
    ///         strings.push((string.key.to_vec(), string.value.to_vec()));
    ///     }
    ///     match reader.next_event()? {
    ///         Some(Event::Key(head)) => assert_eq!(head.key, b"n"),
    ///         Some(_) => {}
    ///         None => break,
    ///     }
    /// }
    /// assert_eq!(strings, [(b"k".to_vec(), b"v".to_vec())]);
    /// # Ok::<(), rdb_format::DecodeError>(())
    /// ```
    #[inline]
    pub fn next_string(&mut self) -> Option<StringEntry<'_>> {
        let begins = matches!(self.state, State::Records) && !self.ahead.any;
        if !begins || self.judges || self.values == Values::Raw {
            return None;
        }
        self.input.string_entry()
    }
}
