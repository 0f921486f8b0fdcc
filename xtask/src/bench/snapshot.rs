//! The main job: save and load against real servers, and what writers feel meanwhile.

use std::fs;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use crate::bench::forkless::{Demonstrated, Forkless};
use crate::bench::options::Extent;
use crate::bench::peer::{PEERS, Peer};
use crate::bench::row::{Goal, PeerFigure, Row};
use crate::bench::sample::Sample;
use crate::failure::Failure;
use crate::program;
use crate::workspace::Workspace;

/// How often everyone has a turn; an odd number, so that the median is a figure that was seen.
const ROUNDS: usize = 5;

/// Shards of the store that is saved.
const SHARDS: u32 = 2;

/// Data to save and load, and how many times better than the best peer we must be.
struct DataSet {
    name: &'static str,
    keys: u64,
    value_bytes: u64,
    save_times: f64,
    load_times: f64,
}

const QUICK: &[DataSet] = &[DataSet {
    name: "1 M x 100 B",
    keys: 1_000_000,
    value_bytes: 100,
    save_times: 5.0,
    load_times: 4.0,
}];

const FULL: &[DataSet] = &[
    DataSet {
        name: "5 M x 16 B",
        keys: 5_000_000,
        value_bytes: 16,
        save_times: 4.0,
        load_times: 4.0,
    },
    DataSet {
        name: "5 M x 100 B",
        keys: 5_000_000,
        value_bytes: 100,
        save_times: 5.0,
        load_times: 4.0,
    },
    DataSet {
        name: "2 M x 1 KB",
        keys: 2_000_000,
        value_bytes: 1000,
        save_times: 4.0,
        load_times: 4.0,
    },
];

/// Runs the bench.
///
/// # Errors
///
/// [`Failure`] when a server or our program cannot do its part.
pub(crate) fn run(workspace: &Workspace, extent: Extent) -> Result<Vec<Row>, Failure> {
    let forkless = Forkless::build(workspace)?;
    let sets = match extent {
        Extent::Quick => QUICK,
        Extent::Full => FULL,
    };
    let mut rows = Vec::new();
    for set in sets {
        rows.extend(save_and_load(workspace, &forkless, set)?);
    }
    rows.extend(writes_meanwhile(
        workspace,
        &forkless,
        &sets[sets.len() / 2],
    )?);
    Ok(rows)
}

/// A folder below the target folder: the same disk for everyone, and not a filesystem in memory.
///
/// Each set has its own, because a server loads the file that it finds when it starts.
fn folder_on_disk(workspace: &Workspace) -> Result<TempDir, Failure> {
    let target = workspace.target();
    tempfile::tempdir_in(target).map_err(Failure::file(target))
}

/// One server's turns, or the reason that it has none.
struct Turns {
    name: String,
    peer: Result<Peer, String>,
    save: Sample,
    load: Sample,
}

fn save_and_load(
    workspace: &Workspace,
    forkless: &Forkless,
    set: &DataSet,
) -> Result<Vec<Row>, Failure> {
    let folder = folder_on_disk(workspace)?;
    let mut turns = start_peers(workspace, set, folder.path())?;
    let input = folder.path().join("input.rdb");
    let output = folder.path().join("output.rdb");
    let (mut save, mut load) = (Sample::default(), Sample::default());
    for round in 1..=ROUNDS {
        eprintln!("{}: round {round} of {ROUNDS}", set.name);
        for turn in &mut turns {
            if let Ok(peer) = &turn.peer {
                turn.save.add(peer.save_seconds()?);
                turn.load.add(peer.load_seconds()?);
            }
        }
        if round == 1 {
            keep_first_file(&turns, &input)?;
        }
        let saved = forkless.save(&input, &output, SHARDS, set.keys)?;
        save.add(saved.save_seconds);
        load.add(saved.load_seconds);
        if round == 1 {
            // Figures of a file that no server would load are worth nothing.
            program::output(Command::new("redis-check-rdb").arg(&output))?;
        }
        fs::remove_file(&output).map_err(Failure::file(&output))?;
    }
    let row = |what: &str, ours, goal, figure: fn(&Turns) -> &Sample| Row {
        name: format!("{what} {}", set.name),
        unit: "s".to_owned(),
        ours,
        peers: turns.iter().map(|turn| turn.figure(figure(turn))).collect(),
        goal: Goal::Times(goal),
    };
    Ok(vec![
        row("save", save, set.save_times, |turn| &turn.save),
        row("load", load, set.load_times, |turn| &turn.load),
    ])
}

impl Turns {
    fn figure(&self, sample: &Sample) -> PeerFigure {
        let figure = match &self.peer {
            Ok(_) => Ok(sample.clone()),
            Err(reason) => Err(reason.clone()),
        };
        PeerFigure {
            name: self.name.clone(),
            figure,
        }
    }
}

fn start_peers(workspace: &Workspace, set: &DataSet, folder: &Path) -> Result<Vec<Turns>, Failure> {
    let mut turns = Vec::new();
    for candidate in PEERS {
        eprintln!("{}: filling {}", set.name, candidate.name);
        let data = folder.join(candidate.name);
        let peer = candidate.start(workspace, &data, set.keys, set.value_bytes)?;
        let name = peer
            .as_ref()
            .map_or(candidate.name, |peer| &peer.name)
            .to_owned();
        let peer = peer.ok_or_else(|| "not fetched: cargo xtask setup --servers".to_owned());
        turns.push(Turns {
            name,
            peer,
            save: Sample::default(),
            load: Sample::default(),
        });
    }
    Ok(turns)
}

/// Copies what the first peer saved, so that its next save does not race our load.
fn keep_first_file(turns: &[Turns], input: &Path) -> Result<(), Failure> {
    let peer = turns.iter().find_map(|turn| turn.peer.as_ref().ok());
    let file = peer.map(Peer::file).ok_or_else(|| Failure::Missing {
        what: "no server could make the data".to_owned(),
        remedy: "cargo xtask setup".to_owned(),
    })?;
    fs::copy(&file, input).map_err(Failure::file(&file))?;
    Ok(())
}

/// What writers to a live store feel while it is saved, and what the save costs in memory.
fn writes_meanwhile(
    workspace: &Workspace,
    forkless: &Forkless,
    set: &DataSet,
) -> Result<Vec<Row>, Failure> {
    let folder = folder_on_disk(workspace)?;
    let out = folder.path().join("demo");
    let mut seen = Vec::new();
    for round in 1..=ROUNDS {
        eprintln!("writes during a save: round {round} of {ROUNDS}");
        seen.push(forkless.demo(&out, set.keys, set.value_bytes)?);
        fs::remove_dir_all(&out).map_err(Failure::file(&out))?;
    }
    Ok(rows_of(&seen))
}

fn rows_of(seen: &[Demonstrated]) -> Vec<Row> {
    const MEBIBYTE: f64 = 1024.0 * 1024.0;
    let budget = seen
        .iter()
        .map(|demo| demo.budget_bytes / MEBIBYTE)
        .fold(f64::MAX, f64::min);
    let row = |name: &str, unit: &str, goal, figure: fn(&Demonstrated) -> f64| {
        let mut ours = Sample::default();
        for demo in seen {
            ours.add(figure(demo));
        }
        Row {
            name: name.to_owned(),
            unit: unit.to_owned(),
            ours,
            peers: Vec::new(),
            goal,
        }
    };
    // The design bounds what the shard adds to a write. What a writer waits depends as much on
    // who else wants the cores, and is shown beside it.
    vec![
        row(
            "write on the shard, p99.9, saving / idle",
            "x",
            Goal::AtMost(1.5),
            |demo| demo.shard.p999_during_over_before,
        ),
        row(
            "write on the shard, longest while saving",
            "us",
            Goal::AtMost(1000.0),
            |demo| demo.shard.longest_during_us,
        ),
        row(
            "write at the writer, p99.9, saving / idle",
            "x",
            Goal::Nothing,
            |demo| demo.writer.p999_during_over_before,
        ),
        row(
            "write at the writer, longest while saving",
            "us",
            Goal::Nothing,
            |demo| demo.writer.longest_during_us,
        ),
        row(
            "extra memory while saving",
            "MiB",
            Goal::AtMost(budget),
            |demo| demo.extra_memory_bytes / MEBIBYTE,
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::forkless::Writes;

    #[test]
    fn sets_follow_each_other_and_everyone_has_the_same_turns() {
        let workspace = Workspace::find().unwrap();
        let folder = tempfile::tempdir().unwrap();
        for keys in [1000, 500] {
            // It is asked `save INPUT OUTPUT --shards 2 --json`.
            let figures = format!("{{\"keys\":{keys},\"load_seconds\":1,\"save_seconds\":2}}");
            let script = format!("cp \"$2\" \"$3\" && echo '{figures}'");
            let forkless = Forkless::standing_in(folder.path(), &script);
            let set = DataSet {
                name: "few",
                keys,
                value_bytes: 16,
                save_times: 1.0,
                load_times: 1.0,
            };
            let rows = save_and_load(&workspace, &forkless, &set).unwrap();
            let [save, load] = rows.as_slice() else {
                panic!("{rows:?}")
            };
            assert_eq!(
                (save.ours.median(), load.ours.median()),
                (Some(2.0), Some(1.0))
            );
            assert_eq!(
                (save.name.as_str(), load.name.as_str()),
                ("save few", "load few")
            );
            for row in &rows {
                assert_eq!(row.peers.len(), PEERS.len());
                assert!(row.best_peer().is_some());
            }
        }
    }

    #[test]
    fn a_save_that_no_server_would_load_is_no_result() {
        let workspace = Workspace::find().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let figures = "{\"keys\":9,\"load_seconds\":1,\"save_seconds\":2}";
        let script = format!("head -c 20 \"$2\" > \"$3\" && echo '{figures}'");
        let forkless = Forkless::standing_in(folder.path(), &script);
        let set = DataSet {
            name: "cut",
            keys: 9,
            value_bytes: 9,
            save_times: 1.0,
            load_times: 1.0,
        };
        let refused = save_and_load(&workspace, &forkless, &set)
            .unwrap_err()
            .to_string();
        assert!(refused.starts_with("redis-check-rdb: "), "{refused}");
    }

    #[test]
    fn memory_is_judged_by_the_budget_the_program_had() {
        let demo = |extra: f64| Demonstrated {
            shard: Writes {
                p999_during_over_before: 1.25,
                longest_during_us: 2000.0,
            },
            writer: Writes {
                p999_during_over_before: 9.0,
                longest_during_us: 9000.0,
            },
            extra_memory_bytes: extra * 1024.0 * 1024.0,
            budget_bytes: 64.0 * 1024.0 * 1024.0,
        };
        let rows = rows_of(&[demo(63.0), demo(64.0), demo(65.0)]);
        let reached = rows.iter().map(Row::reached).collect::<Vec<_>>();
        assert_eq!(reached, [Some(true), Some(false), None, None, Some(true)]);
        assert_eq!(rows[4].goal, Goal::AtMost(64.0));
    }
}
