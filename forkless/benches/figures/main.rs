//! What writes to a huge value cost while it is saved, and what memory saving takes.
//!
//! `cargo bench -p forkless --bench figures -- [--quick] [PART…]` prints one JSON object per row
//! and nothing else: a name, a unit, one sample of ours per round, and the goal. Parts: `writes`;
//! `memory`, or `memory/KIND` for one of its kinds of data, such as `memory/hash`.
#![expect(clippy::unwrap_used, reason = "a bench that fails must stop")]
#![expect(clippy::print_stdout, reason = "rows go to standard output")]
#![expect(
    clippy::cast_precision_loss,
    reason = "nanoseconds and bytes are far below 2^52"
)]

mod change;
mod memory;
mod resident;
mod row;
mod store;
mod writes;

use std::env;

/// As in the program.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// How much to measure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Extent {
    Full,
    /// Smaller data, fewer rounds: whether it works.
    Quick,
}

fn main() {
    let arguments: Vec<String> = env::args().skip(1).collect();
    if let [first, kind, data_bytes, budget_bytes] = arguments.as_slice()
        && first == memory::CHILD
    {
        memory::run_child(
            kind,
            data_bytes.parse().unwrap(),
            budget_bytes.parse().unwrap(),
        );
        return;
    }
    let quick = arguments.iter().any(|argument| argument == "--quick");
    let extent = if quick { Extent::Quick } else { Extent::Full };
    let named = arguments
        .iter()
        .filter(|argument| !argument.starts_with("--"));
    let named: Vec<&str> = named.map(String::as_str).collect();
    let is_named = |part: &str| named.is_empty() || named.contains(&part);
    if is_named("writes") {
        writes::measure(extent);
    }
    for kind in memory::KINDS {
        if is_named("memory") || is_named(&format!("memory/{kind}")) {
            memory::measure(kind, extent);
        }
    }
}
