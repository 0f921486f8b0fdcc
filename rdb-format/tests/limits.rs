//! Limits: exact, and kept before anything is gathered.

use std::io::{self, Read};

use rdb_format::{
    Compression, DecodeError, Element, Encoder, Event, Limits, ReadOptions, Reader, Target, Value,
    Values,
};

fn read(bytes: &[u8], options: ReadOptions) -> Result<Vec<Value>, DecodeError> {
    let mut reader = Reader::from_slice(bytes).with_options(options);
    let values = std::iter::from_fn(|| reader.next_entry().transpose());
    values.map(|entry| entry.map(|entry| entry.value)).collect()
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
