//! Replies as trees of the bytes that were sent, in both versions of the protocol.

use std::io::{self, BufRead};

/// One reply: its first line, and what stands in it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Frame {
    /// With its kind in front, and its end.
    pub(crate) line: Vec<u8>,
    /// The bytes of a string, with their end.
    pub(crate) body: Vec<u8>,
    /// What an array, a set or a map holds.
    pub(crate) elements: Vec<Frame>,
}

impl Frame {
    pub(crate) fn read(reader: &mut impl BufRead) -> io::Result<Self> {
        let mut line = Vec::new();
        reader.read_until(b'\n', &mut line)?;
        if line.len() < 3 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let number = || -> i64 {
            let text = std::str::from_utf8(&line[1..line.len() - 2]).unwrap();
            text.parse().unwrap()
        };
        let (mut body, mut elements) = (Vec::new(), Vec::new());
        match line[0] {
            b'$' | b'=' if number() >= 0 => {
                body = vec![0; usize::try_from(number()).unwrap() + 2];
                reader.read_exact(&mut body)?;
            }
            b'*' | b'~' | b'>' => {
                for _ in 0..number() {
                    elements.push(Self::read(reader)?);
                }
            }
            b'%' => {
                for _ in 0..2 * number() {
                    elements.push(Self::read(reader)?);
                }
            }
            b'+' | b'-' | b':' | b',' | b'#' | b'_' | b'(' | b'$' | b'=' => {}
            other => panic!("a reply of kind {:?}", char::from(other)),
        }
        Ok(Self {
            line,
            body,
            elements,
        })
    }

    /// As it was sent.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut bytes = [self.line.as_slice(), &self.body].concat();
        for element in &self.elements {
            bytes.extend(element.bytes());
        }
        bytes
    }

    /// The bytes of a string.
    pub(crate) fn text(&self) -> &[u8] {
        self.body.strip_suffix(b"\r\n").unwrap_or_default()
    }

    pub(crate) fn is_error(&self) -> bool {
        self.line[0] == b'-'
    }

    pub(crate) fn is_null(&self) -> bool {
        matches!(self.line.as_slice(), b"_\r\n" | b"$-1\r\n" | b"*-1\r\n")
    }

    /// The integer that it is.
    pub(crate) fn number(&self) -> Option<i64> {
        let digits = self.line.strip_prefix(b":")?.strip_suffix(b"\r\n")?;
        std::str::from_utf8(digits).ok()?.parse().ok()
    }

    /// The same with its elements, in groups of so many, in an order that depends on them alone.
    pub(crate) fn sorted(mut self, group: usize) -> Self {
        let mut groups: Vec<Vec<Self>> =
            self.elements.chunks(group).map(<[Self]>::to_vec).collect();
        groups.sort();
        self.elements = groups.concat();
        self
    }
}
