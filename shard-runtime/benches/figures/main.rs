//! What a message, a call, a cut and an idle set cost, beside a thread behind `crossbeam` channels.
//!
//! `cargo bench -p shard-runtime --bench figures -- [--quick] [PART…]` prints one JSON object per
//! row and nothing else: a name, a unit, one sample of ours per round, those of the peers, and the
//! goal. Less is better. Ours and the peer take turns within each round, so that both see the same
//! machine; read ratios of medians.
#![expect(clippy::unwrap_used, reason = "a bench that fails must stop")]
#![expect(clippy::print_stdout, reason = "rows go to standard output")]
#![expect(
    clippy::cast_precision_loss,
    reason = "nanoseconds of a round are far below 2^52"
)]

mod calls;
mod cuts;
mod idle;
mod peer;
mod row;
mod sends;
mod shares;

use std::env;

/// How much to measure.
#[derive(Clone, Copy, Debug)]
struct Extent {
    /// Times that ours and the peer take turns.
    rounds: usize,
    /// Operations of one round are divided by this.
    divisor: usize,
}

/// One kind of measurement, and its name on the command line.
type Part = (&'static str, fn(Extent));

const PARTS: [Part; 5] = [
    ("calls", calls::measure),
    ("sends", sends::measure),
    ("cuts", cuts::measure),
    ("idle", idle::measure),
    ("shares", shares::measure),
];

fn main() {
    let quick = env::args().any(|argument| argument == "--quick");
    let extent = if quick {
        Extent {
            rounds: 3,
            divisor: 10,
        }
    } else {
        Extent {
            rounds: 15,
            divisor: 1,
        }
    };
    let named: Vec<_> = env::args()
        .skip(1)
        .filter(|argument| !argument.starts_with("--"))
        .collect();
    for (name, measure) in PARTS {
        if named.is_empty() || named.iter().any(|wanted| wanted == name) {
            measure(extent);
        }
    }
}
