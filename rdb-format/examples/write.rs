//! Writes a file from scratch, one value of it in pieces: `cargo run --example write new.rdb`.

use std::error::Error;
use std::fs::File;
use std::path::Path;

use rdb_format::{Compression, Element, Encoder, Encodings, Target, Value, ValueType, Writer};

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args_os().nth(1).ok_or("which file?")?;
    write(path.as_ref())
}

pub(crate) fn write(path: &Path) -> Result<(), Box<dyn Error>> {
    let encoder =
        Encoder::new(Target::Redis72, Compression::Lzf).with_encodings(Encodings::SERVERS);
    let mut writer = Writer::new(File::create(path)?, encoder);
    writer.append(|encoder, out| encoder.aux(out, b"redis-bits", b"64"))?;

    let greeting = Value::String(b"hello".to_vec());
    writer.entry(b"greeting", Some(4_102_444_800_000), &greeting)?;
    let primes = ["2", "3", "5", "7"].map(|prime| prime.as_bytes().to_vec());
    writer.entry(b"primes", None, &Value::Set(primes.to_vec()))?;

    // A list of a million elements, of which no more than a few are in memory at once.
    writer.begin(b"numbers", ValueType::List, None, 1_000_000)?;
    for number in 0..1_000_000 {
        writer.element(Element::Item(format!("number {number}").as_bytes()))?;
    }

    let (file, _) = writer.finish()?;
    // Only now is it whole; and only when this has returned does it outlive a power cut.
    file.sync_all()?;
    Ok(())
}
