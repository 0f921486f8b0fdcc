//! `cargo xtask compat`: every real server, and liblzf, as an oracle, in both directions.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use crate::failure::Failure;
use crate::program;
use crate::step::{self, Needs, Step, Work};
use crate::workspace::Workspace;

/// Read what every real server saves, have every server load what we save for it, and compare LZF
/// with liblzf.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {}

/// Inputs that are given to both codecs of LZF.
const LZF_INPUTS: &str = "100000";
/// Length of the files that the codec writes and reads in 64 MiB.
const FILE_BYTES: &str = "4294967296";

/// Runs the command.
///
/// # Errors
///
/// [`Failure::Missing`] without servers, [`Failure::Counted`] when something comes back unequal.
pub(crate) fn run(workspace: &Workspace, _options: &Options) -> Result<(), Failure> {
    let folder = workspace.servers();
    let programs = programs(&folder)?;
    let step = |name, package: &str, test, variables: &[(&str, OsString)]| {
        let mut cargo = workspace.cargo(&["test", "--release", "--package", package]);
        cargo.args(["--test", test, "--", "--nocapture"]);
        cargo.envs(variables.iter().map(|(name, value)| (name, value)));
        Step {
            name,
            needs: Needs::Nothing,
            work: Work::Command(cargo),
        }
    };
    step::run_all(vec![
        step(
            "strings of liblzf",
            "rdb-format",
            "liblzf",
            &[
                ("FORKLESS_LIBLZF", "required".into()),
                ("FORKLESS_TEST_SEEDS", LZF_INPUTS.into()),
            ],
        ),
        step(
            "files of 4 GiB in 64 MiB",
            "rdb-format",
            "memory",
            &[("FORKLESS_MEMORY_BYTES", FILE_BYTES.into())],
        ),
        step(
            "values of the codec",
            "rdb-format",
            "servers",
            &[("FORKLESS_RDB_SERVERS", join(&programs)?)],
        ),
        step(
            "files of every server",
            "forkless",
            "compat",
            &[("FORKLESS_SERVERS", folder.into())],
        ),
    ])
}

/// The servers in `folder`, one folder each, and that of the system.
fn programs(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let fetched = fs::read_dir(folder).into_iter().flatten();
    let mut programs = fetched
        .filter_map(Result::ok)
        .flat_map(|entry| ["redis-server", "valkey-server"].map(|name| entry.path().join(name)))
        .filter(|program| program.is_file())
        .collect::<Vec<_>>();
    if programs.is_empty() {
        return Err(Failure::Missing {
            what: format!("no servers in {}", folder.display()),
            remedy: "cargo xtask setup --servers".to_owned(),
        });
    }
    let system = program::on_path("redis-server").ok_or_else(|| Failure::Missing {
        what: "redis-server is not installed".to_owned(),
        remedy: "cargo xtask setup".to_owned(),
    })?;
    programs.push(system);
    programs.sort();
    Ok(programs)
}

fn join(programs: &[PathBuf]) -> Result<OsString, Failure> {
    std::env::join_paths(programs).map_err(|error| Failure::Unexpected {
        from: "the target folder's name".to_owned(),
        said: error.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_servers_the_remedy_is_named() {
        let folder = tempfile::tempdir().unwrap();
        for path in [folder.path(), &folder.path().join("absent")] {
            let failure = programs(path).unwrap_err().to_string();
            assert!(
                failure.ends_with("cargo xtask setup --servers"),
                "{failure}"
            );
        }
    }

    #[test]
    fn servers_are_found_one_folder_deep_and_in_the_system() {
        let folder = tempfile::tempdir().unwrap();
        for (line, file) in [("valkey-9.1", "valkey-server"), ("redis-6.2", "redis-cli")] {
            let line = folder.path().join(line);
            fs::create_dir(&line).unwrap();
            fs::write(line.join(file), "").unwrap();
        }
        let found = programs(folder.path()).unwrap();
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found.contains(&folder.path().join("valkey-9.1/valkey-server")));
    }
}
