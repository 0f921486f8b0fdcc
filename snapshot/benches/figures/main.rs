//! Where the nanoseconds of a save go, key by key, and what a second shard is worth.
//!
//! `cargo bench -p snapshot --bench figures -- [--quick] [PART…]` prints one JSON object per row
//! and nothing else: a name, a unit, and one sample per round. Less is better. The stages take
//! turns within each round, so that all of them see the same machine.
#![expect(clippy::unwrap_used, reason = "a bench that fails must stop")]
#![expect(clippy::print_stdout, reason = "rows go to standard output")]
#![expect(
    clippy::cast_precision_loss,
    reason = "figures are shown with a few digits"
)]

mod bytes;
mod data;
mod row;
mod shards;
mod stages;

use std::env;

use crate::data::DataSet;

/// How much to measure.
#[derive(Clone, Copy, Debug)]
struct Extent {
    /// Times that everything has its turn.
    rounds: usize,
    /// Keys are divided by this.
    divisor: u32,
}

/// One kind of measurement, and its name on the command line.
type Part = (&'static str, fn(Extent, DataSet));

const PARTS: [Part; 2] = [("stages", stages::measure), ("shards", shards::measure)];

fn main() {
    let quick = env::args().any(|argument| argument == "--quick");
    let extent = if quick {
        Extent {
            rounds: 3,
            divisor: 10,
        }
    } else {
        Extent {
            rounds: 7,
            divisor: 1,
        }
    };
    let named: Vec<_> = env::args()
        .skip(1)
        .filter(|argument| !argument.starts_with("--"))
        .collect();
    let is_named = |name: &str| named.is_empty() || named.iter().any(|wanted| wanted == name);
    for (name, measure) in PARTS {
        for set in data::SETS {
            if is_named(name) || named.contains(&format!("{name}-{}", set.value_bytes)) {
                measure(extent, set);
            }
        }
    }
}
