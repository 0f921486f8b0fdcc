//! What options change: limits, strictness, dialects, losses, forms of values.

use std::io::{self, Read};

use rdb_format::{
    Array, Compression, DecodeError, Dialect, Dump, Element, EncodeError, Encoder, Encodings,
    Event, Limits, Loss, Losses, ReadOptions, Reader, Stream, Strictness, Target, Unsupported,
    Value, ValueType, Values, Warning, parse_function_dump,
};

fn read(bytes: &[u8], options: ReadOptions) -> Result<Vec<Value>, DecodeError> {
    let mut reader = Reader::from_slice(bytes).with_options(options);
    let values = std::iter::from_fn(|| reader.next_entry().transpose());
    values.map(|entry| entry.map(|entry| entry.value)).collect()
}

fn strings(texts: &[&str]) -> Vec<Vec<u8>> {
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}

const LIST: &[u8] = b"REDIS0003\x01\x03key\x03\x01a\x01b\x01c\xff";

#[test]
fn each_limit_is_exact() {
    let within = |limits| {
        let options = ReadOptions {
            limits,
            ..ReadOptions::default()
        };
        match read(LIST, options) {
            Ok(_) => true,
            Err(DecodeError::Limit { .. }) => false,
            Err(other) => panic!("{other}"),
        }
    };
    let none = Limits::default();
    assert!(within(Limits {
        key_bytes_max: 3,
        ..none
    }));
    assert!(!within(Limits {
        key_bytes_max: 2,
        ..none
    }));
    assert!(within(Limits {
        elements_max: 3,
        ..none
    }));
    assert!(!within(Limits {
        elements_max: 2,
        ..none
    }));
    assert!(within(Limits {
        value_bytes_max: 12,
        ..none
    }));
    assert!(!within(Limits {
        value_bytes_max: 11,
        ..none
    }));
    assert!(within(Limits {
        total_bytes_max: 22,
        ..none
    }));
    assert!(!within(Limits {
        total_bytes_max: 21,
        ..none
    }));
}

#[test]
fn pieces_of_raw_values_are_no_elements() {
    let text = vec![b'x'; 300_000];
    let mut file = b"REDIS0009".to_vec();
    let mut encoder = Encoder::new(Target::Redis5, Compression::None);
    let value = Value::List(vec![text]);
    encoder.entry(&mut file, b"list", None, &value).unwrap();
    encoder.end(&mut file, None);
    let raw = |limits| {
        let mut reader = Reader::from_slice(&file).with_options(ReadOptions {
            limits,
            values: Values::Raw,
            ..ReadOptions::default()
        });
        let mut pieces = 0;
        while let Some(event) = reader.next_event()? {
            pieces += u32::from(matches!(event, Event::Element(Element::Raw(_))));
        }
        Ok::<_, DecodeError>(pieces)
    };
    let none = Limits::default();
    let one = Limits {
        elements_max: 1,
        ..none
    };
    assert!(raw(one).unwrap() > 1);
    let short = Limits {
        value_bytes_max: 200_000,
        ..none
    };
    assert!(matches!(
        raw(short),
        Err(DecodeError::Limit { what, .. }) if what == "bytes in a value"
    ));
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

/// Repeats `bytes` after `front` without end, and panics when far too much of it is read.
struct Endless<'a> {
    front: &'a [u8],
    bytes: &'a [u8],
    given: usize,
}

impl Read for Endless<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.front.iter().chain(self.bytes.iter().cycle());
        for (place, byte) in buffer.iter_mut().zip(left.skip(self.given)) {
            *place = *byte;
        }
        self.given += buffer.len();
        assert!(self.given < 1 << 20, "{} bytes were read", self.given);
        Ok(buffer.len())
    }
}

/// What stops a reader of an endless input: the name of the limit.
fn stopped_by(front: &[u8], bytes: &[u8], limits: Limits, values: Values) -> &'static str {
    let given = 0;
    let endless = Endless {
        front,
        bytes,
        given,
    };
    let mut reader = Reader::new(endless).with_options(ReadOptions {
        limits,
        values,
        ..ReadOptions::default()
    });
    loop {
        match reader.next_event() {
            Ok(event) => assert!(event.is_some()),
            Err(DecodeError::Limit { what, .. }) => return what,
            Err(other) => panic!("{other}"),
        }
    }
}

#[test]
fn limits_stop_what_is_gathered_before_it_is_reported() {
    const BYTES: u64 = 50_000;
    let none = Limits::default();
    let limited = [
        (
            "bytes in all",
            Limits {
                total_bytes_max: BYTES,
                ..none
            },
        ),
        (
            "bytes in a value",
            Limits {
                value_bytes_max: BYTES,
                ..none
            },
        ),
        (
            "elements in a value",
            Limits {
                elements_max: BYTES,
                ..none
            },
        ),
        (
            "bytes in hash templates",
            Limits {
                template_bytes_max: BYTES,
                ..none
            },
        ),
    ];
    let fields: [&[u8]; 3] = [
        b"REDIS0015\xf2\x01\x81\xff\xff\xff\xff\xff\xff\xff\xff",
        b"REDIS0015\x1d\x01k\x01\x81\xff\xff\xff\xff\xff\xff\xff\xff",
        b"REDIS0015\x1f\x01k\x01\x81\xff\xff\xff\xff\xff\xff\xff\xff",
    ];
    for (what, limits) in limited {
        for front in fields {
            for values in [Values::Decoded, Values::Raw] {
                assert_eq!(stopped_by(front, b"\0", limits, values), what);
            }
        }
    }
}

#[test]
fn limits_stop_attributes_and_templates_that_belong_to_no_key() {
    let none = Limits::default();
    let total = Limits {
        total_bytes_max: 50_000,
        ..none
    };
    let attributes: [&[u8]; 4] = [
        b"\xf9\x07",
        b"\xf8\x07",
        b"\xfc\0\0\0\0\0\0\0\0",
        b"\xfd\0\0\0\0",
    ];
    for bytes in attributes {
        let what = stopped_by(b"REDIS0015", bytes, total, Values::Decoded);
        assert_eq!(what, "bytes in all");
    }
    let mut templates = b"REDIS0015".to_vec();
    for id in 0..2000_u16 {
        let [high, low] = id.to_be_bytes();
        templates.extend_from_slice(&[0xf2, 0x40 | high, low, 1, 1, b'f']);
    }
    templates.extend_from_slice(b"\xff\0\0\0\0\0\0\0\0");
    let within = |template_bytes_max| {
        let limits = Limits {
            template_bytes_max,
            ..none
        };
        let options = ReadOptions {
            limits,
            ..ReadOptions::default()
        };
        read(&templates, options)
    };
    assert!(within(2000 * 25).is_ok());
    assert!(
        matches!(
            within(2000 * 25 - 1),
            Err(DecodeError::Limit { what, .. }) if what == "bytes in hash templates"
        ),
        "each by itself is short"
    );
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
