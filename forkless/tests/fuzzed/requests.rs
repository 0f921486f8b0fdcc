//! What must hold of any bytes that a client sends.

use forkless::{Parsed, RequestError, RequestLimits, RequestParser, Sender};

/// Small, so that inputs reach them.
const LIMITS: RequestLimits = RequestLimits {
    words_max: 64,
    word_bytes_max: 512,
    request_bytes_max: 2048,
};

type Requests = Vec<Vec<Vec<u8>>>;

/// The requests in `input`, which comes in pieces of so many bytes, how many bytes they take, and
/// why what follows is none.
fn requests(input: &[u8], piece: usize, sender: Sender) -> (Requests, usize, Option<RequestError>) {
    let mut parser = RequestParser::new(LIMITS);
    let mut found = Vec::new();
    let (mut begin, mut end) = (0, 0);
    loop {
        match parser.parse(&input[begin..end], sender) {
            Ok(Parsed::Request { words, bytes }) => {
                assert!(bytes > 0 && bytes <= end - begin);
                assert!(words.len() <= LIMITS.words_max.max(bytes));
                let sum: usize = words.iter().map(<[u8]>::len).sum();
                assert!(sum <= bytes, "words are no longer than what they are in");
                found.push(words.iter().map(<[u8]>::to_vec).collect());
                begin += bytes;
            }
            Ok(Parsed::Incomplete) if end == input.len() => return (found, begin, None),
            Ok(Parsed::Incomplete) => end = input.len().min(end.saturating_add(piece)),
            Err(error) => return (found, begin, Some(error)),
        }
    }
}

/// A request as clients pack it.
fn pack(words: &[Vec<u8>]) -> Vec<u8> {
    let mut packed = format!("*{}\r\n", words.len()).into_bytes();
    for word in words {
        packed.extend(format!("${}\r\n", word.len()).into_bytes());
        packed.extend_from_slice(word);
        packed.extend_from_slice(b"\r\n");
    }
    packed
}

/// The same requests are found in pieces of any length, and found again when they are packed.
pub(crate) fn check(bytes: &[u8]) {
    for sender in [Sender::Known, Sender::Stranger] {
        let whole = requests(bytes, usize::MAX, sender);
        for piece in [1, 2, 7] {
            assert_eq!(
                requests(bytes, piece, sender),
                whole,
                "in pieces of {piece}"
            );
        }
        if sender == Sender::Known {
            let fits = |words: &&Vec<Vec<u8>>| {
                let bytes: usize = words.iter().map(|word| word.len() + 16).sum();
                words.len() <= LIMITS.words_max
                    && words.iter().all(|word| word.len() <= LIMITS.word_bytes_max)
                    && bytes < LIMITS.request_bytes_max
            };
            for words in whole.0.iter().filter(fits) {
                let packed = pack(words);
                let (again, taken, error) = requests(&packed, usize::MAX, sender);
                assert_eq!((again, error), (vec![words.clone()], None));
                assert_eq!(taken, packed.len());
            }
        }
    }
}
