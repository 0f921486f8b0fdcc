//! Streams, whose first node is put right, so that the walk reaches its records.
//!
//! | bytes | are |
//! |---|---|
//! | 0 | the form, and whether there is a node that is put right |
//! | 1 | length of the entries of its listpack |
//! | then | the entries, and after them whatever follows the first node |

use rdb_format::{Checksum, DecodeError, ReadOptions, Reader, Source, Strictness, Tombstones};

/// The numbers of the five forms.
const FORMS: [u8; 5] = [15, 19, 21, 26, 27];

/// The whole file for some bytes, as the table above says.
pub(crate) fn file(bytes: &[u8]) -> Option<Vec<u8>> {
    let ([form, length], rest) = bytes.split_first_chunk()?;
    let number = FORMS[usize::from(form % 8) % FORMS.len()];
    let mut file = b"REDIS0014".to_vec();
    file.extend([number, 1, b's']);
    if form & 8 == 0 {
        let (entries, after) = rest.split_at_checked(usize::from(*length))?;
        // One node more follows where a bit says so.
        file.extend([1 + (form >> 4 & 1), 16]);
        file.extend([0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0, 1]);
        let size = entries.len() + 7;
        let [low, high, ..] = size.to_le_bytes();
        // A string of 14 bits of length, then the head of a listpack that does not know its count.
        file.extend([0x40 | high, low, low, high, 0, 0, 0xff, 0xff]);
        file.extend_from_slice(entries);
        file.push(0xff);
        file.extend_from_slice(after);
    } else {
        file.extend_from_slice(rest);
    }
    Some(file)
}

fn transcript<S: Source>(reader: Reader<S>, strictness: Strictness) -> (Vec<String>, bool) {
    let options = ReadOptions {
        checksum: Checksum::Ignore,
        tombstones: Tombstones::Keep,
        strictness,
        ..ReadOptions::default()
    };
    let mut reader = reader.with_options(options);
    let mut events = Vec::new();
    loop {
        match reader.next_event() {
            Ok(Some(event)) => events.push(format!("{event:?}")),
            Ok(None) => return (events, true),
            Err(error) => {
                assert!(!matches!(error, DecodeError::Stopped { .. }));
                events.push(format!("{error:?}"));
                return (events, false);
            }
        }
    }
}

pub(crate) fn check(bytes: &[u8]) {
    let Some(file) = file(bytes) else { return };
    let lenient = transcript(Reader::from_slice(&file), Strictness::Lenient);
    assert_eq!(
        transcript(Reader::new(file.as_slice()), Strictness::Lenient),
        lenient
    );
    let (events, whole) = transcript(Reader::from_slice(&file), Strictness::Strict);
    if whole {
        assert_eq!((events, whole), lenient);
    }
}
