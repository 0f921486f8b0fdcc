//! The reader, event by event: a slice and a stream of the same bytes give the same, and so do
//! strings that come in one step.

use std::io::{self, Read};

use rdb_format::{
    Checksum, Element, Event, Limits, ReadOptions, Reader, Source, Tombstones, Unsupported,
    ValueType, Values,
};

const OPTIONS: ReadOptions = ReadOptions {
    limits: Limits {
        string_bytes_max: 1 << 20,
        key_bytes_max: u64::MAX,
        elements_max: u64::MAX,
        value_bytes_max: u64::MAX,
        total_bytes_max: u64::MAX,
        template_bytes_max: 1 << 20,
    },
    checksum: Checksum::Ignore,
    unsupported: Unsupported::Skip,
    tombstones: Tombstones::Keep,
    strictness: rdb_format::Strictness::Lenient,
    values: Values::Decoded,
    dialect: None,
};

fn step<S: Source>(reader: &mut Reader<S>) -> (bool, String) {
    match reader.next_event() {
        Ok(Some(Event::Element(Element::Packed(container, bytes)))) => {
            // It was checked before it was reported.
            let mut entries = container.entries(bytes).into_iter().flatten();
            assert!(entries.all(|entry| entry.is_ok()), "{container} {bytes:?}");
            (true, format!("{container} {bytes:?}"))
        }
        Ok(Some(event)) => (true, format!("{event:?}")),
        Ok(None) => (false, String::new()),
        Err(error) => (false, format!("{error:?}")),
    }
}

/// Whether a reader that reports values in a form comes to the end.
fn ends(bytes: &[u8], values: Values) -> bool {
    let options = ReadOptions { values, ..OPTIONS };
    let mut slice = Reader::from_slice(bytes).with_options(options);
    let mut stream = Reader::new(bytes).with_options(options);
    loop {
        let (left, right) = (step(&mut slice), step(&mut stream));
        assert_eq!(left, right);
        assert!(slice.position() <= bytes.len() as u64);
        if !left.0 {
            return left.1.is_empty();
        }
    }
}

/// Gives a few bytes at a time, so that strings are often not at hand.
struct Few<'a>(&'a [u8]);

impl Read for Few<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = buffer.len().min(13);
        self.0.read(&mut buffer[..count])
    }
}

/// What a reader reports, with a line for each string, and how it ends.
fn lines<S: Source>(reader: Reader<S>, in_one_step: bool) -> Vec<String> {
    // Without limits that ask for a closer look, since then no string comes in one step.
    let mut reader = reader.with_options(ReadOptions {
        limits: Limits {
            string_bytes_max: 1 << 20,
            ..Limits::default()
        },
        ..OPTIONS
    });
    let mut lines = Vec::new();
    let mut key = None;
    loop {
        while in_one_step && let Some(string) = reader.next_string() {
            let head = (string.key.to_vec(), string.expire_at_ms, string.offset);
            lines.push(format!("{head:?}: {:?}", string.value));
        }
        match reader.next_event() {
            Ok(Some(Event::Key(head))) if head.value_type == ValueType::String => {
                key = Some((head.key.to_vec(), head.expire_at_ms, head.offset));
            }
            Ok(Some(Event::Element(Element::Item(value)))) if key.is_some() => {
                lines.extend(key.as_ref().map(|head| format!("{head:?}: {value:?}")));
            }
            Ok(Some(Event::KeyEnd { .. })) if key.take().is_some() => {}
            Ok(Some(event)) => lines.push(format!("{event:?}")),
            Ok(None) => break,
            Err(error) => {
                lines.push(format!("{error:?}"));
                break;
            }
        }
    }
    lines.push(format!("{}, {:?}", reader.position(), reader.warnings()));
    lines
}

pub(crate) fn check(bytes: &[u8]) {
    let (apart, whole) = (ends(bytes, Values::Decoded), ends(bytes, Values::Packed));
    assert_eq!(
        apart, whole,
        "containers are checked alike, taken apart or not"
    );
    let expected = lines(Reader::from_slice(bytes), false);
    assert_eq!(lines(Reader::from_slice(bytes), true), expected);
    assert_eq!(lines(Reader::new(Few(bytes)), true), expected);
}
