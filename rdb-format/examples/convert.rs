//! Rewrites a file for an older or other server: `cargo run --example convert in.rdb 11 out.rdb`.
//!
//! The number is the RDB version of the server: 9 for Redis 5 and 6, 10 for 7.0, 11 for 7.2 and
//! Valkey 8, 12 for 7.4 to 8.4, 80 for Valkey 9. What it cannot hold is left out and named.
#![expect(clippy::print_stderr, reason = "it says what is lost")]

use std::error::Error;
use std::fs::File;
use std::io::Write;
use std::path::Path;

use rdb_format::{Compression, Crc64, Encoder, Encodings, Losses, Reader, Target};

/// Bytes to collect before they are written.
const PIECE_BYTES: usize = 1 << 20;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let mut argument = || {
        arguments
            .next()
            .ok_or("usage: convert <in> <version> <out>")
    };
    let (input, version, output) = (argument()?, argument()?, argument()?);
    convert(input.as_ref(), version.parse()?, output.as_ref())
}

pub(crate) fn convert(input: &Path, version: u32, output: &Path) -> Result<(), Box<dyn Error>> {
    let target = Target::from_rdb_version(version).ok_or("no such version")?;
    let mut encoder = Encoder::new(target, Compression::Lzf)
        .with_encodings(Encodings::SERVERS)
        .allow(Losses::Any);
    let mut reader = Reader::new(File::open(input)?);
    let mut output = File::create(output)?;
    let mut crc = Crc64::new();
    let mut piece = Vec::new();
    encoder.header(&mut piece);
    let mut db = None;
    while let Some(entry) = reader.next_entry()? {
        if db.replace(entry.db) != Some(entry.db) {
            encoder.select_db(&mut piece, entry.db);
        }
        if let Err(error) = encoder.record(&mut piece, &entry) {
            eprintln!("left out: {error}");
        }
        if piece.len() >= PIECE_BYTES {
            crc.update(&piece);
            output.write_all(&piece)?;
            piece.clear();
        }
    }
    for (key, loss) in encoder.losses() {
        eprintln!("{}: lost {loss}", key.escape_ascii());
    }
    crc.update(&piece);
    encoder.end(&mut piece, Some(crc));
    output.write_all(&piece)?;
    Ok(())
}
