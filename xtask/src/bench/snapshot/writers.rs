//! What writers to a live store feel while it is saved, and what the save costs in memory.

use std::fs;
use std::path::Path;

use crate::bench::forkless::{Demonstrated, Forkless};
use crate::bench::memory;
use crate::bench::row::{Goal, Row};
use crate::bench::sample::Sample;
use crate::bench::snapshot::against::ROUNDS;
use crate::bench::snapshot::data::{Content, DataSet};
use crate::failure::Failure;

/// Writers as fast as they can be, or with so many operations a second in all.
///
/// # Errors
///
/// [`Failure`] when our program cannot do its part.
pub(crate) fn rows(
    forkless: &Forkless,
    set: &DataSet,
    rate: Option<u32>,
    folder: &Path,
) -> Result<Vec<Row>, Failure> {
    let Content::Strings { value_bytes } = set.content else {
        unreachable!("the demo writes strings");
    };
    let out = folder.join("demo");
    let mut seen = Vec::new();
    for round in 1..=ROUNDS {
        eprintln!("writes during a save: round {round} of {ROUNDS}");
        memory::have_at_hand(set.store_bytes());
        seen.push(forkless.demo(&out, set.keys, value_bytes, rate)?);
        fs::remove_dir_all(&out).map_err(Failure::file(&out))?;
    }
    let load = rate.map_or_else(|| "as many as fit".to_owned(), |rate| format!("{rate}/s"));
    Ok(rows_of(&seen, &load))
}

/// What a row shows of one demo.
type Figure = fn(&Demonstrated) -> f64;

/// The rows, but for that of the memory, whose goal is the budget.
///
/// The design bounds what the shard adds to a write. What a writer waits depends as much on who
/// else wants the cores, and is shown beside it; and so does how long a shard takes when it has to
/// wait for a core in the middle of a write, so the time that it had one is shown, too.
const ROWS: [(&str, &str, Goal, Figure); 14] = [
    (
        "write on the shard, p99.9, idle",
        "us",
        Goal::Nothing,
        |demo| demo.shard.p999_before_us,
    ),
    (
        "write on the shard, p99.9, saving",
        "us",
        Goal::Nothing,
        |demo| demo.shard.p999_during_us,
    ),
    (
        "write on the shard, p99.9, saving / idle",
        "x",
        Goal::AtMost(1.5),
        |demo| demo.shard.p999_during_us / demo.shard.p999_before_us,
    ),
    (
        "write on the shard, longest, idle",
        "us",
        Goal::Nothing,
        |demo| demo.shard.longest_before_us,
    ),
    (
        "write on the shard, longest while saving",
        "us",
        Goal::AtMost(1000.0),
        |demo| demo.shard.longest_during_us,
    ),
    (
        "write on the shard, processor time, p99.9, idle",
        "us",
        Goal::Nothing,
        |demo| demo.processor.p999_before_us,
    ),
    (
        "write on the shard, processor time, p99.9, saving / idle",
        "x",
        Goal::Nothing,
        |demo| demo.processor.p999_during_us / demo.processor.p999_before_us,
    ),
    (
        "write on the shard, processor time, longest, idle",
        "us",
        Goal::Nothing,
        |demo| demo.processor.longest_before_us,
    ),
    (
        "write on the shard, processor time, longest while saving",
        "us",
        Goal::Nothing,
        |demo| demo.processor.longest_during_us,
    ),
    (
        "write at the writer, p99.9, idle",
        "us",
        Goal::Nothing,
        |demo| demo.writer.p999_before_us,
    ),
    (
        "write at the writer, p99.9, saving / idle",
        "x",
        Goal::Nothing,
        |demo| demo.writer.p999_during_us / demo.writer.p999_before_us,
    ),
    (
        "write at the writer, longest while saving",
        "us",
        Goal::Nothing,
        |demo| demo.writer.longest_during_us,
    ),
    ("writes, saving / idle", "x", Goal::Nothing, |demo| {
        demo.writer.per_s_during / demo.writer.per_s_before
    }),
    ("save meanwhile", "s", Goal::Nothing, |demo| demo.seconds),
];

fn rows_of(seen: &[Demonstrated], load: &str) -> Vec<Row> {
    const MEBIBYTE: f64 = 1024.0 * 1024.0;
    let budgets = seen.iter().map(|demo| demo.budget_bytes / MEBIBYTE);
    let memory: (&str, &str, Goal, Figure) = (
        "extra memory while saving",
        "MiB",
        Goal::AtMost(budgets.fold(f64::MAX, f64::min)),
        |demo| demo.extra_memory_bytes / MEBIBYTE,
    );
    let rows = ROWS.into_iter().chain([memory]);
    let row = |(name, unit, goal, figure): (&str, &str, Goal, Figure)| {
        let mut ours = Sample::default();
        for demo in seen {
            ours.add(figure(demo));
        }
        Row {
            name: format!("{name} ({load})"),
            unit: unit.to_owned(),
            ours,
            peers: Vec::new(),
            goal,
        }
    };
    rows.map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::forkless::Writes;

    #[test]
    fn memory_is_judged_by_the_budget_the_program_had() {
        let writes = |factor: f64| Writes {
            p999_before_us: 2.0,
            p999_during_us: 2.0 * factor,
            longest_before_us: 1000.0,
            longest_during_us: 1000.0 * factor,
            per_s_before: 20.0,
            per_s_during: 15.0,
        };
        let demo = |extra: f64| Demonstrated {
            shard: writes(1.25),
            processor: writes(1.0),
            writer: writes(9.0),
            seconds: 1.0,
            extra_memory_bytes: extra * 1024.0 * 1024.0,
            budget_bytes: 64.0 * 1024.0 * 1024.0,
        };
        let rows = rows_of(&[demo(63.0), demo(64.0), demo(65.0)], "all");
        let reached = rows
            .iter()
            .filter_map(|row| Some((row.name.as_str(), row.reached()?)))
            .collect::<Vec<_>>();
        assert_eq!(
            reached,
            [
                ("write on the shard, p99.9, saving / idle (all)", true),
                ("write on the shard, longest while saving (all)", false),
                ("extra memory while saving (all)", true),
            ]
        );
        assert_eq!(rows.last().unwrap().goal, Goal::AtMost(64.0));
    }
}
