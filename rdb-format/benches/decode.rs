//! Bytes to events, on one core: `decode/<kind>/<bytes of value>`.
//!
//! Best of many runs on a shared machine of two cores (AMD EPYC with AVX-512, 2026-11-21),
//! nanoseconds per key of 16 bytes, three events each, checksum verified:
//!
//! | bytes of value | 16 | 100 | 1024 |
//! |---|---|---|---|
//! | slice | 34 | 36 | 55 |
//! | read | 35 | 39 | 76 |
//!
//! Since then texts are put into their places and no longer moved there out of results, which
//! stalled. Before and after in turns, on a busier machine: 49 and 23 ns (16 bytes), 52 and 25 ns
//! (100 bytes), 86 and 62 ns (1024 bytes); per member of an intset 101 and 38 ns; per field of a
//! hash of ten 80 and 55 ns in a listpack, which is walked twice and searched for repeated
//! fields, and 32 and 13 ns stored plainly.
//!
//! Since strings at hand may be read in one step, 2026-11-22, slices, both in one run, in one step
//! (`slice-one-step`) and as events: 7.6 and 41 ns (16 bytes), 8.9 and 42 ns (100 bytes), 69 and 88
//! ns (1024 bytes).
//!
//! `benches/figures` has all kinds of values both ways, beside their peers.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use rdb_format::{
    Compression, Crc64, Element, Encoder, Event, LzfEncoder, Reader, Source, Target, ValueType,
    lzf_decompress,
};

const KEYS: u64 = 20_000;

/// Text of words that repeat now and then, as values often are.
fn words(len: usize) -> Vec<u8> {
    let mut state: u64 = 7;
    let mut text = Vec::new();
    while text.len() < len {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        text.extend_from_slice(format!("word{} ", (state >> 33) % 199).as_bytes());
    }
    text.truncate(len);
    text
}

/// A stream of keys whose bodies `body` appends.
fn stream(
    compression: Compression,
    value_type: ValueType,
    body: impl Fn(&mut Encoder, &mut Vec<u8>),
) -> Vec<u8> {
    let mut encoder = Encoder::new(Target::default(), compression);
    let mut out = Vec::new();
    encoder.header(&mut out);
    encoder.select_db(&mut out, 0);
    for number in 0..KEYS {
        encoder.key(
            &mut out,
            format!("key:{number:012}").as_bytes(),
            value_type,
            None,
        );
        body(&mut encoder, &mut out);
    }
    let mut crc = Crc64::new();
    crc.update(&out);
    encoder.end(&mut out, Some(crc));
    out
}

/// Bytes of all keys and elements.
fn weigh<S: Source>(mut reader: Reader<S>) -> Option<usize> {
    let mut bytes = 0;
    while let Some(event) = reader.next_event().ok()? {
        bytes += match event {
            Event::Key(head) => head.key.len(),
            Event::Element(Element::Item(item)) => item.len(),
            Event::Element(Element::Field(field, value)) => field.len() + value.len(),
            _ => 0,
        };
    }
    Some(bytes)
}

/// As [`weigh`], with strings in one step each.
fn weigh_strings<S: Source>(mut reader: Reader<S>) -> Option<usize> {
    let mut bytes = 0;
    loop {
        while let Some(string) = reader.next_string() {
            bytes += string.key.len() + string.value.len();
        }
        if reader.next_event().ok()?.is_none() {
            return Some(bytes);
        }
    }
}

fn strings(c: &mut Criterion) {
    let mut group = c.benchmark_group("decode");
    group.throughput(Throughput::Elements(KEYS));
    for len in [16, 100, 1024] {
        let value = words(len);
        let file = stream(Compression::None, ValueType::String, |encoder, out| {
            encoder.string(out, &value);
        });
        let expected = usize::try_from(KEYS).map(|keys| keys * (16 + len)).ok();
        assert_eq!(weigh(Reader::from_slice(&file)), expected);
        group.bench_function(BenchmarkId::new("slice", len), |b| {
            b.iter(|| weigh(Reader::from_slice(black_box(&file))));
        });
        assert_eq!(weigh_strings(Reader::from_slice(&file)), expected);
        group.bench_function(BenchmarkId::new("slice-one-step", len), |b| {
            b.iter(|| weigh_strings(Reader::from_slice(black_box(&file))));
        });
        group.bench_function(BenchmarkId::new("read", len), |b| {
            b.iter(|| weigh(Reader::new(black_box(file.as_slice()))));
        });
        let file = stream(Compression::Lzf, ValueType::String, |encoder, out| {
            encoder.string(out, &value);
        });
        group.bench_function(BenchmarkId::new("lzf", len), |b| {
            b.iter(|| weigh(Reader::from_slice(black_box(&file))));
        });
    }
    group.finish();
}

fn hashes(c: &mut Criterion) {
    let mut group = c.benchmark_group("decode");
    // A listpack of the fields f0 to f9 and their values, as a server keeps a small hash.
    let mut listpack = vec![0; 6];
    for field in 0..10_u8 {
        listpack.extend_from_slice(&[0x82, b'f', b'0' + field, 3]);
        listpack.extend_from_slice(b"\x94a value of 20 bytes.\x15");
    }
    listpack.push(0xff);
    let size = u32::try_from(listpack.len()).unwrap_or(0).to_le_bytes();
    listpack[..4].copy_from_slice(&size);
    listpack[4] = 20;
    let packed = stream(
        Compression::None,
        ValueType::HashListpack,
        |encoder, out| {
            encoder.string(out, &listpack);
        },
    );
    let plain = stream(Compression::None, ValueType::Hash, |encoder, out| {
        encoder.length(out, 10);
        for field in 0..10_u8 {
            encoder.string(out, &[b'f', b'0' + field]);
            encoder.string(out, b"a value of 20 bytes.");
        }
    });
    let expected = usize::try_from(KEYS).map(|keys| keys * (16 + 220)).ok();
    group.throughput(Throughput::Elements(KEYS * 10));
    for (name, file) in [("listpack-hash", packed), ("hash", plain)] {
        assert_eq!(weigh(Reader::from_slice(&file)), expected, "{name}");
        group.bench_function(BenchmarkId::new(name, 10), |b| {
            b.iter(|| weigh(Reader::from_slice(black_box(&file))));
        });
    }
    group.finish();
}

fn expansion(c: &mut Criterion) {
    let mut group = c.benchmark_group("lzf-expand");
    for len in [256, 8192] {
        let text = words(len);
        let mut compressed = Vec::new();
        assert!(
            LzfEncoder::new()
                .compress(&text, &mut compressed, len)
                .is_some()
        );
        let mut out = Vec::new();
        assert_eq!(lzf_decompress(&compressed, len, &mut out), Ok(()));
        assert_eq!(out, text);
        group.throughput(Throughput::Bytes(len as u64));
        group.bench_function(BenchmarkId::from_parameter(len), |b| {
            b.iter(|| {
                out.clear();
                lzf_decompress(black_box(&compressed), len, &mut out)
            });
        });
    }
    group.finish();
}

criterion_group!(benches, strings, hashes, expansion);
criterion_main!(benches);
