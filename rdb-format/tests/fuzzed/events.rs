//! The reader, event by event: a slice and a stream of the same bytes give the same.

use rdb_format::{
    Checksum, Element, Event, ReadOptions, Reader, Source, Tombstones, Unsupported, Values,
};

const OPTIONS: ReadOptions = ReadOptions {
    limits: rdb_format::Limits {
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

pub(crate) fn check(bytes: &[u8]) {
    let (apart, whole) = (ends(bytes, Values::Decoded), ends(bytes, Values::Packed));
    assert_eq!(
        apart, whole,
        "containers are checked alike, taken apart or not"
    );
}
