//! The reader, as raw entries: each decodes alone as the reader decodes it, and so it does with its
//! strings compressed and expanded.

use rdb_format::{Checksum, Compression, Encoder, RawEntry, ReadOptions, Reader, Target, Value};

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
        if let Ok(value) = &value {
            recode(&entry, value);
        }
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

/// Compresses the strings of a value and expands them again: it stays the same.
fn recode(entry: &RawEntry, value: &Value) {
    let mut entry = entry.clone();
    for compression in [Compression::Lzf, Compression::None] {
        let mut encoder = Encoder::new(Target::Redis5, compression);
        let mut body = Vec::new();
        let recoded = encoder.recode(&mut body, entry.value_type, entry.dialect, &entry.body);
        assert!(recoded.is_ok(), "what decodes has its outer lengths right");
        entry.body = body;
        assert_eq!(entry.decode().ok().as_ref(), Some(value));
    }
}
