//! Replies in the two versions of the protocol.

use std::fmt::Display;
use std::io::Write;

use crate::server::number::{append_float, append_integer};
use crate::server::refusal::Refusal;

/// The version of the protocol that a client speaks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// RESP2, which every client begins with.
    #[default]
    Two,
    /// RESP3, which a client asks for with HELLO.
    Three,
}

/// Writes one reply behind others.
#[derive(Debug)]
pub(crate) struct Reply<'a> {
    out: &'a mut Vec<u8>,
    protocol: Protocol,
}

impl<'a> Reply<'a> {
    pub(crate) fn new(out: &'a mut Vec<u8>, protocol: Protocol) -> Self {
        Self { out, protocol }
    }

    /// The version it is written in.
    pub(crate) fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// `OK`.
    #[inline]
    pub(crate) fn ok(&mut self) {
        self.out.extend_from_slice(b"+OK\r\n");
    }

    /// A short text of ours, without line ends.
    pub(crate) fn simple(&mut self, text: &str) {
        self.line(b'+', text.as_bytes());
    }

    /// An error, whose first word is its kind. Line ends, which would end it, become blanks.
    pub(crate) fn error(&mut self, error: &dyn Display) {
        let start = self.out.len();
        // Writing to a vector does not fail.
        drop(write!(self.out, "-{error}"));
        for byte in &mut self.out[start..] {
            if matches!(*byte, b'\r' | b'\n') {
                *byte = b' ';
            }
        }
        self.out.extend_from_slice(b"\r\n");
    }

    /// What is said instead of a result.
    pub(crate) fn refusal(&mut self, refusal: &Refusal) {
        match refusal {
            Refusal::Bytes(bytes) => self.error_bytes(bytes),
            other => self.error(other),
        }
    }

    /// An error whose text may hold any bytes.
    pub(crate) fn error_bytes(&mut self, error: &[u8]) {
        let tame = |byte: &u8| {
            if matches!(*byte, b'\r' | b'\n') {
                b' '
            } else {
                *byte
            }
        };
        self.out.push(b'-');
        self.out.extend(error.iter().map(tame));
        self.out.extend_from_slice(b"\r\n");
    }

    /// An integer.
    #[inline]
    pub(crate) fn integer(&mut self, value: i64) {
        self.out.push(b':');
        append_integer(self.out, value);
        self.out.extend_from_slice(b"\r\n");
    }

    /// How many of something there are.
    #[inline]
    pub(crate) fn count(&mut self, count: usize) {
        self.head(b':', count);
    }

    /// 1 for yes, 0 for no.
    pub(crate) fn flag(&mut self, yes: bool) {
        self.integer(i64::from(yes));
    }

    /// Any bytes.
    #[inline]
    pub(crate) fn bulk(&mut self, bytes: &[u8]) {
        self.head(b'$', bytes.len());
        self.out.extend_from_slice(bytes);
        self.out.extend_from_slice(b"\r\n");
    }

    /// Any bytes, or nothing.
    #[inline]
    pub(crate) fn bulk_or_null(&mut self, bytes: Option<&[u8]>) {
        match bytes {
            Some(bytes) => self.bulk(bytes),
            None => self.null(),
        }
    }

    /// Nothing, where a value would stand.
    #[inline]
    pub(crate) fn null(&mut self) {
        self.out.extend_from_slice(match self.protocol {
            Protocol::Two => b"$-1\r\n",
            Protocol::Three => b"_\r\n",
        });
    }

    /// Nothing, where an array would stand.
    pub(crate) fn null_array(&mut self) {
        self.out.extend_from_slice(match self.protocol {
            Protocol::Two => b"*-1\r\n",
            Protocol::Three => b"_\r\n",
        });
    }

    /// A floating point number.
    pub(crate) fn double(&mut self, value: f64) {
        let mut text = Vec::new();
        append_float(&mut text, value);
        match self.protocol {
            Protocol::Two => self.bulk(&text),
            Protocol::Three => self.line(b',', &text),
        }
    }

    /// Text for people.
    pub(crate) fn text(&mut self, text: &str) {
        match self.protocol {
            Protocol::Two => self.bulk(text.as_bytes()),
            Protocol::Three => {
                self.head(b'=', text.len() + "txt:".len());
                self.out.extend_from_slice(b"txt:");
                self.out.extend_from_slice(text.as_bytes());
                self.out.extend_from_slice(b"\r\n");
            }
        }
    }

    /// The head of an array; so many elements follow.
    pub(crate) fn array(&mut self, elements: usize) {
        self.head(b'*', elements);
    }

    /// The head of a set; so many members follow.
    pub(crate) fn set(&mut self, members: usize) {
        match self.protocol {
            Protocol::Two => self.head(b'*', members),
            Protocol::Three => self.head(b'~', members),
        }
    }

    /// The head of a map; so many pairs of key and value follow.
    pub(crate) fn map(&mut self, pairs: usize) {
        match self.protocol {
            Protocol::Two => self.head(b'*', 2 * pairs),
            Protocol::Three => self.head(b'%', pairs),
        }
    }

    /// What was written as a reply elsewhere.
    pub(crate) fn raw(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
    }

    fn head(&mut self, kind: u8, number: usize) {
        self.out.push(kind);
        append_integer(self.out, i64::try_from(number).unwrap_or(i64::MAX));
        self.out.extend_from_slice(b"\r\n");
    }

    fn line(&mut self, kind: u8, text: &[u8]) {
        self.out.push(kind);
        self.out.extend_from_slice(text);
        self.out.extend_from_slice(b"\r\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(protocol: Protocol, write: impl FnOnce(&mut Reply<'_>)) -> String {
        let mut out = Vec::new();
        write(&mut Reply::new(&mut out, protocol));
        String::from_utf8(out).unwrap()
    }

    fn both(write: fn(&mut Reply<'_>)) -> [String; 2] {
        [
            written(Protocol::Two, write),
            written(Protocol::Three, write),
        ]
    }

    #[test]
    fn versions_differ_where_the_third_has_types_of_its_own() {
        assert_eq!(
            both(|reply: &mut Reply<'_>| reply.null()),
            ["$-1\r\n", "_\r\n"]
        );
        assert_eq!(
            both(|reply: &mut Reply<'_>| reply.null_array()),
            ["*-1\r\n", "_\r\n"]
        );
        assert_eq!(both(|reply| reply.map(2)), ["*4\r\n", "%2\r\n"]);
        assert_eq!(both(|reply| reply.set(2)), ["*2\r\n", "~2\r\n"]);
        assert_eq!(
            both(|reply| reply.double(0.5)),
            ["$3\r\n0.5\r\n", ",0.5\r\n"]
        );
        assert_eq!(
            both(|reply| reply.text("hi")),
            ["$2\r\nhi\r\n", "=6\r\ntxt:hi\r\n"]
        );
    }

    #[test]
    fn the_rest_is_the_same_in_both() {
        for [two, three] in [
            both(|reply| reply.integer(-12)),
            both(|reply| reply.bulk(b"a\r\nb")),
            both(|reply| reply.error(&"ERR line\r\nend")),
            both(|reply| reply.array(3)),
        ] {
            assert_eq!(two, three);
        }
        assert_eq!(
            written(Protocol::Two, |reply| reply.error(&"ERR a\nb")),
            "-ERR a b\r\n"
        );
        assert_eq!(
            written(Protocol::Two, |reply| reply.bulk(b"")),
            "$0\r\n\r\n"
        );
    }
}
