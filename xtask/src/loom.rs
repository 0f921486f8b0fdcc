//! `cargo xtask loom`: every interleaving of the small concurrent parts, as models.

use std::fs;
use std::path::Path;

use crate::failure::Failure;
use crate::step::{self, Needs, Step, Work};
use crate::test::rustflags;
use crate::workspace::Workspace;

/// Run the loom models, then again with planted bugs that they must find.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// How many times a thread may be preempted in one schedule; each one more costs about
    /// ten times as long.
    #[arg(long, default_value_t = 3)]
    preemptions: u32,
}

/// Runs the command.
///
/// # Errors
///
/// [`Failure::Counted`] when a model fails or a planted bug is not found.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<(), Failure> {
    step::run_all(steps(workspace, options.preemptions)?)
}

/// The models as they should be, and with planted bugs.
///
/// # Errors
///
/// [`Failure::File`] when the workspace cannot be read.
pub(crate) fn steps(
    workspace: &Workspace,
    preemptions: u32,
) -> Result<Vec<Step<'static>>, Failure> {
    let crates = modelled(workspace.root())?;
    let step = |name, configuration: &str| {
        let needs = Needs::Build;
        if crates.is_empty() {
            return Step {
                name,
                needs,
                work: Work::Skip("no tests/loom_*.rs".to_owned()),
            };
        }
        let mut cargo = workspace.cargo(&["test", "--release", "--no-fail-fast"]);
        for package in &crates {
            cargo.args(["--package", package]);
        }
        cargo
            .args(["--test", "loom_*"])
            .arg("--target-dir")
            .arg(workspace.target().join("loom"))
            .env("RUSTFLAGS", rustflags(configuration))
            .env("LOOM_MAX_PREEMPTIONS", preemptions.to_string());
        Step {
            name,
            needs,
            work: Work::Command(cargo),
        }
    };
    Ok(vec![
        step("loom models", "--cfg loom"),
        step("loom models, planted bugs", "--cfg loom --cfg planted"),
    ])
}

/// The folders of `root` that hold a `tests/loom_*.rs`, in order.
fn modelled(root: &Path) -> Result<Vec<String>, Failure> {
    let mut crates = Vec::new();
    for entry in fs::read_dir(root).map_err(Failure::file(root))? {
        let entry = entry.map_err(Failure::file(root))?;
        if has_model(&entry.path().join("tests")) {
            crates.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    crates.sort();
    Ok(crates)
}

fn has_model(tests: &Path) -> bool {
    let Ok(entries) = fs::read_dir(tests) else {
        return false;
    };
    entries.filter_map(Result::ok).any(|entry| {
        let name = entry.file_name();
        let name = Path::new(&name);
        name.to_string_lossy().starts_with("loom_") && name.extension() == Some("rs".as_ref())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crates_with_models_are_found() {
        let root = tempfile::tempdir().unwrap();
        for (crate_name, file) in [
            ("shard-runtime", "loom_cut.rs"),
            ("aligned-io", "crash.rs"),
            ("a", "loom_x.md"),
        ] {
            let tests = root.path().join(crate_name).join("tests");
            fs::create_dir_all(&tests).unwrap();
            fs::write(tests.join(file), "").unwrap();
        }
        assert_eq!(modelled(root.path()).unwrap(), ["shard-runtime"]);
    }
}
