//! `cargo xtask fuzz`: every decoder of bytes from outside, against inputs that a fuzzer finds.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::failure::Failure;
use crate::program;
use crate::step::{self, Needs, Step, Work};
use crate::workspace::Workspace;

/// Run fuzz targets of `rdb-format`; a crash fails, and the input that caused it is kept.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Seconds for each target.
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..))]
    seconds: u64,
    /// Which targets to run; all of them when none is named.
    #[arg(value_name = "TARGET")]
    targets: Vec<String>,
}

/// The fuzz crate, from the root.
const CRATE: &str = "rdb-format/fuzz";

/// An input that takes longer than this, in seconds, is a hang.
const INPUT_SECONDS_MAX: u64 = 10;

/// Runs the command.
///
/// # Errors
///
/// [`Failure::Missing`] without the nightly toolchain, cargo-fuzz or a named target,
/// [`Failure::Counted`] when a target crashes.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<(), Failure> {
    let folder = workspace.root().join(CRATE);
    let manifest = folder.join("Cargo.toml");
    let text = fs::read_to_string(&manifest).map_err(Failure::file(&manifest))?;
    let targets = chosen(targets(&text), &options.targets)?;
    tools()?;
    let fuzz = Fuzz {
        target: workspace.target().join("fuzz"),
        folder,
        seconds: options.seconds,
    };
    let steps = targets.iter().map(|target| Step {
        name: target,
        needs: Needs::Nothing,
        work: Work::Check(Box::new(|| fuzz.run(target))),
    });
    step::run_all(steps.collect())
}

/// The names of the programs in a manifest.
fn targets(manifest: &str) -> Vec<String> {
    let mut section = "";
    let mut names = Vec::new();
    for line in manifest.lines().map(str::trim) {
        if line.starts_with('[') {
            section = line;
        } else if section == "[[bin]]"
            && let Some((key, value)) = line.split_once('=')
            && key.trim() == "name"
        {
            names.push(value.trim().trim_matches('"').to_owned());
        }
    }
    names
}

/// Those of `all` that are `wanted`; all when nothing is.
fn chosen(all: Vec<String>, wanted: &[String]) -> Result<Vec<String>, Failure> {
    if let Some(name) = wanted.iter().find(|name| !all.contains(name)) {
        return Err(Failure::Missing {
            what: format!("there is no fuzz target {name}"),
            remedy: format!("name one of {}", all.join(", ")),
        });
    }
    Ok(if wanted.is_empty() {
        all
    } else {
        wanted.to_vec()
    })
}

/// Finds the nightly toolchain and cargo-fuzz, without which nothing runs.
fn tools() -> Result<(), Failure> {
    program::output(nightly().arg("--version")).map_err(|_| Failure::Missing {
        what: "fuzzing needs the nightly toolchain".to_owned(),
        remedy: "rustup toolchain install nightly --profile minimal".to_owned(),
    })?;
    program::output(nightly().args(["fuzz", "--version"])).map_err(|_| Failure::Missing {
        what: "cargo-fuzz is not installed".to_owned(),
        remedy: "cargo install cargo-fuzz".to_owned(),
    })?;
    Ok(())
}

/// The nightly cargo, also when a stable one started this program.
pub(crate) fn nightly() -> Command {
    let mut command = Command::new("rustup");
    command.args(["run", "nightly", "cargo"]);
    command
}

/// Where and for how long targets run.
struct Fuzz {
    /// The fuzz crate.
    folder: PathBuf,
    /// What is built and found goes here.
    target: PathBuf,
    seconds: u64,
}

impl Fuzz {
    fn run(&self, target: &str) -> Result<(), Failure> {
        let artifacts = self.folder.join("artifacts").join(target);
        let before = files(&artifacts);
        let result = program::show(&mut self.command(target)?);
        let mut new = files(&artifacts).into_iter();
        match (result, new.find(|file| !before.contains(file))) {
            (_, Some(artifact)) => Err(Failure::Crash {
                target: target.to_owned(),
                artifact,
            }),
            (result, None) => result,
        }
    }

    /// Inputs that reach new code go to the target folder; those in the repository are read only.
    fn command(&self, target: &str) -> Result<Command, Failure> {
        let found = self.target.join("corpus").join(target);
        fs::create_dir_all(&found).map_err(Failure::file(&found))?;
        let mut command = nightly();
        command
            .args(["fuzz", "run", "--fuzz-dir"])
            .arg(&self.folder);
        command.arg("--target-dir").arg(&self.target);
        command.arg(target).arg(found);
        let kept = self.folder.join("corpus").join(target);
        if kept.is_dir() {
            command.arg(kept);
        }
        command.arg("--");
        command.arg(format!("-max_total_time={}", self.seconds));
        command.arg(format!("-timeout={INPUT_SECONDS_MAX}"));
        command.args(["-print_final_stats=1", "-verbosity=0"]);
        Ok(command)
    }
}

/// The files of a folder; none when there is no such folder.
fn files(folder: &Path) -> BTreeSet<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    entries
        .filter_map(Result::ok)
        .map(|entry| entry.path())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANIFEST: &str = "[package]\nname = \"fuzz\"\n\n[[bin]]\nname = \"events\"\n\
                            path = \"name.rs\"\n\n[[bin]]\npath = \"x.rs\"\nname=\"lzf\"\n\
                            [dependencies]\nname = \"other\"\n";

    #[test]
    fn targets_are_the_programs_of_the_manifest() {
        assert_eq!(targets(MANIFEST), ["events", "lzf"]);
    }

    #[test]
    fn this_workspace_has_targets_for_its_decoders() {
        let workspace = Workspace::find().unwrap();
        let manifest = workspace.root().join(CRATE).join("Cargo.toml");
        let targets = targets(&fs::read_to_string(manifest).unwrap());
        assert!(targets.iter().any(|target| target == "lzf"), "{targets:?}");
    }

    #[test]
    fn all_targets_run_unless_some_are_named() {
        let all = targets(MANIFEST);
        assert_eq!(chosen(all.clone(), &[]).unwrap(), all);
        assert_eq!(chosen(all, &["lzf".to_owned()]).unwrap(), ["lzf"]);
    }

    #[test]
    fn an_unknown_target_is_answered_with_those_that_are() {
        let refused = chosen(targets(MANIFEST), &["lz4".to_owned()]).unwrap_err();
        assert_eq!(
            refused.to_string(),
            "there is no fuzz target lz4; to get it: name one of events, lzf"
        );
    }

    #[test]
    fn what_is_found_stays_out_of_the_repository() {
        let folder = tempfile::tempdir().unwrap();
        let fuzz = Fuzz {
            folder: folder.path().join("fuzz"),
            target: folder.path().join("target"),
            seconds: 7,
        };
        fs::create_dir_all(fuzz.folder.join("corpus/lzf")).unwrap();
        let line = program::line(&fuzz.command("lzf").unwrap());
        let (found, kept) = ("target/corpus/lzf", "fuzz/corpus/lzf");
        // New inputs go to the first folder that is named.
        assert!(
            line.find(found).unwrap() < line.find(kept).unwrap(),
            "{line}"
        );
        assert!(line.contains(" -max_total_time=7 "), "{line}");
    }
}
