//! What a second shard is worth to a save.

use std::fs;
use std::path::Path;

use crate::bench::forkless::Forkless;
use crate::bench::memory;
use crate::bench::peer::PEERS;
use crate::bench::row::{Goal, Row};
use crate::bench::sample::Sample;
use crate::bench::snapshot::against::ROUNDS;
use crate::bench::snapshot::data::DataSet;
use crate::failure::Failure;
use crate::workspace::Workspace;

/// Saves of one shard and of two, in turns.
///
/// # Errors
///
/// [`Failure`] when a server cannot make the data, or our program cannot save it.
pub(crate) fn rows(
    workspace: &Workspace,
    forkless: &Forkless,
    set: &DataSet,
    folder: &Path,
) -> Result<Vec<Row>, Failure> {
    let (input, output) = (folder.join("input.rdb"), folder.join("output.rdb"));
    make(workspace, set, folder, &input)?;
    let (mut one, mut two, mut ratio) = (Sample::default(), Sample::default(), Sample::default());
    let save = |shards| -> Result<f64, Failure> {
        memory::have_at_hand(set.store_bytes());
        let saved = forkless.save(&input, &output, shards, set.keys)?;
        fs::remove_file(&output).map_err(Failure::file(&output))?;
        Ok(saved.save_seconds)
    };
    for round in 1..=ROUNDS {
        eprintln!("one shard and two: round {round} of {ROUNDS}");
        let (of_one, of_two) = (save(1)?, save(2)?);
        one.add(of_one);
        two.add(of_two);
        ratio.add(of_one / of_two);
    }
    let row = |name: String, unit: &str, ours| Row {
        name,
        unit: unit.to_owned(),
        ours,
        peers: Vec::new(),
        goal: Goal::Nothing,
    };
    Ok(vec![
        row(format!("save {}, 1 shard", set.name), "s", one),
        row(format!("save {}, 2 shards", set.name), "s", two),
        row(format!("save {}, 1 shard / 2 shards", set.name), "x", ratio),
    ])
}

/// Has a server make the data, and leaves its file at `input`.
fn make(workspace: &Workspace, set: &DataSet, folder: &Path, input: &Path) -> Result<(), Failure> {
    let fill = set.content.command(set.keys);
    for candidate in PEERS {
        let data = folder.join(candidate.name);
        if let Some(peer) = candidate.start(workspace, &data, set.keys, &fill)? {
            peer.save_seconds()?;
            return fs::rename(peer.file(), input).map_err(Failure::file(input));
        }
    }
    Err(Failure::Missing {
        what: "no server could make the data".to_owned(),
        remedy: "cargo xtask setup".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::snapshot::data::{Content, QUICK};

    #[test]
    fn the_ratio_is_that_of_each_round() {
        let workspace = Workspace::find().unwrap();
        let folder = tempfile::tempdir().unwrap();
        // It is asked `save INPUT OUTPUT --shards N --json`.
        let figures = "{\\\"keys\\\":100,\\\"load_seconds\\\":1,\\\"save_seconds\\\":$((6 / $5)),\
                       \\\"resident_bytes_empty\\\":1,\\\"resident_bytes_loaded\\\":2}";
        let script = format!("cp \"$2\" \"$3\" && echo \"{figures}\"");
        let forkless = Forkless::standing_in(folder.path(), &script);
        let set = DataSet {
            keys: 100,
            content: Content::Strings { value_bytes: 16 },
            ..QUICK
        };
        let data = tempfile::tempdir().unwrap();
        let rows = rows(&workspace, &forkless, &set, data.path()).unwrap();
        let medians = rows.iter().map(|row| row.ours.median());
        assert_eq!(
            medians.collect::<Vec<_>>(),
            [Some(6.0), Some(3.0), Some(2.0)]
        );
    }
}
