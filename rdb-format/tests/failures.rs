//! Streams that must not be read, and what is said about them.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use rdb_format::{Checksum, DecodeError, Entry, Limits, ReadOptions, Reader, Source};

const PLAIN: &[u8] = include_bytes!("fixtures/plain.rdb");

fn entries<S: Source>(mut reader: Reader<S>) -> Result<Vec<Entry>, DecodeError> {
    std::iter::from_fn(|| reader.next_entry().transpose()).collect()
}

/// A whole stream with one key `k`, of a type and with a body.
fn stream(value_type: u8, body: &[u8]) -> Vec<u8> {
    [
        b"REDIS0012",
        &[value_type][..],
        b"\x01k",
        body,
        &[0xff],
        &[0; 8],
    ]
    .concat()
}

fn failure(bytes: &[u8]) -> String {
    let fail = |error: DecodeError| {
        let source = std::error::Error::source(&error).map(|cause| format!(": {cause}"));
        format!("{error}{}", source.unwrap_or_default())
    };
    let from_slice = fail(entries(Reader::from_slice(bytes)).unwrap_err());
    let from_read = fail(entries(Reader::new(bytes)).unwrap_err());
    assert_eq!(from_slice, from_read);
    from_slice
}

/// Streams with one key, and what is said of them.
const BODIES: &[(u8, &[u8], &str)] = &[
    (1, b"\xc0\x01", "byte 12: 0xc0 starts no length"),
    (0, b"\xc4\x01", "byte 12: 0xc4 starts no string"),
    (0, b"\x82\x01", "byte 12: 0x82 starts no length"),
    (8, b"", "byte 9: 8 is neither an opcode nor a value type"),
    (
        6,
        b"",
        "byte 9: key \"k\" has type 6 (module), which is not supported",
    ),
    (
        18,
        b"\x01\x03\x01a",
        "byte 13: quicklist node is of unknown kind 3",
    ),
    (3, b"\x01\x01a\xfd", "byte 15: score is not a number"),
    (
        5,
        b"\x01\x01a\0\0\0\0\0\0\xf8\x7f",
        "byte 15: score is not a number",
    ),
    (
        16,
        b"\x0a\x0a\0\0\0\x01\0\x81a\x02\xff",
        "byte 12: listpack is damaged: entry at 6 has no partner",
    ),
    (
        0,
        b"\xc3\x02\x05\x03ab",
        "byte 12: compressed string is damaged: compressed bytes end inside the token at 0",
    ),
];

/// Whole streams, and what is said of them.
const STREAMS: &[(&[u8], &str)] = &[
    (b"REDIS", "byte 5: input ends here, 4 bytes short"),
    (b"REDIX0009", NO_MAGIC),
    (b"REDIS00a9", NO_MAGIC),
    (b"REDIS0000", NO_MAGIC),
    (
        b"REDIS0009\0\x01k\x14short",
        "byte 18: input ends here, 15 bytes short",
    ),
    (b"VALKEY081\xf2\x01", "byte 9: opcode 242 is not supported"),
    (
        b"REDIS0009\xfe\x81\0\0\0\x01\0\0\0\0",
        "byte 10: database number 4294967296 is out of range",
    ),
    (
        b"REDIS0009\xf7\x01\x02\x01\x06",
        "byte 13: module item has unknown opcode 6",
    ),
];

const NO_MAGIC: &str = "byte 0: input starts with neither REDIS nor VALKEY and a version number";

#[test]
fn failures_say_what_is_wrong_and_where() {
    for (value_type, body, said) in BODIES {
        assert_eq!(failure(&stream(*value_type, body)), *said);
    }
    for (bytes, said) in STREAMS {
        assert_eq!(failure(bytes), *said);
    }
}

#[test]
fn a_wrong_checksum_is_an_error_unless_ignored() {
    let mut damaged = PLAIN.to_vec();
    let at = damaged.len() - 12;
    damaged[at] ^= 1;
    let error = entries(Reader::from_slice(&damaged)).unwrap_err();
    let stored = u64::from_le_bytes(PLAIN[PLAIN.len() - 8..].try_into().unwrap());
    assert!(
        matches!(error, DecodeError::Checksum { stored: s, .. } if s == stored),
        "{error}"
    );
    let options = ReadOptions {
        checksum: Checksum::Ignore,
        ..ReadOptions::default()
    };
    entries(Reader::from_slice(&damaged).with_options(options)).unwrap();
}

#[test]
fn a_failed_reader_does_not_go_on() {
    let bytes = stream(8, b"");
    let mut reader = Reader::from_slice(&bytes);
    assert!(reader.next_event().is_ok());
    assert!(matches!(
        reader.next_event(),
        Err(DecodeError::UnknownType { .. })
    ));
    assert!(matches!(
        reader.next_event(),
        Err(DecodeError::Stopped { .. })
    ));
    assert!(matches!(
        reader.next_entry(),
        Err(DecodeError::Stopped { .. })
    ));
}

#[test]
fn lies_about_lengths_cost_nothing() {
    let huge = b"\x81\x00\x00\x00\x00\xff\xff\xff\xff";
    for value_type in [0, 1, 2, 3, 4, 5, 9, 10, 11, 12, 13, 14, 16, 17, 18, 20] {
        let error = entries(Reader::new(stream(value_type, huge).as_slice())).unwrap_err();
        assert!(!error.to_string().is_empty());
    }
    // One byte can give 88 at most, whatever the header promises.
    let bomb = b"\xc3\x03\x80\xff\xff\xff\xff\x00a\xe0";
    assert_eq!(
        failure(&stream(0, bomb)),
        "byte 12: compressed string is damaged: 3 compressed bytes do not give the promised \
         4294967295"
    );
}

#[test]
fn limits_are_kept() {
    let options = ReadOptions {
        limits: Limits {
            string_bytes_max: 4,
            ..Limits::default()
        },
        ..ReadOptions::default()
    };
    let bytes = stream(0, b"\x05hello");
    let error = entries(Reader::from_slice(&bytes).with_options(options)).unwrap_err();
    assert!(
        matches!(
            error,
            DecodeError::TooLong {
                offset: 12,
                length: 5,
                limit: 4
            }
        ),
        "{error}"
    );
    let bytes = stream(0, b"\xc3\x04\x07\x00a\x80\x00");
    let error = entries(Reader::from_slice(&bytes).with_options(options)).unwrap_err();
    assert!(
        matches!(
            error,
            DecodeError::TooLong {
                offset: 12,
                length: 7,
                limit: 4
            }
        ),
        "{error}"
    );
}
