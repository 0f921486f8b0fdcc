//! The table's figures beside hashbrown's, measured in turns in one run.
//!
//! `cargo bench -p dash-table --bench figures -- [--quick] [words of row names]`
//!
//! Each row is one line of JSON on standard output. `--quick` leaves out 10 M entries.
//! Both maps have the same hasher, with the same seed.

mod clock;
mod cuts;
mod entry;
mod growth;
mod map;
mod operation;
mod row;

use crate::entry::{Entry, Pair, Wide};
use crate::map::{Ours, Peer};
use crate::operation::{Choice, Operation, Subject};
use crate::row::{Goal, Row};

/// What was asked for on the command line.
struct Options {
    sizes: &'static [(u64, &'static str)],
    words: Vec<String>,
}

const SIZES: [(u64, &str); 3] = [(1_000, "1 K"), (1_000_000, "1 M"), (10_000_000, "10 M")];

/// Measurements of each row.
const ROUNDS: usize = 5;

impl Options {
    fn of_this_process() -> Self {
        let mut arguments: Vec<String> = std::env::args().skip(1).collect();
        let is_quick = arguments.iter().any(|argument| argument == "--quick");
        arguments.retain(|argument| !argument.starts_with("--"));
        Self {
            sizes: if is_quick { &SIZES[..2] } else { &SIZES },
            words: arguments,
        }
    }

    fn wants(&self, row: &str) -> bool {
        self.words.iter().all(|word| row.contains(word))
    }
}

fn main() {
    let options = Options::of_this_process();
    for &size in options.sizes {
        operations::<Pair>(size, &options);
        operations::<Wide>(size, &options);
        cut_costs::<Pair>(size, &options);
        grow::<Pair>(size, &options);
    }
}

/// What an overwrite costs while a cut is open.
fn cut_costs<E: Entry>((size, name): (u64, &str), options: &Options) {
    let choice = Choice::<E>::new(size);
    for state in cuts::State::ALL {
        let title = format!("overwrite, {}, {name} {}", state.name(), E::NAME);
        let mut row = Row::new(title, "ns", None);
        if options.wants(&row.name) {
            for _ in 0..ROUNDS {
                row.ours.push(cuts::overwrite::<E>(size, state, &choice));
            }
            row.print();
        }
    }
}

/// The longest single insert, and how evenly memory follows the entries.
fn grow<E: Entry>((size, name): (u64, &str), options: &Options) {
    let most = Some(Goal::AtMost(100.0));
    let title = format!("longest single insert, {name} {}", E::NAME);
    let mut row = Row::new(title, "us", most);
    if size >= 1_000_000 && options.wants(&row.name) {
        for _ in 0..ROUNDS {
            row.ours
                .push(growth::longest_insert::<E, Ours<E::Key, E::Value>>(size));
            row.peer
                .push(growth::longest_insert::<E, Peer<E::Key, E::Value>>(size));
        }
        row.print();
    }
    let most = Some(Goal::AtMost(100.0));
    let title = format!("longest single insert, memory at hand, {name} {}", E::NAME);
    let mut row = Row::new(title, "us", most);
    if size >= 1_000_000 && options.wants(&row.name) {
        let lid = growth::memory_at_hand::<E, Ours<E::Key, E::Value>>(size);
        for _ in 0..ROUNDS {
            row.ours
                .push(growth::longest_insert::<E, Ours<E::Key, E::Value>>(size));
        }
        drop(lid);
        row.print();
    }
    let most = Some(Goal::AtMost(1.35));
    let title = format!(
        "most bytes over mean in a doubling, up to {name} {}",
        E::NAME
    );
    let mut row = Row::new(title, "times", most);
    if size >= 1_000_000 && options.wants(&row.name) {
        // The hasher's seed is fixed, so one round is as good as many.
        let ours = growth::curve::<E, Ours<E::Key, E::Value>>(size);
        let peer = growth::curve::<E, Peer<E::Key, E::Value>>(size);
        row.ours.push(growth::worst_over_mean(&ours));
        row.peer.push(growth::worst_over_mean(&peer));
        row.print();
    }
}

/// Every operation on maps of `size` entries.
fn operations<E: Entry>((size, name): (u64, &str), options: &Options) {
    let mut rows: Vec<(Operation, Row)> = Operation::ALL
        .into_iter()
        .map(|operation| {
            let title = format!("{}, {name} {}", operation.name(), E::NAME);
            (operation, Row::new(title, "ns", goal(operation, size)))
        })
        .collect();
    if !rows.iter().any(|(_, row)| options.wants(&row.name)) {
        return;
    }
    // Growing from empty is needed by all that follow it.
    rows.retain(|(operation, row)| {
        *operation == Operation::InsertFromEmpty || options.wants(&row.name)
    });
    let choice = Choice::<E>::new(size);
    let mut ours = Subject::<E, Ours<E::Key, E::Value>>::new(size);
    let mut peer = Subject::<E, Peer<E::Key, E::Value>>::new(size);
    for _ in 0..ROUNDS {
        for (operation, row) in &mut rows {
            row.ours.push(ours.measure(*operation, &choice));
            row.peer.push(peer.measure(*operation, &choice));
        }
    }
    for (_, row) in rows.iter().filter(|(_, row)| options.wants(&row.name)) {
        row.print();
    }
}

/// What the design asks of 10 M entries.
fn goal(operation: Operation, size: u64) -> Option<Goal> {
    let times = match operation {
        _ if size < 10_000_000 => return None,
        Operation::GetHit | Operation::GetMiss => 1.0 / 1.3,
        Operation::InsertFromEmpty => 1.0,
        Operation::Iterate => 0.5,
        _ => return None,
    };
    Some(Goal::TimesTheBestPeer(times))
}
