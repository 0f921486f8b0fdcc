//! Reads what clients send: arrays of byte strings, or lines of words.

use std::num::NonZeroUsize;

use memchr::memchr;

use crate::server::number::parse_integer;
use crate::server::quotes::{is_blank, unquote};
use crate::server::request_error::RequestError;
use crate::server::request_limits::{
    RequestLimits, STRANGER_WORD_BYTES_MAX, STRANGER_WORDS_MAX, Sender,
};
use crate::server::words::{Span, Words};

/// The longest line, and the longest head of an array or of a word, in bytes.
const LINE_BYTES_MAX: usize = 64 << 10;

/// For how many words of a request a parser keeps room until the next one.
const SPANS_KEPT_MAX: usize = 1024;

/// A head that says less than 10,000, in bytes.
const SHORT_HEAD_BYTES: usize = 6;

/// What stands at the begin of the input.
#[derive(Debug)]
pub enum Parsed<'a> {
    /// A request. One without words asks for nothing.
    Request {
        /// Its words.
        words: Words<'a>,
        /// How many bytes of the input it takes.
        bytes: usize,
    },
    /// The begin of one: more must come.
    Incomplete,
}

/// Reads requests of one client, one after the other.
///
/// It is given the input from the begin of a request on, and again with more behind it when that
/// was not all; what it has looked at already it does not look at again. Nothing is allocated from
/// a length that the input only claims.
///
/// ```
/// use forkless::{Parsed, RequestLimits, RequestParser, Sender};
///
/// let mut parser = RequestParser::new(RequestLimits::default());
/// let input = b"*2\r\n$3\r\nGET\r\n$3\r\nkey\r\nPING\r\n";
/// let Parsed::Request { words, bytes } = parser.parse(input, Sender::Known)? else {
///     panic!("it is whole");
/// };
/// assert_eq!((&words[0], &words[1]), (&b"GET"[..], &b"key"[..]));
/// assert_eq!(&input[bytes..], b"PING\r\n");
/// # Ok::<(), forkless::RequestError>(())
/// ```
///
/// # Source
///
/// The protocol's description, and Redis 7.0.15's replies to what is none.
#[derive(Debug)]
pub struct RequestParser {
    limits: RequestLimits,
    /// The words found so far; in `unquoted` if the request is a line.
    spans: Vec<Span>,
    /// The words of a line, without their quotes.
    unquoted: Vec<u8>,
    /// How far the input is read.
    at: usize,
    /// How many words are still to come; `None` between requests.
    missing: Option<NonZeroUsize>,
    /// How many bytes the word has that begins at `at`, if its head is read.
    word_bytes: Option<usize>,
}

impl RequestParser {
    /// For one client.
    pub fn new(limits: RequestLimits) -> Self {
        Self {
            limits,
            spans: Vec::new(),
            unquoted: Vec::new(),
            at: 0,
            missing: None,
            word_bytes: None,
        }
    }

    /// Reads the request at the begin of `input`, which holds all that was given for it before.
    ///
    /// # Errors
    ///
    /// [`RequestError`] when there is none. What follows makes no sense then either.
    #[inline]
    pub fn parse<'a>(
        &'a mut self,
        input: &'a [u8],
        sender: Sender,
    ) -> Result<Parsed<'a>, RequestError> {
        if self.missing.is_none() {
            self.restart();
            match input.first() {
                None => return Ok(Parsed::Incomplete),
                Some(b'*') => {
                    let Some(count) = self.head(input, RequestError::LongWordCount)? else {
                        return Ok(Parsed::Incomplete);
                    };
                    self.missing = self.word_count(count, sender)?;
                }
                Some(_) => return self.line(input),
            }
        }
        while let Some(missing) = self.missing {
            if !self.word(input, sender)? {
                return Ok(Parsed::Incomplete);
            }
            self.missing = NonZeroUsize::new(missing.get() - 1);
        }
        Ok(Parsed::Request {
            words: Words::new(input, &self.spans),
            bytes: self.at,
        })
    }

    /// Forgets what was read of a request, which is then read once more from its begin.
    pub fn restart(&mut self) {
        self.spans.clear();
        // One request of very many words is no reason to keep room for another.
        self.spans.shrink_to(SPANS_KEPT_MAX);
        self.unquoted.clear();
        self.at = 0;
        self.missing = None;
        self.word_bytes = None;
    }

    /// The number in the head that begins at `at`, which is passed; `None` if it is not all there.
    #[inline]
    fn head(
        &mut self,
        input: &[u8],
        too_long: RequestError,
    ) -> Result<Option<Number>, RequestError> {
        let rest = &input[self.at..];
        // Nearly every head is so short that a search in long strides would only cost.
        let mut begin = rest.iter().take(SHORT_HEAD_BYTES);
        let short = begin.position(|byte| *byte == b'\r');
        let Some(len) = short.or_else(|| memchr(b'\r', rest)) else {
            if rest.len() > LINE_BYTES_MAX {
                return Err(too_long);
            }
            return Ok(None);
        };
        if rest.len() < len + 2 {
            return Ok(None);
        }
        // A head may be missing altogether, and its end come first.
        let number = parse_integer(rest.get(1..len).unwrap_or_default());
        self.at += len + 2;
        Ok(Some(number))
    }

    #[inline]
    fn word_count(
        &self,
        count: Number,
        sender: Sender,
    ) -> Result<Option<NonZeroUsize>, RequestError> {
        let count = count.ok_or(RequestError::WordCount)?;
        if count <= 0 {
            return Ok(None);
        }
        let words = usize::try_from(count).map_err(|_| RequestError::WordCount)?;
        if words > self.limits.words_max {
            return Err(RequestError::WordCount);
        }
        if sender == Sender::Stranger && count > STRANGER_WORDS_MAX {
            return Err(RequestError::StrangerWordCount);
        }
        Ok(NonZeroUsize::new(words))
    }

    /// Reads the next word; whether it was all there.
    #[inline]
    fn word(&mut self, input: &[u8], sender: Sender) -> Result<bool, RequestError> {
        let bytes = if let Some(bytes) = self.word_bytes {
            bytes
        } else {
            let first = input.get(self.at).copied();
            let Some(length) = self.head(input, RequestError::LongWordLength)? else {
                return Ok(false);
            };
            let bytes = self.word_length(first, length, sender)?;
            self.word_bytes = Some(bytes);
            bytes
        };
        let end = self.at + bytes;
        if input.len() < end + 2 {
            return Ok(false);
        }
        let start = self.at;
        self.spans.push(Span { start, end });
        self.at = end + 2;
        self.word_bytes = None;
        Ok(true)
    }

    #[inline]
    fn word_length(
        &self,
        first: Option<u8>,
        length: Number,
        sender: Sender,
    ) -> Result<usize, RequestError> {
        if let Some(found) = first.filter(|byte| *byte != b'$') {
            return Err(RequestError::NoWord { found });
        }
        let length = length.ok_or(RequestError::WordLength)?;
        let bytes = usize::try_from(length).map_err(|_| RequestError::WordLength)?;
        if bytes > self.limits.word_bytes_max {
            return Err(RequestError::WordLength);
        }
        if sender == Sender::Stranger && length > STRANGER_WORD_BYTES_MAX {
            return Err(RequestError::StrangerWordLength);
        }
        let bytes_max = self.limits.request_bytes_max;
        if self.at.saturating_add(bytes) > bytes_max {
            return Err(RequestError::TooLarge { bytes_max });
        }
        Ok(bytes)
    }

    /// A request on one line, its words between blanks or quotes.
    fn line<'a>(&'a mut self, input: &'a [u8]) -> Result<Parsed<'a>, RequestError> {
        let Some(len) = memchr(b'\n', input) else {
            if input.len() > LINE_BYTES_MAX {
                return Err(RequestError::LongLine);
            }
            return Ok(Parsed::Incomplete);
        };
        let line = &input[..len];
        let mut rest = line.strip_suffix(b"\r").unwrap_or(line);
        while let Some(start) = rest.iter().position(|byte| !is_blank(*byte)) {
            let begin = self.unquoted.len();
            rest = unquote(&rest[start..], &mut self.unquoted)?;
            let end = self.unquoted.len();
            self.spans.push(Span { start: begin, end });
        }
        Ok(Parsed::Request {
            words: Words::new(&self.unquoted, &self.spans),
            bytes: len + 1,
        })
    }
}

/// What a head says, if that is a number.
type Number = Option<i64>;

#[cfg(test)]
mod tests {
    use super::*;

    fn parser() -> RequestParser {
        RequestParser::new(RequestLimits {
            words_max: 4,
            word_bytes_max: 100,
            request_bytes_max: 150,
        })
    }

    /// All requests in `input`, which comes in pieces of so many bytes.
    fn parse_all(input: &[u8], piece: usize) -> Result<Vec<Vec<Vec<u8>>>, RequestError> {
        let mut parser = parser();
        let mut requests = Vec::new();
        let (mut begin, mut end) = (0, 0);
        loop {
            match parser.parse(&input[begin..end], Sender::Known)? {
                Parsed::Request { words, bytes } => {
                    requests.push(words.iter().map(<[u8]>::to_vec).collect());
                    begin += bytes;
                }
                Parsed::Incomplete if end == input.len() => return Ok(requests),
                Parsed::Incomplete => end = input.len().min(end + piece),
            }
        }
    }

    fn error(input: &[u8]) -> RequestError {
        let whole = parse_all(input, usize::MAX / 2).unwrap_err();
        assert_eq!(parse_all(input, 1).unwrap_err(), whole);
        whole
    }

    fn words(all: &[&str]) -> Vec<Vec<u8>> {
        all.iter().map(|word| word.as_bytes().to_vec()).collect()
    }

    #[test]
    fn requests_are_the_same_in_pieces_of_every_length() {
        let arrays = "*2\r\n$3\r\nGET\r\n$4\r\na\r\nb\r\nPING\r\n*0\r\n*-7\r\n";
        let lines = "\r\n*1\r\n$0\r\n\r\n set 'a b' \"c\\x41\\n\"\n";
        let input = [arrays, lines].concat();
        let input = input.as_bytes();
        let expected = vec![
            words(&["GET", "a\r\nb"]),
            words(&["PING"]),
            words(&[]),
            words(&[]),
            words(&[]),
            words(&[""]),
            words(&["set", "a b", "cA\n"]),
        ];
        for piece in 1..=input.len() {
            assert_eq!(parse_all(input, piece).unwrap(), expected, "{piece}");
        }
    }

    #[test]
    fn what_the_protocol_library_packs_is_read() {
        let packed = redis::cmd("SET")
            .arg(b"key\xff")
            .arg(12)
            .get_packed_command();
        assert_eq!(
            parse_all(&packed, 3).unwrap(),
            [[&b"SET"[..], b"key\xff", b"12"]]
        );
    }

    #[test]
    fn what_is_no_request_says_why() {
        use RequestError as E;
        for (input, expected) in [
            (&b"*x\r\n"[..], E::WordCount),
            (b"*5\r\n", E::WordCount),
            (b"*99999999999999999999\r\n", E::WordCount),
            (b"*1\r\nGET\r\n", E::NoWord { found: b'G' }),
            (b"*1\r\n\r\n", E::NoWord { found: b'\r' }),
            (b"*1\r\n$\r\n", E::WordLength),
            (b"*\r\n", E::WordCount),
            (b"*1\r\n$-1\r\n", E::WordLength),
            (b"*1\r\n$101\r\n", E::WordLength),
            (b"*1\r\n$+1\r\n", E::WordLength),
            (b"'a\r\n", E::Quotes),
            (b"\"a\"b\r\n", E::Quotes),
        ] {
            assert_eq!(error(input), expected, "{}", input.escape_ascii());
        }
    }

    #[test]
    fn request_beyond_its_limit_is_refused_before_it_has_come() {
        let mut input = b"*2\r\n$100\r\n".to_vec();
        input.extend([b'x'; 100]);
        input.extend(b"\r\n$50\r\n");
        assert_eq!(error(&input), RequestError::TooLarge { bytes_max: 150 });
    }

    #[test]
    fn heads_and_lines_without_an_end_are_refused() {
        let long = |head: &[u8]| [head, &vec![b'1'; LINE_BYTES_MAX + 1]].concat();
        let parse = |input: &[u8]| parser().parse(input, Sender::Known).unwrap_err();
        assert_eq!(parse(&long(b"")), RequestError::LongLine);
        assert_eq!(parse(&long(b"*")), RequestError::LongWordCount);
        assert_eq!(parse(&long(b"*1\r\n$")), RequestError::LongWordLength);
    }

    #[test]
    fn strangers_may_send_little() {
        let limits = RequestLimits::default();
        let refused = |input: &[u8]| {
            let mut known = RequestParser::new(limits);
            assert!(matches!(
                known.parse(input, Sender::Known),
                Ok(Parsed::Incomplete)
            ));
            let mut stranger = RequestParser::new(limits);
            stranger.parse(input, Sender::Stranger).unwrap_err()
        };
        assert_eq!(refused(b"*11\r\n"), RequestError::StrangerWordCount);
        assert_eq!(
            refused(b"*1\r\n$16385\r\n"),
            RequestError::StrangerWordLength
        );
    }

    #[test]
    fn room_for_very_many_words_is_given_back() {
        let mut parser = RequestParser::new(RequestLimits::default());
        let input = [&b"*100000\r\n"[..], &b"$0\r\n\r\n".repeat(100_000)].concat();
        let parsed = parser.parse(&input, Sender::Known);
        assert!(matches!(parsed, Ok(Parsed::Request { .. })));
        assert!(parser.spans.capacity() >= 100_000);
        let parsed = parser.parse(b"", Sender::Known);
        assert!(matches!(parsed, Ok(Parsed::Incomplete)));
        assert!(parser.spans.capacity() <= SPANS_KEPT_MAX);
    }

    #[test]
    fn request_that_is_restarted_is_read_once_more() {
        let mut parser = parser();
        let input = b"*1\r\n$4\r\nPING\r\n";
        assert!(matches!(
            parser.parse(&input[..9], Sender::Known),
            Ok(Parsed::Incomplete)
        ));
        parser.restart();
        let parsed = parser.parse(input, Sender::Known);
        assert!(matches!(parsed, Ok(Parsed::Request { bytes: 14, .. })));
    }
}
