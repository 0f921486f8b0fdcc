//! Keys with string values to bytes, on one core: `encode/<kind>/<bytes of value>`.
//!
//! Best of many runs on a shared machine of two cores (AMD EPYC with AVX-512, 2026-11-21),
//! nanoseconds per key of 16 bytes, checksum included, output drained every 256 KiB:
//!
//! | bytes of value | 16 | 100 | 1024 | 8192 |
//! |---|---|---|---|---|
//! | plain | 6.3 | 8.8 | 35 | 237 |
//!
//! `benches/figures` has compression beside liblzf, and all kinds of values beside their peers.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use rdb_format::{Compression, Crc64, Encoder, LzfEncoder, Target, ValueType};

/// Bytes after which a caller would drain the output.
const DRAIN_BYTES: usize = 256 * 1024;

fn keys(count: usize) -> Vec<[u8; 16]> {
    (0..count)
        .map(|number| {
            let mut key = *b"key:000000000000";
            for (digit, place) in format!("{number:012}").bytes().zip(&mut key[4..]) {
                *place = digit;
            }
            key
        })
        .collect()
}

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

fn encode(encoder: &mut Encoder, out: &mut Vec<u8>, keys: &[[u8; 16]], value: &[u8]) -> Crc64 {
    let mut crc = Crc64::new();
    for key in keys {
        encoder.key(out, key, ValueType::String, None);
        encoder.string(out, value);
        if out.len() >= DRAIN_BYTES {
            crc.update(out);
            out.clear();
        }
    }
    crc.update(out);
    out.clear();
    crc
}

fn strings(c: &mut Criterion) {
    let mut group = c.benchmark_group("encode");
    let keys = keys(10_000);
    for (name, compression) in [("plain", Compression::None), ("lzf", Compression::Lzf)] {
        for len in [16, 100, 1024, 8192] {
            let value = words(len);
            let mut encoder = Encoder::new(Target::default(), compression);
            let mut out = Vec::with_capacity(2 * DRAIN_BYTES);
            let bytes = encode(&mut encoder, &mut out, &keys, &value).bytes();
            assert!(bytes > 180_000, "a key and its value are encoded");
            group.throughput(Throughput::Elements(keys.len() as u64));
            group.bench_function(BenchmarkId::new(name, len), |b| {
                b.iter(|| encode(&mut encoder, &mut out, black_box(&keys), black_box(&value)));
            });
        }
    }
    group.finish();
}

fn checksum(c: &mut Criterion) {
    let mut group = c.benchmark_group("crc64");
    for len in [16, 256, 4096, 256 * 1024] {
        let bytes = words(len);
        group.throughput(Throughput::Bytes(len as u64));
        group.bench_function(BenchmarkId::from_parameter(len), |b| {
            b.iter(|| {
                let mut crc = Crc64::new();
                crc.update(black_box(&bytes));
                crc.value()
            });
        });
    }
    group.finish();
}

fn compression(c: &mut Criterion) {
    let mut group = c.benchmark_group("lzf-compress");
    for len in [64, 256, 8192] {
        let bytes = words(len);
        let mut encoder = LzfEncoder::new();
        let mut out = Vec::new();
        assert!(encoder.compress(&bytes, &mut out, len).is_some());
        group.throughput(Throughput::Bytes(len as u64));
        group.bench_function(BenchmarkId::from_parameter(len), |b| {
            b.iter(|| {
                out.clear();
                encoder.compress(black_box(&bytes), &mut out, len)
            });
        });
    }
    group.finish();
}

criterion_group!(benches, strings, checksum, compression);
criterion_main!(benches);
