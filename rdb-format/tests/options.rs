//! What options change: strictness, dialects, forms of values.

use rdb_format::{
    Compression, DecodeError, Dialect, Element, Encoder, Event, ReadOptions, Reader, Strictness,
    Target, Unsupported, Value, ValueType, Values, Warning, parse_function_dump,
};

fn read(bytes: &[u8], options: ReadOptions) -> Result<Vec<Value>, DecodeError> {
    let mut reader = Reader::from_slice(bytes).with_options(options);
    let values = std::iter::from_fn(|| reader.next_entry().transpose());
    values.map(|entry| entry.map(|entry| entry.value)).collect()
}

fn strings(texts: &[&str]) -> Vec<Vec<u8>> {
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}

#[test]
fn raw_entries_are_decoded_as_strictly_as_one_likes() {
    let twice = b"REDIS0003\x02\x01k\x02\x01a\x01a\xff";
    let entry = Reader::from_slice(twice).next_raw_entry();
    let entry = entry.unwrap().unwrap();
    assert_eq!(entry.decode().unwrap(), Value::Set(strings(&["a", "a"])));
    let strict = ReadOptions {
        strictness: Strictness::Strict,
        dialect: Some(Dialect::Valkey),
        values: Values::Raw,
        ..ReadOptions::default()
    };
    let refused = entry.decode_with(strict);
    assert!(matches!(refused, Err(DecodeError::Duplicate { .. })));
}

#[test]
fn strict_reading_finds_what_repeats_and_what_is_odd() {
    let strict = ReadOptions {
        strictness: Strictness::Strict,
        ..ReadOptions::default()
    };
    let twice = b"REDIS0003\x02\x01k\x02\x01a\x01a\xff";
    assert!(read(twice, ReadOptions::default()).is_ok());
    assert!(matches!(
        read(twice, strict),
        Err(DecodeError::Duplicate { .. })
    ));
    let list = b"REDIS0003\x01\x01k\x02\x01a\x01a\xff";
    assert!(read(list, strict).is_ok(), "elements of a list may repeat");
    let array = |second: u8| {
        let elements = [b"\x02\0\x01\0\x01a", &[second][..], b"\0\x01a"].concat();
        [
            b"REDIS0014\x1c\x01k",
            &elements[..],
            b"\xff\0\0\0\0\0\0\0\0",
        ]
        .concat()
    };
    assert!(
        read(&array(2), strict).is_ok(),
        "so may elements of an array"
    );
    assert!(read(&array(1), ReadOptions::default()).is_ok());
    assert!(
        matches!(read(&array(1), strict), Err(DecodeError::Duplicate { .. })),
        "but not their indexes"
    );
    let empty = b"REDIS0003\x02\x01k\0\xff";
    let error = read(empty, strict).unwrap_err();
    assert_eq!(error.offset(), 9);
    let expected = Warning::EmptyCollection { offset: 9 };
    assert!(matches!(error, DecodeError::Strict { warning } if warning == expected));
}

#[test]
fn number_22_is_read_as_its_dialect_has_it() {
    let valkey = b"\x16\x01k\x01\x01f\x01v\x07\0\0\0\0\0\0\0\xff\0\0\0\0\0\0\0\0";
    let redis = b"\x16\x01k\x01\x07\x01f\x01v\xff\0\0\0\0\0\0\0\0";
    let expected = [Value::ExpiringHash(vec![(
        b"f".to_vec(),
        b"v".to_vec(),
        Some(7),
    )])];
    let valkey = |magic: &[u8]| [magic, valkey].concat();
    let redis = |magic: &[u8]| [magic, redis].concat();
    let (plain, own) = (ReadOptions::default(), |dialect| ReadOptions {
        dialect: Some(dialect),
        ..ReadOptions::default()
    });
    assert_eq!(read(&valkey(b"VALKEY080"), plain).unwrap(), expected);
    assert_eq!(read(&redis(b"REDIS0012"), plain).unwrap(), expected);
    assert_eq!(
        read(&valkey(b"REDIS0012"), own(Dialect::Valkey)).unwrap(),
        expected
    );
    assert_eq!(
        read(&redis(b"VALKEY080"), own(Dialect::Redis)).unwrap(),
        expected
    );
    assert!(read(&valkey(b"REDIS0012"), plain).is_err());
}

#[test]
fn private_records_of_dragonfly_are_passed_if_wanted() {
    let mut bytes = b"REDIS0009\xfa\x06df-ver\x041.40\xdc\x02\0\0\0\x07\0\0\0".to_vec();
    bytes.extend_from_slice(b"\0\x01k\x01v\xd2\x01\x03abc\xc8\0\0\0\0\0\0\0\0");
    bytes.extend_from_slice(b"\xff\0\0\0\0\0\0\0\0");
    let plain = ReadOptions::default();
    assert!(matches!(
        read(&bytes, plain),
        Err(DecodeError::UnsupportedOpcode {
            offset: 22,
            opcode: 220
        })
    ));
    let skip = ReadOptions {
        unsupported: Unsupported::Skip,
        ..plain
    };
    assert_eq!(read(&bytes, skip).unwrap(), [Value::String(b"v".to_vec())]);
    let redis = ReadOptions {
        dialect: Some(Dialect::Redis),
        ..skip
    };
    assert!(matches!(
        read(&bytes, redis),
        Err(DecodeError::UnknownType { byte: 220, .. })
    ));
}

#[test]
fn hashes_with_templates_are_resolved() {
    let listpack = b"\x0c\x0c\0\0\0\x02\0\x05\x01\x81v\x02\xff";
    let bytes = [
        b"REDIS0015\xf2\x05\x02\x01a\x02bb\xf2\x06\x01\x01z",
        &b"\x20\x01p\x05\x01x\xc0\x07"[..],
        b"\x1f\x01q\x01\x01\x01f\x01g",
        b"\x1e\x01r",
        b"\x10\x10\0\0\0\x03\0\x05\x01\x81v\x02\x82ww\x03\xff",
        b"\x1d\x01s\0\x0a\x0a\0\0\0\x01\0\x81h\x02\xff",
        listpack,
        b"\xff\0\0\0\0\0\0\0\0",
    ]
    .concat();
    let hash = |fields: &[(&str, &str)]| {
        let fields = fields
            .iter()
            .map(|(f, v)| (f.as_bytes().to_vec(), v.as_bytes().to_vec()));
        Value::Hash(fields.collect())
    };
    let expected = [
        hash(&[("a", "x"), ("bb", "7")]),
        hash(&[("f", "g")]),
        hash(&[("a", "v"), ("bb", "ww")]),
        hash(&[("h", "v")]),
    ];
    assert_eq!(read(&bytes, ReadOptions::default()).unwrap(), expected);
    let mut reader = Reader::new(bytes.as_slice());
    for value in &expected {
        let raw = reader.next_raw_entry().unwrap().unwrap();
        assert_eq!(raw.value_type, ValueType::Hash);
        assert_eq!(&raw.decode().unwrap(), value);
    }
    let unknown = b"REDIS0015\x20\x01p\x05\x01x\xff\0\0\0\0\0\0\0\0";
    let error = read(unknown, ReadOptions::default()).unwrap_err();
    assert!(
        matches!(error, DecodeError::Template { id: 5, .. }),
        "{error}"
    );
}

#[test]
fn values_of_modules_pass_unchanged() {
    let body = b"\x81\0\0\0\0\0\0\0\x09\x05\x03abc\x02\x07\x04abcdefgh\x03abcd\
        \x01\x81\xff\xff\xff\xff\xff\xff\xff\xff\x00";
    let bytes = [b"REDIS0009\x07\x01m", &body[..], b"\xff\0\0\0\0\0\0\0\0"].concat();
    let values = read(&bytes, ReadOptions::default()).unwrap();
    assert_eq!(values, [Value::Module(body.to_vec())]);
    let mut again = b"REDIS0009".to_vec();
    let mut encoder = Encoder::new(Target::Redis5, Compression::None);
    encoder.entry(&mut again, b"m", None, &values[0]).unwrap();
    encoder.end(&mut again, None);
    assert_eq!(again, bytes);
}

#[test]
fn raw_pieces_of_a_long_value_stay_small() {
    let mut bytes = b"REDIS0009\x01\x01k".to_vec();
    let mut encoder = Encoder::new(Target::Redis5, Compression::None);
    encoder.length(&mut bytes, 1_000_001);
    for number in 0..1_000_000 {
        encoder.string(&mut bytes, format!("e{number}").as_bytes());
    }
    encoder.string(&mut bytes, &vec![b'x'; 3_000_000]);
    encoder.end(&mut bytes, None);
    let options = ReadOptions {
        values: Values::Raw,
        ..ReadOptions::default()
    };
    let mut reader = Reader::new(bytes.as_slice()).with_options(options);
    let mut copied = 0;
    while let Some(event) = reader.next_event().unwrap() {
        if let Event::Element(Element::Raw(piece)) = event {
            assert!(piece.len() < 66_000, "{}", piece.len());
            assert_eq!(piece, &bytes[12 + copied..][..piece.len()]);
            copied += piece.len();
        }
    }
    assert_eq!(copied, bytes.len() - 12 - 9);
}

#[test]
fn a_function_dump_holds_functions_only() {
    let payload = |records: &[u8]| [records, &[10, 0, 0, 0, 0, 0, 0, 0, 0, 0]].concat();
    let sound = payload(b"\xf5\x03abc\xf5\x01d");
    assert_eq!(parse_function_dump(&sound).unwrap(), strings(&["abc", "d"]));
    for (records, opcode) in [
        (&b"\xf5\x01a\xff\0\0\0\0\0\0\0\0\xf5"[..], 0xff),
        (b"\xf5\x01a\xfe\0", 0xfe),
    ] {
        let error = parse_function_dump(&payload(records)).unwrap_err();
        let DecodeError::UnsupportedOpcode {
            offset: 3,
            opcode: found,
        } = error
        else {
            panic!("{error}");
        };
        assert_eq!(found, opcode);
    }
}
