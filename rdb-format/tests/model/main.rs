//! Arbitrary values and arbitrary damage.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod strategies;

use std::fmt::Write;
use std::io::{self, Read};

use proptest::collection::vec;
use proptest::prelude::*;
use rdb_format::{
    Compression, Container, Crc64, DecodeError, EncodeError, Encoder, Encodings, Entry, Losses,
    ReadOptions, Reader, Source, Target, Tombstones, Value, ValueType, Values, lzf_decompress,
};

use crate::strategies::{compression, in_order, rare_value, stream, target, text, value};

const PLAIN: &[u8] = include_bytes!("../fixtures/plain.rdb");
const LZF: &[u8] = include_bytes!("../fixtures/lzf.rdb");

/// Gives one byte at a time, and an interruption before each.
struct OneByte<'a> {
    bytes: &'a [u8],
    interrupted: bool,
}

impl Read for OneByte<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.interrupted = !self.interrupted;
        if self.interrupted {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let len = buffer.len().min(1);
        self.bytes.read(&mut buffer[..len])
    }
}

fn one_byte(bytes: &[u8]) -> Reader<impl Source + use<'_>> {
    Reader::new(OneByte {
        bytes,
        interrupted: false,
    })
}

/// All events, the position and the error, as text.
fn transcript<S: Source>(mut reader: Reader<S>) -> String {
    let mut text = String::new();
    loop {
        match reader.next_event() {
            Ok(Some(event)) => writeln!(text, "{event:?}").unwrap(),
            Ok(None) => return text + &format!("{} {:?}", reader.position(), reader.warnings()),
            Err(error) => return text + &format!("{error:?}"),
        }
    }
}

fn entries<S: Source>(mut reader: Reader<S>) -> Result<Vec<Entry>, DecodeError> {
    std::iter::from_fn(|| reader.next_entry().transpose()).collect()
}

type Written = Vec<(u32, Vec<u8>, Option<i64>, Value)>;

fn written() -> impl Strategy<Value = Written> {
    let expiry = proptest::option::of(any::<i64>().prop_filter("-1 is none", |at| *at != -1));
    vec((0..20_u32, text(), expiry, value()), 0..8)
}

fn encode(target: Target, compression: Compression, written: &Written) -> Vec<u8> {
    let mut encoder = Encoder::new(target, compression);
    let mut out = Vec::new();
    encoder.header(&mut out);
    encoder.aux(&mut out, b"redis-ver", b"7.0.0");
    for (db, key, expire_at_ms, value) in written {
        encoder.select_db(&mut out, *db);
        encoder.resize_db(&mut out, 1, u64::from(expire_at_ms.is_some()));
        encoder.entry(&mut out, key, *expire_at_ms, value).unwrap();
    }
    let mut crc = Crc64::new();
    crc.update(&out);
    encoder.end(&mut out, Some(crc));
    out
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn what_is_written_is_read(
        target in target(),
        compression in compression(),
        written in written(),
    ) {
        let bytes = encode(target, compression, &written);
        let read = entries(Reader::from_slice(&bytes)).unwrap();
        let read: Written =
            read.into_iter().map(|e| (e.db, e.key, e.expire_at_ms, e.value)).collect();
        prop_assert_eq!(read, written);
    }

    #[test]
    fn packed_values_of_every_kind_come_back(
        target in target(),
        compression in compression(),
        value in prop_oneof![3 => value(), 1 => rare_value()],
    ) {
        let mut encoder =
            Encoder::new(target, compression).with_encodings(Encodings::SERVERS);
        let mut bytes = Vec::new();
        encoder.header(&mut bytes);
        match encoder.entry(&mut bytes, b"k", None, &value) {
            Ok(()) => {
                encoder.end(&mut bytes, None);
                let read = entries(Reader::from_slice(&bytes)).unwrap().remove(0).value;
                prop_assert_eq!(in_order(read), in_order(value));
            }
            // Only what its types cannot hold is refused, and leaves no bytes.
            Err(EncodeError::Type { .. } | EncodeError::Loss { .. }) => {
                let holds = match value {
                    Value::ExpiringHash(_) => {
                        target.holds(ValueType::HashExpiry)
                            || target.holds(ValueType::HashExpiryPreview)
                    }
                    other => target.holds(other.value_type()),
                };
                prop_assert!(!holds, "{target} holds it");
                prop_assert_eq!(bytes.len(), 9);
            }
            Err(error) => panic!("{error}"),
        }
    }

    #[test]
    fn streams_come_back_whole_from_the_newest_target(
        compression in compression(),
        stream in stream(),
    ) {
        let keep = ReadOptions { tombstones: Tombstones::Keep, ..ReadOptions::default() };
        let value = Value::Stream(Box::new(stream));
        let written = vec![(0, b"s".to_vec(), None, value)];
        let bytes = encode(Target::Redis88, compression, &written);
        let read = entries(Reader::from_slice(&bytes).with_options(keep)).unwrap();
        prop_assert_eq!(&read[0].value, &written[0].3);
        prop_assert_eq!(transcript(Reader::from_slice(&bytes)), transcript(one_byte(&bytes)));
    }

    #[test]
    fn streams_lose_what_a_target_cannot_hold_once(target in target(), stream in stream()) {
        let keep = ReadOptions { tombstones: Tombstones::Keep, ..ReadOptions::default() };
        let mut value = Value::Stream(Box::new(stream));
        let mut losses = Vec::new();
        for _ in 0..2 {
            let mut encoder = Encoder::new(target, Compression::None).allow(Losses::Any);
            let mut bytes = b"REDIS0003".to_vec();
            encoder.entry(&mut bytes, b"s", None, &value).unwrap();
            bytes.push(0xff);
            let mut read = entries(Reader::from_slice(&bytes).with_options(keep)).unwrap();
            let again = read.remove(0).value;
            losses.push(encoder.losses_count());
            if losses.len() == 2 {
                prop_assert_eq!(&again, &value);
            }
            let (Value::Stream(before), Value::Stream(after)) = (&value, &again) else {
                panic!("a stream");
            };
            prop_assert_eq!(&after.records, &before.records);
            prop_assert_eq!(after.last_id, before.last_id);
            value = again;
        }
        prop_assert_eq!(losses[1], 0, "nothing more is lost");
    }

    #[test]
    fn slices_and_streams_read_alike(compression in compression(), written in written()) {
        let bytes = encode(Target::Redis72, compression, &written);
        prop_assert_eq!(transcript(Reader::from_slice(&bytes)), transcript(one_byte(&bytes)));
    }

    #[test]
    fn damaged_streams_read_alike(
        compression in compression(),
        written in written(),
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
    ) {
        let mut bytes = encode(Target::Redis72, compression, &written);
        let at = at.index(bytes.len());
        bytes[at] = byte;
        prop_assert_eq!(transcript(Reader::from_slice(&bytes)), transcript(one_byte(&bytes)));
    }

    #[test]
    fn noise_after_a_type_is_harmless(
        value_type in prop::sample::select(vec![
            0_u8, 1, 2, 3, 4, 5, 7, 15, 18, 19, 21, 22, 23, 24, 25, 26, 27, 28, 29, 31, 242, 243,
            247,
        ]),
        values in prop::sample::select(vec![Values::Decoded, Values::Raw]),
        noise in vec(prop_oneof![any::<u8>(), 0..6_u8], 0..200),
    ) {
        let options = ReadOptions { values, ..ReadOptions::default() };
        let bytes = [b"REDIS0012", &[value_type][..], b"\x01k", &noise].concat();
        prop_assert_eq!(
            transcript(Reader::from_slice(&bytes).with_options(options)),
            transcript(one_byte(&bytes).with_options(options))
        );
    }

    #[test]
    fn noise_in_a_container_is_harmless(
        noise in vec(prop_oneof![any::<u8>(), 0..16_u8, 0xf0..=0xff_u8], 0..60),
        end in prop::sample::select(vec![0xff_u8, 0]),
    ) {
        // Sizes and counts are made right, so that the walk gets as far as it can.
        let size = |header: usize| u32::try_from(noise.len() + header + 1).unwrap().to_le_bytes();
        let listpack = [&size(6)[..], &[0xff; 2], &noise, &[end]].concat();
        let ziplist = [&size(10)[..], &[10, 0, 0, 0], &[0xff; 2], &noise, &[end]].concat();
        let zipmap = [&[0xfe][..], &noise, &[end]].concat();
        let containers = [
            (Container::Listpack, &listpack),
            (Container::Ziplist, &ziplist),
            (Container::Zipmap, &zipmap),
            (Container::Intset, &noise),
        ];
        for (container, bytes) in containers {
            if let Ok(entries) = container.entries(bytes) {
                prop_assert!(entries.count() <= bytes.len());
            }
        }
    }

    #[test]
    fn noise_expands_to_its_promise_or_not_at_all(
        noise in vec(prop_oneof![any::<u8>(), 0..4_u8, 0x20..0x40_u8], 0..100),
        len in 0..500_usize,
    ) {
        let mut out = b"before".to_vec();
        if lzf_decompress(&noise, len, &mut out).is_ok() {
            prop_assert_eq!(out.len(), len + 6);
        } else {
            prop_assert_eq!(out, b"before");
        }
    }
}

#[test]
fn every_truncation_is_noticed() {
    for file in [PLAIN, LZF] {
        for len in 0..file.len() {
            let cut = &file[..len];
            let error = entries(Reader::from_slice(cut)).unwrap_err();
            let DecodeError::Truncated { offset, missing } = error else {
                panic!("cut at {len}: {error}");
            };
            assert_eq!(offset, len as u64);
            assert!(missing > 0);
            assert_eq!(
                transcript(Reader::from_slice(cut)),
                transcript(one_byte(cut))
            );
        }
    }
}

#[test]
fn every_flipped_bit_is_noticed() {
    for file in [PLAIN, LZF] {
        let mut bytes = file.to_vec();
        for at in 0..bytes.len() {
            for bit in 0..8 {
                bytes[at] ^= 1 << bit;
                // The version is not checked, and below 5 it promises no checksum at the end.
                let read = entries(Reader::from_slice(&bytes));
                let version = (5..9).contains(&at);
                assert!(read.is_err() || version, "bit {bit} of byte {at}");
                bytes[at] ^= 1 << bit;
            }
        }
    }
}

#[test]
fn every_changed_byte_is_harmless_without_a_checksum() {
    for file in [PLAIN, LZF] {
        let mut bytes = file.to_vec();
        let end = bytes.len() - 8;
        bytes[end..].fill(0);
        for at in 0..end {
            let kept = bytes[at];
            for byte in [
                0, 1, 0x3f, 0x40, 0x7f, 0x80, 0x81, 0xc0, 0xc3, 0xf0, 0xfe, 0xff,
            ] {
                bytes[at] = byte;
                let from_slice = transcript(Reader::from_slice(&bytes));
                assert!(from_slice.starts_with("Header") || at < 9);
                if byte == 0xff {
                    assert_eq!(from_slice, transcript(one_byte(&bytes)));
                }
            }
            bytes[at] = kept;
        }
    }
}
