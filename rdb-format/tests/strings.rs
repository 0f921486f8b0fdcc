//! Strings in one step each. That they are what events say is for `fuzzed/events.rs`.

use rdb_format::{DecodeError, Event, Limits, ReadOptions, Reader, Source, Strictness, Values};

/// Two strings, a list and a string, with what may stand before them.
const STREAM: &[u8] =
    b"REDIS0003\xfe\0\0\x03one\x011\xfc\x39\x05\0\0\0\0\0\0\0\x03two\x80\0\0\0\x012\
    \x01\x04list\x01\x01a\xfc\xff\xff\xff\xff\xff\xff\xff\xff\0\x40\x05three\x40\x013\xff";

/// Reads a stream; gives the strings that came in one step: key, value, expiry, offset.
fn strings<S: Source>(mut reader: Reader<S>) -> Result<Vec<String>, DecodeError> {
    let mut strings = Vec::new();
    loop {
        while let Some(string) = reader.next_string() {
            strings.push(format!(
                "{} {} {:?} {}",
                string.key.escape_ascii(),
                string.value.escape_ascii(),
                string.expire_at_ms,
                string.offset
            ));
        }
        if reader.next_event()?.is_none() {
            return Ok(strings);
        }
    }
}

#[test]
fn strings_come_with_all_that_is_said_of_them() {
    let expected = ["one 1 None 11", "two 2 Some(1337) 27", "three 3 None 56"];
    assert_eq!(strings(Reader::from_slice(STREAM)).unwrap(), expected);
    assert_eq!(strings(Reader::new(STREAM)).unwrap(), expected);
}

#[test]
fn nothing_comes_before_the_header_or_inside_of_a_key() {
    let mut reader = Reader::from_slice(STREAM);
    assert_eq!(reader.next_string(), None);
    while !matches!(reader.next_event().unwrap(), Some(Event::SelectDb(_))) {
        assert_eq!(reader.next_string(), None);
    }
    assert!(matches!(reader.next_event(), Ok(Some(Event::Key(_)))));
    assert_eq!(reader.next_string(), None);
    assert!(matches!(reader.next_event(), Ok(Some(Event::Element(_)))));
    assert_eq!(reader.next_string(), None);
    assert!(matches!(
        reader.next_event(),
        Ok(Some(Event::KeyEnd { .. }))
    ));
    assert_eq!(reader.next_string().unwrap().key, b"two");
}

#[test]
fn nothing_is_lost_where_a_string_is_not_at_hand_or_not_plain() {
    for stream in [
        // How long it was idle, an integer, an expiry in seconds.
        &b"REDIS0003\xf8\x05\0\x01k\x01v\xff"[..],
        b"REDIS0003\0\x01k\xc0\x05\xff",
        b"REDIS0003\xfd\x05\0\0\0\0\x01k\x01v\xff",
    ] {
        assert_eq!(strings(Reader::from_slice(stream)).unwrap(), [""; 0]);
    }
    let cut = &b"REDIS0003\0\x01k\x05v"[..];
    let error = strings(Reader::from_slice(cut)).unwrap_err();
    assert!(matches!(error, DecodeError::Truncated { .. }), "{error}");
}

#[test]
fn who_asks_for_a_closer_look_gets_events() {
    let limited = |limits| ReadOptions {
        limits,
        ..ReadOptions::default()
    };
    let strict = ReadOptions {
        strictness: Strictness::Strict,
        ..ReadOptions::default()
    };
    let raw = ReadOptions {
        values: Values::Raw,
        ..ReadOptions::default()
    };
    let elements = limited(Limits {
        elements_max: 100,
        ..Limits::default()
    });
    for options in [strict, raw, elements] {
        let reader = Reader::from_slice(STREAM).with_options(options);
        assert_eq!(strings(reader).unwrap(), [""; 0]);
    }
    let short = limited(Limits {
        string_bytes_max: 4,
        ..Limits::default()
    });
    let error = strings(Reader::from_slice(STREAM).with_options(short)).unwrap_err();
    let expected = "TooLong { offset: 57, length: 5, limit: 4 }";
    assert_eq!(format!("{error:?}"), expected);
}
