//! What a replica does all day, in turns with others doing the same writes: one row of JSON per
//! figure on stdout. Less is better in all of them.
//!
//! `cargo bench -p epaxos-store --bench figures`; `-- --quick` with a tenth of the data. The
//! words after the options choose rows by parts of their names: `64 writers`, `8 writers`,
//! `1 writer`, `stream`, `tail`, `purge`, `reopen`. `EPAXOS_STORE_BENCH_DIR` chooses the disk;
//! otherwise the build directory's is measured.

#![expect(clippy::unwrap_used, reason = "a benchmark stops at the first failure")]
#![expect(
    clippy::cast_precision_loss,
    reason = "figures have fewer digits than a float"
)]

mod bare;
mod stores;
mod tree;
mod work;
mod writers;

use std::path::PathBuf;

use serde_json::{Value, json};
use tempfile::TempDir;

/// How much is measured.
struct Scale {
    rounds: usize,
    /// Transactions of one thread alone; more threads do more.
    transactions: u64,
    /// Instances that are purged, streamed and installed.
    instances: u64,
}

const FULL: Scale = Scale {
    rounds: 5,
    transactions: 5000,
    instances: 1_000_000,
};

const QUICK: Scale = Scale {
    rounds: 3,
    transactions: 500,
    instances: 100_000,
};

/// Which rows are measured.
struct Choice(Vec<String>);

impl Choice {
    /// True if the row `name` is among them.
    fn has(&self, name: &str) -> bool {
        self.0.is_empty() || self.0.iter().any(|word| name.contains(word.as_str()))
    }
}

/// A folder on the disk that is measured.
fn folder() -> TempDir {
    let chosen = std::env::var_os("EPAXOS_STORE_BENCH_DIR").map(PathBuf::from);
    let folder = chosen.unwrap_or_else(|| PathBuf::from(env!("CARGO_TARGET_TMPDIR")));
    tempfile::tempdir_in(folder).unwrap()
}

#[expect(clippy::print_stdout, reason = "the rows are what this program is for")]
fn print(name: &str, unit: &str, ours: &[f64], peers: &[(&str, &[f64])], goal: &Value) {
    let peers = peers
        .iter()
        .map(|(name, figure)| json!({"name": name, "figure": figure}))
        .collect::<Vec<_>>();
    let mut row = json!({"name": name, "unit": unit, "ours": ours, "peers": peers});
    if !goal.is_null() {
        row["goal"] = goal.clone();
    }
    println!("{row}");
}

fn main() {
    let (options, words) = std::env::args()
        .skip(1)
        .partition::<Vec<_>, _>(|argument| argument.starts_with('-'));
    let is_quick = options.iter().any(|option| option == "--quick");
    let scale = if is_quick { QUICK } else { FULL };
    let choice = Choice(words);
    for writers in [64, 8, 1] {
        writers::measure(&scale, writers, &choice);
    }
    stores::measure(&scale, &choice);
}
