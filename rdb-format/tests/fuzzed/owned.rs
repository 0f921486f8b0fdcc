//! The reader, key by key: what strict reading accepts, lenient reading gives, too.

use rdb_format::{Checksum, Entry, ReadOptions, Reader, Strictness};

fn read(bytes: &[u8], strictness: Strictness) -> Option<Vec<Entry>> {
    let options = ReadOptions {
        checksum: Checksum::Ignore,
        strictness,
        ..ReadOptions::default()
    };
    let mut reader = Reader::from_slice(bytes).with_options(options);
    std::iter::from_fn(|| reader.next_entry().transpose())
        .collect::<Result<_, _>>()
        .ok()
}

pub(crate) fn check(bytes: &[u8]) {
    let lenient = read(bytes, Strictness::Lenient);
    if let Some(strict) = read(bytes, Strictness::Strict) {
        // Debug text, as a score that is not a number equals nothing.
        assert_eq!(format!("{lenient:?}"), format!("{:?}", Some(strict)));
    }
}
