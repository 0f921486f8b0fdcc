//! Small files that no server has written.

use rdb_format::{Compression, Crc64, Encoder, Target, Value};

/// A small file for `target`, with a hash whose fields expire if the target has such.
pub(crate) fn sample(target: Target) -> Vec<u8> {
    let mut encoder = Encoder::new(target, Compression::None);
    let mut out = Vec::new();
    encoder.header(&mut out);
    encoder.aux(&mut out, b"ctime", b"1700000000");
    encoder.select_db(&mut out, 0);
    encoder.resize_db(&mut out, 2, 0);
    let fields = vec![
        field("stays", "1", None),
        field("goes", "2", Some(4_102_444_800_000)),
    ];
    let mut entries = vec![(b"plain".as_slice(), None, Value::String(b"abc".repeat(20)))];
    if target.holds(rdb_format::ValueType::HashExpiry) || target == Target::Valkey9 {
        entries.push((
            b"expiring",
            Some(4_102_444_800_123),
            Value::ExpiringHash(fields),
        ));
    }
    entries.push((
        b"list",
        None,
        Value::List(vec![b"a".to_vec(), b"b".to_vec()]),
    ));
    for (index, (key, expire_at_ms, value)) in entries.iter().enumerate() {
        if index > 0 {
            encoder.attributes(&mut out, Some(60), None);
        }
        encoder.entry(&mut out, key, *expire_at_ms, value).unwrap();
    }
    encoder.select_db(&mut out, 5);
    let other = Value::Set(vec![b"m".to_vec()]);
    encoder.entry(&mut out, b"other", None, &other).unwrap();
    end(&mut encoder, &mut out);
    out
}

pub(crate) fn field(
    field: &str,
    value: &str,
    at_ms: Option<i64>,
) -> (Vec<u8>, Vec<u8>, Option<i64>) {
    (field.into(), value.into(), at_ms)
}

/// Ends a file with its checksum.
pub(crate) fn end(encoder: &mut Encoder, file: &mut Vec<u8>) {
    let mut crc = Crc64::new();
    crc.update(file);
    encoder.end(file, Some(crc));
}
