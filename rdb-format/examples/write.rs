//! Writes a file from scratch, one value of it in pieces: `cargo run --example write new.rdb`.

use std::fs::File;
use std::io::Write;

use rdb_format::{Compression, Crc64, Encoder, Encodings, Target, Value, ValueType};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args_os().nth(1).ok_or("which file?")?;
    let mut file = File::create(path)?;
    let mut encoder =
        Encoder::new(Target::Redis72, Compression::Lzf).with_encodings(Encodings::SERVERS);
    let mut crc = Crc64::new();
    let mut out = Vec::new();
    encoder.header(&mut out);
    encoder.aux(&mut out, b"redis-bits", b"64");
    encoder.select_db(&mut out, 0);

    let greeting = Value::String(b"hello".to_vec());
    encoder.entry(&mut out, b"greeting", Some(4_102_444_800_000), &greeting)?;
    let primes = ["2", "3", "5", "7"].map(|prime| prime.as_bytes().to_vec());
    encoder.entry(&mut out, b"primes", None, &Value::Set(primes.to_vec()))?;

    // A list of a million elements, of which no more than a few are in memory at once.
    encoder.key(&mut out, b"numbers", ValueType::List, None);
    encoder.length(&mut out, 1_000_000);
    for number in 0..1_000_000 {
        encoder.string(&mut out, format!("number {number}").as_bytes());
        if out.len() >= 64 * 1024 {
            crc.update(&out);
            file.write_all(&out)?;
            out.clear();
        }
    }

    crc.update(&out);
    encoder.end(&mut out, Some(crc));
    file.write_all(&out)?;
    Ok(())
}
