//! Copies the keys that start with a prefix, without a look into their values:
//! `cargo run --example filter in.rdb user: out.rdb`.

use std::error::Error;
use std::fs::File;
use std::io::Write;
use std::path::Path;

use rdb_format::{Compression, Crc64, Encoder, Reader, Target};

/// Bytes to collect before they are written.
const PIECE_BYTES: usize = 1 << 20;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let mut argument = || arguments.next().ok_or("usage: filter <in> <prefix> <out>");
    let (input, prefix, output) = (argument()?, argument()?, argument()?);
    filter(input.as_ref(), &prefix, output.as_ref())
}

pub(crate) fn filter(input: &Path, prefix: &str, output: &Path) -> Result<(), Box<dyn Error>> {
    let mut reader = Reader::new(File::open(input)?);
    let mut output = File::create(output)?;
    let mut crc = Crc64::new();
    let mut piece = Vec::new();
    let mut encoder = None;
    let mut db = None;
    while let Some(entry) = reader.next_raw_entry()? {
        // The header is read by now: what wrote the file can load the copy.
        let encoder = encoder.get_or_insert_with(|| {
            let target = Target::from_rdb_version(reader.version()).unwrap_or_default();
            let mut encoder = Encoder::new(target, Compression::None);
            encoder.header(&mut piece);
            encoder
        });
        if entry.key.starts_with(prefix.as_bytes()) {
            if db.replace(entry.db) != Some(entry.db) {
                encoder.select_db(&mut piece, entry.db);
            }
            encoder.raw_entry(&mut piece, &entry)?;
        }
        if piece.len() >= PIECE_BYTES {
            crc.update(&piece);
            output.write_all(&piece)?;
            piece.clear();
        }
    }
    let mut encoder = encoder.ok_or("the file has no keys")?;
    crc.update(&piece);
    encoder.end(&mut piece, Some(crc));
    output.write_all(&piece)?;
    Ok(())
}
