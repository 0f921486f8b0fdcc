//! `cargo xtask fuzz`: every decoder of bytes from outside, against inputs that a fuzzer finds.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::failure::Failure;
use crate::program;
use crate::rocksdb;
use crate::step::{self, Needs, Step, Work};
use crate::workspace::Workspace;

/// Run fuzz targets; a crash fails, and the input that caused it is kept.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Seconds for each target.
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..))]
    seconds: u64,
    /// Which targets to run, by their names or as `crate/name`; all of them when none is named.
    #[arg(value_name = "TARGET")]
    targets: Vec<String>,
}

/// The fuzz crates, from the root.
const CRATES: &[&str] = &["rdb-format/fuzz", EPAXOS, "snapshot/fuzz", "forkless/fuzz"];

/// The fuzz crate that links RocksDB.
const EPAXOS: &str = "epaxos-store/fuzz";

/// An input that takes longer than this, in seconds, is a hang.
const INPUT_SECONDS_MAX: u64 = 10;

/// Runs the command.
///
/// # Errors
///
/// [`Failure::Missing`] without the nightly toolchain, cargo-fuzz or a named target,
/// [`Failure::Counted`] when a target crashes.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<(), Failure> {
    let targets = chosen(all(workspace)?, &options.targets)?;
    tools()?;
    if targets.iter().any(|target| target.krate == EPAXOS) {
        rocksdb::compile(workspace)?;
    }
    let fuzz = Fuzz {
        workspace,
        target: workspace.target().join("fuzz"),
        seconds: options.seconds,
    };
    let names: Vec<String> = targets.iter().map(Target::full_name).collect();
    let steps = targets.iter().zip(&names).map(|(target, name)| Step {
        name,
        needs: Needs::Nothing,
        work: Work::Check(Box::new(|| fuzz.run(target))),
    });
    step::run_all(steps.collect())
}

/// One program that a fuzzer drives.
#[derive(Clone, Debug, Eq, PartialEq)]
struct Target {
    name: String,
    /// Its crate, from the root.
    krate: &'static str,
}

impl Target {
    /// `crate/name`: targets of two crates may share a name.
    fn full_name(&self) -> String {
        let krate = self.krate.trim_end_matches("/fuzz");
        format!("{krate}/{}", self.name)
    }

    fn is(&self, wanted: &str) -> bool {
        self.name == wanted || self.full_name() == wanted
    }
}

/// Every target of every crate.
fn all(workspace: &Workspace) -> Result<Vec<Target>, Failure> {
    let mut all = Vec::new();
    for &krate in CRATES {
        let manifest = workspace.root().join(krate).join("Cargo.toml");
        let text = fs::read_to_string(&manifest).map_err(Failure::file(&manifest))?;
        let names = targets(&text).into_iter();
        all.extend(names.map(|name| Target { name, krate }));
    }
    Ok(all)
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
fn chosen(all: Vec<Target>, wanted: &[String]) -> Result<Vec<Target>, Failure> {
    let is_known = |name: &&String| all.iter().any(|target| target.is(name));
    if let Some(name) = wanted.iter().find(|name| !is_known(name)) {
        let names = all.iter().map(Target::full_name);
        return Err(Failure::Missing {
            what: format!("there is no fuzz target {name}"),
            remedy: format!("name one of {}", names.collect::<Vec<_>>().join(", ")),
        });
    }
    let is_wanted =
        |target: &Target| wanted.is_empty() || wanted.iter().any(|wanted| target.is(wanted));
    Ok(all.into_iter().filter(is_wanted).collect())
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
struct Fuzz<'a> {
    workspace: &'a Workspace,
    /// What is built and found goes here.
    target: PathBuf,
    seconds: u64,
}

impl Fuzz<'_> {
    fn run(&self, target: &Target) -> Result<(), Failure> {
        let folder = self.workspace.root().join(target.krate);
        let artifacts = folder.join("artifacts").join(&target.name);
        let before = files(&artifacts);
        let result = program::show(&mut self.command(target, &folder)?);
        let mut new = files(&artifacts).into_iter();
        match (result, new.find(|file| !before.contains(file))) {
            (_, Some(artifact)) => Err(Failure::Crash {
                target: target.full_name(),
                artifact,
            }),
            (result, None) => result,
        }
    }

    /// Inputs that reach new code go to the target folder; those in the repository are read only.
    fn command(&self, target: &Target, folder: &Path) -> Result<Command, Failure> {
        let found = self.target.join("corpus").join(target.full_name());
        fs::create_dir_all(&found).map_err(Failure::file(&found))?;
        let mut command = nightly();
        if target.krate == EPAXOS {
            rocksdb::link(self.workspace, &mut command)?;
        }
        command.args(["fuzz", "run", "--fuzz-dir"]).arg(folder);
        command.arg("--target-dir").arg(&self.target);
        command.arg(&target.name).arg(found);
        let kept = folder.join("corpus").join(&target.name);
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

    fn parsed() -> Vec<Target> {
        let krate = CRATES[0];
        let names = targets(MANIFEST).into_iter();
        names.map(|name| Target { name, krate }).collect()
    }

    #[test]
    fn this_workspace_has_targets_for_its_decoders() {
        let all = all(&Workspace::find().unwrap()).unwrap();
        let names: BTreeSet<_> = all.iter().map(Target::full_name).collect();
        assert_eq!(names.len(), all.len(), "two targets share a name");
        for (name, krate) in [
            ("lzf", CRATES[0]),
            ("frames", EPAXOS),
            ("frames", CRATES[2]),
            ("requests", CRATES[3]),
        ] {
            let name = name.to_owned();
            assert!(all.contains(&Target { name, krate }), "{all:?}");
        }
    }

    #[test]
    fn all_targets_run_unless_some_are_named() {
        let all = parsed();
        assert_eq!(chosen(all.clone(), &[]).unwrap(), all);
        for name in ["lzf", "rdb-format/lzf"] {
            let one = chosen(all.clone(), &[name.to_owned()]).unwrap();
            assert_eq!(one, all[1..]);
        }
        chosen(all, &["snapshot/lzf".to_owned()]).unwrap_err();
    }

    #[test]
    fn an_unknown_target_is_answered_with_those_that_are() {
        let refused = chosen(parsed(), &["lz4".to_owned()]).unwrap_err();
        assert_eq!(
            refused.to_string(),
            "there is no fuzz target lz4; to get it: name one of rdb-format/events, rdb-format/lzf"
        );
    }

    #[test]
    fn what_is_found_stays_out_of_the_repository() {
        let folder = tempfile::tempdir().unwrap();
        let workspace = Workspace::find().unwrap();
        let fuzz = Fuzz {
            workspace: &workspace,
            target: folder.path().join("target"),
            seconds: 7,
        };
        let crates = folder.path().join("fuzz");
        fs::create_dir_all(crates.join("corpus/lzf")).unwrap();
        let target = &parsed()[1];
        let line = program::line(&fuzz.command(target, &crates).unwrap());
        let (found, kept) = ("target/corpus/rdb-format/lzf", "fuzz/corpus/lzf");
        // New inputs go to the first folder that is named.
        assert!(
            line.find(found).unwrap() < line.find(kept).unwrap(),
            "{line}"
        );
        assert!(line.contains(" -max_total_time=7 "), "{line}");
    }
}
