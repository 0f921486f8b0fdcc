//! Ours and its peers in turns, several rounds in one run, as rows of JSON on stdout.
//!
//! `cargo bench -p rdb-format --bench figures -- [--quick] [WORD…]`; with words, only the data sets
//! with one of them in their name.
//!
//! Every data set is encoded and decoded as a whole stream, with its checksum, on one core. The
//! peers do the same with the same data as far as they can: the crate `rdb` parses our file; real
//! servers load it, `SAVE` it again (the figure beside our encoding) and
//! `DEBUG RELOAD NOSAVE NOFLUSH` it into an empty database (beside our decoding), in a folder in
//! memory where there is one. liblzf compresses and expands the same text in the same chunks, in a
//! process of its own that times itself.
//!
//! Servers keep streams and small collections as they are stored, so the rows that say "whole" do,
//! too: containers come checked as [`Values::Packed`], streams as [`Values::Raw`], and what is
//! written was kept as a [`RawEntry`].
//!
//! `FORKLESS_REDIS` and `FORKLESS_VALKEY` name the servers' programs; without them they are
//! `redis-server` and what `cargo xtask setup` has put under `target`.
//!
//! [`RawEntry`]: rdb_format::RawEntry
//! [`Values::Packed`]: rdb_format::Values::Packed
//! [`Values::Raw`]: rdb_format::Values::Raw

mod codec;
mod data;
mod liblzf;
mod row;
mod server;

use std::error::Error;

use crate::row::Row;

/// How much is measured.
struct Extent {
    rounds: usize,
    /// What each data set is divided by.
    divisor: usize,
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut extent = Extent {
        rounds: 7,
        divisor: 1,
    };
    let mut wanted = Vec::new();
    for argument in std::env::args().skip(1) {
        match argument.as_str() {
            "--quick" => {
                extent = Extent {
                    rounds: 3,
                    divisor: 5,
                }
            }
            "--bench" => {}
            word => wanted.push(word.to_owned()),
        }
    }
    let asked =
        |name: &str| wanted.is_empty() || wanted.iter().any(|word| name.contains(word.as_str()));
    for set in data::SETS.iter().filter(|set| asked(set.name)) {
        print(&codec::rows(set, &extent)?)?;
    }
    for chunk_bytes in [256, 8192] {
        if asked(&liblzf::name(chunk_bytes)) {
            print(&liblzf::rows(chunk_bytes, &extent)?)?;
        }
    }
    Ok(())
}

fn print(rows: &[Row]) -> std::io::Result<()> {
    rows.iter().try_for_each(Row::print)
}
