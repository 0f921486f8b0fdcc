//! The reader, as raw entries: each decodes alone as the reader decodes it.

use rdb_format::{Checksum, ReadOptions, Reader};

pub(crate) fn check(bytes: &[u8]) {
    let options = ReadOptions {
        checksum: Checksum::Ignore,
        ..ReadOptions::default()
    };
    let mut raw = Reader::new(bytes).with_options(options);
    let mut decoded = Reader::from_slice(bytes).with_options(options);
    let mut sound = true;
    while let Ok(Some(entry)) = raw.next_raw_entry() {
        let value = entry.decode();
        if sound {
            match decoded.next_entry() {
                Ok(Some(expected)) => {
                    assert_eq!(expected.key, entry.key);
                    assert_eq!(Some(expected.value), value.ok());
                }
                Ok(None) => panic!("a raw entry that is none"),
                Err(_) => sound = false,
            }
        }
    }
}
