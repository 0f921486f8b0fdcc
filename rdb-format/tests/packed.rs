//! Containers that come whole hold what is reported of them when they are taken apart.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod samples;

use rdb_format::{
    Compression, Container, DecodeError, Element, Encoder, Encodings, Event, Family, Limits,
    ReadOptions, Reader, Source, Target, Tombstones, Unsupported, Value, ValueType, Values,
    Warning, Writer,
};

const FIXTURES: [&[u8]; 2] = [
    include_bytes!("fixtures/plain.rdb"),
    include_bytes!("fixtures/lzf.rdb"),
];

fn options(values: Values) -> ReadOptions {
    ReadOptions {
        tombstones: Tombstones::Keep,
        unsupported: Unsupported::Skip,
        values,
        ..ReadOptions::default()
    }
}

/// The entries of a container as they would have been reported one by one.
fn apart(container: Container, bytes: &[u8], value_type: ValueType) -> Vec<String> {
    let entries = container.entries(bytes).unwrap();
    let texts: Vec<Vec<u8>> = entries.map(|entry| entry.unwrap().to_vec()).collect();
    let expires = matches!(
        value_type,
        ValueType::HashListpackExpiry | ValueType::HashListpackExpiryPreview
    );
    let number = |text: &[u8]| std::str::from_utf8(text).unwrap().to_owned();
    match value_type.family() {
        Family::Hash if expires => {
            let fields = texts.chunks_exact(3);
            let fields = fields.map(|field| match &field[2][..] {
                b"0" => format!("{:?}", Element::Field(&field[0], &field[1])),
                at => {
                    let at = number(at).parse().unwrap();
                    format!("{:?}", Element::ExpiringField(&field[0], &field[1], at))
                }
            });
            fields.collect()
        }
        Family::Hash => {
            let fields = texts.chunks_exact(2);
            let fields = fields.map(|field| format!("{:?}", Element::Field(&field[0], &field[1])));
            fields.collect()
        }
        Family::SortedSet => {
            let members = texts.chunks_exact(2);
            let members = members.map(|member| {
                let score = number(&member[1]).parse().unwrap();
                format!("{:?}", Element::Scored(&member[0], score))
            });
            members.collect()
        }
        _ => {
            let items = texts.iter();
            items
                .map(|text| format!("{:?}", Element::Item(text)))
                .collect()
        }
    }
}

/// All events as text, and the types whose containers came whole.
fn events<S: Source>(mut reader: Reader<S>) -> (Vec<String>, Vec<ValueType>) {
    let (mut events, mut whole) = (Vec::new(), Vec::new());
    let mut value_type = ValueType::String;
    while let Some(event) = reader.next_event().unwrap() {
        match event {
            Event::Key(head) => {
                events.push(format!("{head:?}"));
                value_type = head.value_type;
            }
            Event::Element(Element::Packed(container, bytes)) => {
                events.extend(apart(container, bytes, value_type));
                whole.push(value_type);
            }
            Event::Element(element) => events.push(format!("{element:?}")),
            event => events.push(format!("{event:?}")),
        }
    }
    events.extend(
        reader
            .warnings()
            .iter()
            .map(|warning| format!("{warning:?}")),
    );
    (events, whole)
}

#[test]
fn what_comes_whole_is_what_comes_apart() {
    let samples = samples::all().into_iter();
    let samples = samples.map(|sample| (sample.name.clone(), sample.unchecked()));
    let fixtures = FIXTURES.map(|bytes| ("fixture".to_owned(), bytes.to_vec()));
    let mut whole = Vec::new();
    for (name, bytes) in samples.chain(fixtures) {
        let bytes = bytes.as_slice();
        let decoded = Reader::from_slice(bytes).with_options(options(Values::Decoded));
        let packed = Reader::from_slice(bytes).with_options(options(Values::Packed));
        let streamed = Reader::new(bytes).with_options(options(Values::Packed));
        let (expected, none) = events(decoded);
        assert_eq!(none, []);
        let (found, types) = events(packed);
        assert_eq!(found, expected, "{name}");
        assert_eq!(events(streamed), (expected, types.clone()), "{name}");
        whole.extend(types);
    }
    for expected in [
        ValueType::HashZipmap,
        ValueType::ListZiplist,
        ValueType::SetIntset,
        ValueType::SortedSetZiplist,
        ValueType::HashZiplist,
        ValueType::ListQuicklist,
        ValueType::HashListpack,
        ValueType::SortedSetListpack,
        ValueType::ListQuicklist2,
        ValueType::SetListpack,
        ValueType::HashListpackExpiry,
        ValueType::HashListpackExpiryPreview,
    ] {
        assert!(whole.contains(&expected), "no {expected} came whole");
    }
}

fn file(value: &Value) -> Vec<u8> {
    let encoder = Encoder::new(Target::Redis72, Compression::Lzf);
    let encoder = encoder.with_encodings(Encodings::SERVERS);
    let mut writer = Writer::new(Vec::new(), encoder);
    writer.entry(b"first", None, value).unwrap();
    writer.entry(b"second", None, value).unwrap();
    writer.finish().unwrap().0
}

#[test]
fn a_container_that_came_whole_is_written_as_one_string() {
    let members = (0..100).map(|n: i64| (n * n * n).to_string().into_bytes());
    let file = file(&Value::Set(members.collect()));
    let mut reader = Reader::from_slice(&file).with_options(options(Values::Packed));
    let mut encoder = Encoder::new(Target::Redis72, Compression::Lzf);
    let mut copy = Vec::new();
    while let Some(event) = reader.next_event().unwrap() {
        match event {
            Event::Header { .. } => encoder.header(&mut copy),
            Event::Key(head) => encoder.key(&mut copy, head.key, head.value_type, None),
            Event::Element(Element::Packed(_, bytes)) => encoder.string(&mut copy, bytes),
            _ => {}
        }
    }
    assert_eq!(copy, file[..file.len() - 9]);
}

#[test]
fn whole_keys_are_decoded_whatever_events_are() {
    let value = Value::List((0..5000_u32).map(|n| n.to_be_bytes().to_vec()).collect());
    let file = file(&value);
    let mut reader = Reader::from_slice(&file).with_options(options(Values::Packed));
    let mut nodes = 0;
    while nodes < 2 {
        let event = reader.next_event().unwrap().unwrap();
        nodes += u32::from(matches!(event, Event::Element(Element::Packed(..))));
    }
    // The first key is in the middle of its nodes.
    let entry = reader.next_entry().unwrap().unwrap();
    assert_eq!(entry.key, b"second");
    assert!(entry.value == value, "the values differ");
    assert_eq!(reader.next_entry().unwrap(), None);
}

#[test]
fn a_container_counts_as_one_element_and_as_none_if_it_is_empty() {
    let value = Value::Set(vec![b"1".to_vec(), b"2".to_vec()]);
    let limited = ReadOptions {
        limits: Limits {
            elements_max: 1,
            ..Limits::default()
        },
        ..options(Values::Packed)
    };
    let file = file(&value);
    let (found, _) = events(Reader::from_slice(&file).with_options(limited));
    assert_eq!(found.len(), 10, "{found:?}");

    let empty = b"REDIS0003\x14\x01k\x07\x07\0\0\0\0\0\xff\xff";
    let mut reader = Reader::from_slice(empty).with_options(options(Values::Packed));
    while let Some(event) = reader.next_event().unwrap() {
        assert!(!matches!(event, Event::Element(_)), "{event:?}");
    }
    assert_eq!(reader.warnings(), [Warning::EmptyCollection { offset: 9 }]);
}

#[test]
fn a_damaged_container_does_not_come_whole() {
    let descending = b"REDIS0003\x0b\x01k\x0c\x02\0\0\0\x02\0\0\0\x02\0\x01\0\xff";
    let mut reader = Reader::from_slice(descending).with_options(options(Values::Packed));
    let error = loop {
        match reader.next_event() {
            Ok(event) => assert!(!matches!(event, Some(Event::Element(_))), "{event:?}"),
            Err(error) => break error,
        }
    };
    assert!(
        matches!(error, DecodeError::Container { offset: 12, .. }),
        "{error}"
    );
}
