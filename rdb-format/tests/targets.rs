//! What a target cannot hold, and which containers it gets.

use rdb_format::{
    Array, Compression, Dump, EncodeError, Encoder, Encodings, Loss, Losses, Stream, Target, Value,
};

fn strings(texts: &[&str]) -> Vec<Vec<u8>> {
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}

#[test]
fn what_a_target_cannot_hold_names_the_key() {
    let mut out = Vec::new();
    let hash = Value::ExpiringHash(vec![(b"f".to_vec(), b"v".to_vec(), Some(5))]);
    let mut encoder = Encoder::new(Target::Redis72, Compression::None);
    let error = encoder.entry(&mut out, b"key", None, &hash).unwrap_err();
    assert_eq!(
        error.to_string(),
        "key \"key\": Redis 7.2 cannot hold fields that expire"
    );
    let array = Value::Array(Box::new(Array {
        elements: vec![(1, b"a".to_vec())],
        insert_index: None,
    }));
    let error = encoder.entry(&mut out, b"key", None, &array).unwrap_err();
    let text = "key \"key\": Redis 7.2 does not know type 28 (sliced-array array)";
    assert_eq!(error.to_string(), text);
    assert!(out.is_empty());

    let mut encoder = encoder.allow(Losses::Statistics);
    assert!(encoder.entry(&mut out, b"key", None, &hash).is_err());
    let mut encoder = encoder.allow(Losses::Any);
    encoder.entry(&mut out, b"key", None, &hash).unwrap();
    assert_eq!(encoder.losses(), [(b"key".to_vec(), Loss::FieldExpiry)]);
    assert_eq!(out, b"\x04\x03key\x01\x01f\x01v");

    let mut encoder = Encoder::new(Target::Redis5, Compression::None);
    let counted = Stream {
        entries_added: Some(9),
        ..Stream::default()
    };
    let counted = Value::Stream(Box::new(counted));
    let error = encoder.entry(&mut out, b"key", None, &counted).unwrap_err();
    let loss = Loss::StreamCounters;
    assert!(matches!(error, EncodeError::Loss { loss: l, .. } if l == loss));
    let mut encoder = encoder.allow(Losses::Statistics);
    encoder.entry(&mut out, b"key", None, &counted).unwrap();
}

#[test]
fn what_repeats_does_not_go_into_a_container() {
    let encodings = Encodings::SERVERS;
    for members in [strings(&["a", "b", "a"]), strings(&["1", "2", "1"])] {
        let mut encoder =
            Encoder::new(Target::Redis72, Compression::None).with_encodings(encodings);
        let mut out = Vec::new();
        let error = encoder
            .entry(&mut out, b"k", None, &Value::Set(members))
            .unwrap_err();
        assert_eq!(error, EncodeError::Duplicate { key: b"k".to_vec() });
        assert!(out.is_empty());
    }
}

#[test]
fn containers_are_those_of_a_real_server() {
    let encode = |value: &Value| {
        let mut payload = Vec::new();
        Encoder::new(Target::Redis70, Compression::None)
            .with_encodings(Encodings::SERVERS)
            .dump(&mut payload, b"k", value)
            .unwrap();
        assert_eq!(&Dump::parse(&payload).unwrap().value().unwrap(), value);
        payload.truncate(payload.len() - 10);
        payload
    };
    let texts = [
        "a",
        "5",
        "-1",
        "4095",
        "-4096",
        "32767",
        "-32768",
        "8388607",
        "2147483647",
        "9223372036854775807",
    ];
    assert_eq!(
        encode(&Value::List(strings(&texts))),
        b"\x12\x01\x02\x32\x32\0\0\0\x0a\0\x81a\x02\x05\x01\xdf\xff\x02\xcf\xff\x02\xd0\0\x02\
        \xf1\xff\x7f\x03\xf1\0\x80\x03\xf2\xff\xff\x7f\x04\xf3\xff\xff\xff\x7f\x05\
        \xf4\xff\xff\xff\xff\xff\xff\xff\x7f\x09\xff"
    );
    assert_eq!(
        encode(&Value::Set(strings(&["1", "70000"]))),
        b"\x0b\x10\x04\0\0\0\x02\0\0\0\x01\0\0\0\x70\x11\x01\0"
    );
    let fields = vec![
        (b"f".to_vec(), b"v".to_vec()),
        (b"g".to_vec(), b"-7".to_vec()),
    ];
    assert_eq!(
        encode(&Value::Hash(fields)),
        b"\x10\x13\x13\0\0\0\x04\0\x81f\x02\x81v\x02\x81g\x02\xdf\xf9\x02\xff"
    );
    let scores = [("a", 1.5), ("b", 2.0), ("c", f64::INFINITY)];
    let scores = scores.map(|(member, score)| (member.as_bytes().to_vec(), score));
    assert_eq!(
        encode(&Value::SortedSet(scores.to_vec())),
        b"\x11\x1c\x1c\0\0\0\x06\0\x81a\x02\x831.5\x04\x81b\x02\x02\x01\x81c\x02\x83inf\x04\xff"
    );
}
