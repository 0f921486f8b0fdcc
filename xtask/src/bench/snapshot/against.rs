//! Saving and loading beside real servers, in turns on the same disk.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::bench::forkless::Forkless;
use crate::bench::memory;
use crate::bench::peer::{PEERS, Peer};
use crate::bench::row::{Goal, PeerFigure, Row};
use crate::bench::sample::Sample;
use crate::bench::snapshot::data::DataSet;
use crate::failure::Failure;
use crate::program;
use crate::workspace::Workspace;

/// How often everyone has a turn; an odd number, so that the median is a figure that was seen.
pub(crate) const ROUNDS: usize = 5;

/// Shards of the store that is saved.
const SHARDS: u32 = 2;

/// One server's turns, or the reason that it has none.
struct Turns {
    name: String,
    peer: Result<Peer, String>,
    figures: Sample,
}

/// Saves, and the memory that a key takes.
///
/// # Errors
///
/// [`Failure`] when a server or our program cannot do its part.
pub(crate) fn saving(
    workspace: &Workspace,
    forkless: &Forkless,
    set: &DataSet,
    folder: &Path,
) -> Result<Vec<Row>, Failure> {
    let mut turns = start_peers(workspace, set, folder)?;
    let (input, output) = (folder.join("input.rdb"), folder.join("output.rdb"));
    let (mut save, mut key_bytes) = (Sample::default(), Sample::default());
    for round in 1..=ROUNDS {
        eprintln!("save {}: round {round} of {ROUNDS}", set.name);
        for turn in &mut turns {
            if let Ok(peer) = &turn.peer {
                memory::have_at_hand(set.store_bytes());
                turn.figures.add(peer.save_seconds()?);
            }
        }
        if round == 1 {
            keep_first_file(&turns, &input)?;
        }
        memory::have_at_hand(set.store_bytes());
        let saved = forkless.save(&input, &output, SHARDS, set.keys)?;
        save.add(saved.save_seconds);
        key_bytes.add(saved.store_bytes / to_f64(set.keys));
        if round == 1 {
            // Figures of a file that no server would load are worth nothing.
            program::output(Command::new("redis-check-rdb").arg(&output))?;
        }
        fs::remove_file(&output).map_err(Failure::file(&output))?;
    }
    let goal = set
        .times
        .map_or(Goal::Nothing, |times| Goal::Times(times.save));
    let mut rows = vec![row("save", "s", set, save, &turns, goal)];
    for turn in &mut turns {
        if let Ok(peer) = &turn.peer {
            turn.figures = Sample::default();
            turn.figures.add(peer.store_bytes / to_f64(set.keys));
        }
    }
    let goal = set.key_bytes_max.map_or(Goal::Nothing, Goal::AtMost);
    rows.push(row("memory per key", "B", set, key_bytes, &turns, goal));
    Ok(rows)
}

/// Loads of the file that the first server made, ours, and of their own, the servers: all in
/// processes that have just started.
///
/// Nobody's store is in memory while another loads: of a machine of 24 GiB, three stores of 2 GB
/// with their files would leave little to load into.
///
/// # Errors
///
/// As [`saving`].
pub(crate) fn loading(
    workspace: &Workspace,
    forkless: &Forkless,
    set: &DataSet,
    folder: &Path,
) -> Result<Vec<Row>, Failure> {
    let mut turns = start_peers(workspace, set, folder)?;
    for turn in &mut turns {
        if let Ok(peer) = &mut turn.peer {
            peer.save_seconds()?;
            peer.stop();
        }
    }
    let (input, output) = (folder.join("input.rdb"), folder.join("output.rdb"));
    keep_first_file(&turns, &input)?;
    let mut load = Sample::default();
    for round in 1..=ROUNDS {
        eprintln!("load {}: round {round} of {ROUNDS}", set.name);
        for turn in &mut turns {
            if let Ok(peer) = &mut turn.peer {
                memory::have_at_hand(set.store_bytes());
                turn.figures.add(peer.load_seconds()?);
            }
        }
        memory::have_at_hand(set.store_bytes());
        let saved = forkless.save(&input, &output, SHARDS, set.keys)?;
        load.add(saved.load_seconds);
        fs::remove_file(&output).map_err(Failure::file(&output))?;
    }
    let goal = set
        .times
        .map_or(Goal::Nothing, |times| Goal::Times(times.load));
    Ok(vec![row("load", "s", set, load, &turns, goal)])
}

fn row(what: &str, unit: &str, set: &DataSet, ours: Sample, turns: &[Turns], goal: Goal) -> Row {
    Row {
        name: format!("{what} {}", set.name),
        unit: unit.to_owned(),
        ours,
        peers: turns.iter().map(Turns::figure).collect(),
        goal,
    }
}

impl Turns {
    fn figure(&self) -> PeerFigure {
        let figure = match &self.peer {
            Ok(_) => Ok(self.figures.clone()),
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
        let fill = set.content.command(set.keys);
        let peer = candidate.start(workspace, &data, set.keys, &fill)?;
        let name = peer
            .as_ref()
            .map_or(candidate.name, |peer| &peer.name)
            .to_owned();
        let peer = peer.ok_or_else(|| "not fetched: cargo xtask setup --servers".to_owned());
        turns.push(Turns {
            name,
            peer,
            figures: Sample::default(),
        });
    }
    Ok(turns)
}

/// Copies what the first peer saved, so that its next save does not race our load.
fn keep_first_file(turns: &[Turns], input: &Path) -> Result<(), Failure> {
    let file = turns
        .iter()
        .find_map(|turn| turn.peer.as_ref().ok())
        .map(Peer::file)
        .ok_or_else(|| Failure::Missing {
            what: "no server could make the data".to_owned(),
            remedy: "cargo xtask setup".to_owned(),
        })?;
    fs::copy(&file, input).map_err(Failure::file(&file))?;
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "shown with a few digits")]
fn to_f64(number: u64) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::snapshot::data::{Content, Times};

    const FEW: DataSet = DataSet {
        name: "few",
        keys: 1000,
        content: Content::Strings { value_bytes: 16 },
        times: Some(Times {
            save: 1.0,
            load: 1.0,
        }),
        key_bytes_max: Some(60.0),
    };

    const FIGURES: &str = r#"{"keys":1000,"load_seconds":1,"save_seconds":2,
        "resident_bytes_empty":1000,"resident_bytes_loaded":51000}"#;

    /// A program that is asked `save INPUT OUTPUT --shards 2 --json`.
    fn standing_in(folder: &Path, copy: &str) -> Forkless {
        Forkless::standing_in(
            folder,
            &format!("{copy} && echo '{}'", FIGURES.replace('\n', "")),
        )
    }

    #[test]
    fn everyone_has_the_same_turns() {
        let workspace = Workspace::find().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let forkless = standing_in(folder.path(), "cp \"$2\" \"$3\"");
        let data = tempfile::tempdir().unwrap();
        let mut rows = saving(&workspace, &forkless, &FEW, data.path()).unwrap();
        let data = tempfile::tempdir().unwrap();
        rows.extend(loading(&workspace, &forkless, &FEW, data.path()).unwrap());
        let figures = rows
            .iter()
            .map(|row| (row.name.as_str(), row.ours.median()))
            .collect::<Vec<_>>();
        assert_eq!(
            figures,
            [
                ("save few", Some(2.0)),
                ("memory per key few", Some(50.0)),
                ("load few", Some(1.0)),
            ]
        );
        for row in &rows {
            assert_eq!(row.peers.len(), PEERS.len());
            assert!(row.best_peer().is_some());
        }
        assert_eq!(rows[1].reached(), Some(true));
    }

    #[test]
    fn a_server_can_be_filled_with_collections() {
        let workspace = Workspace::find().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let mixed = DataSet {
            content: Content::Mixed,
            ..FEW
        };
        let turns = start_peers(&workspace, &mixed, folder.path()).unwrap();
        assert!(turns.iter().any(|turn| turn.peer.is_ok()));
    }

    #[test]
    fn a_save_that_no_server_would_load_is_no_result() {
        let workspace = Workspace::find().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let forkless = standing_in(folder.path(), "head -c 20 \"$2\" > \"$3\"");
        let data = tempfile::tempdir().unwrap();
        let refused = saving(&workspace, &forkless, &FEW, data.path())
            .unwrap_err()
            .to_string();
        assert!(refused.starts_with("redis-check-rdb: "), "{refused}");
    }
}
