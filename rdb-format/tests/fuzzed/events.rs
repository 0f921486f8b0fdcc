//! The reader, event by event: a slice and a stream of the same bytes give the same.

use rdb_format::{Checksum, ReadOptions, Reader, Source, Tombstones, Unsupported};

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
    values: rdb_format::Values::Decoded,
    dialect: None,
};

fn step<S: Source>(reader: &mut Reader<S>) -> (bool, String) {
    match reader.next_event() {
        Ok(Some(event)) => (true, format!("{event:?}")),
        Ok(None) => (false, String::new()),
        Err(error) => (false, format!("{error:?}")),
    }
}

pub(crate) fn check(bytes: &[u8]) {
    let mut slice = Reader::from_slice(bytes).with_options(OPTIONS);
    let mut stream = Reader::new(bytes).with_options(OPTIONS);
    loop {
        let (left, right) = (step(&mut slice), step(&mut stream));
        assert_eq!(left, right);
        assert!(slice.position() <= bytes.len() as u64);
        if !left.0 {
            break;
        }
    }
}
