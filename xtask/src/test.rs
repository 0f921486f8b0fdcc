//! `cargo xtask test`: everything that continuous integration runs, in one order.

use crate::failure::Failure;
use crate::loom;
use crate::ring::{self, Answer};
use crate::rocksdb;
use crate::setup;
use crate::step::{self, Needs, Step, Work};
use crate::tidy;
use crate::workspace::Workspace;

/// Run everything that continuous integration runs; ends with `N passed, N failed`.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Leave out epaxos-store and the store of forkless, planted bugs, loom models and the
    /// documentation.
    #[arg(long)]
    quick: bool,
}

/// Enough to find every planted bug, and a matter of seconds; `cargo xtask loom` goes deeper.
const PREEMPTIONS: u32 = 2;

/// Tests that must find the bugs planted in the crates that they are of, or below them: the names
/// of steps, and what they run. Those of shard-runtime are found by its models; its tests must pass
/// all the same where bugs could be planted.
const PLANTED: [(&str, &[&str]); 3] = [
    (
        "planted bugs",
        &[
            "--lib",
            "--tests",
            "--no-fail-fast",
            "--package",
            "aligned-io",
            "--package",
            "dash-table",
            "--package",
            "shard-runtime",
            "--package",
            "snapshot",
        ],
    ),
    (
        "planted bugs, simulation",
        &[
            "--package",
            "snapshot",
            "--features",
            "sim,replication",
            "--test",
            "simulation",
            "--test",
            "fillings",
        ],
    ),
    (
        "planted bugs, deltas",
        &["--package", "forkless", "--test", "objects"],
    ),
];

/// Runs the command.
///
/// # Errors
///
/// [`Failure::Counted`] when anything failed.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<(), Failure> {
    let mut steps = vec![
        Step {
            name: "setup",
            needs: Needs::Nothing,
            work: Work::Check(Box::new(setup::system)),
        },
        command(
            workspace,
            "format",
            Needs::Nothing,
            &["fmt", "--all", "--check"],
        ),
        command(workspace, "clippy", Needs::Nothing, CLIPPY),
        Step {
            name: "tidy",
            needs: Needs::Nothing,
            work: Work::Check(Box::new(|| tidy::check(workspace.root()))),
        },
    ];
    steps.extend(tests(workspace, ring::ask(workspace)));
    steps.extend([
        command(workspace, "documentation examples", Needs::Build, EXAMPLES),
        command(workspace, "clippy, simulation", Needs::Nothing, CLIPPY_SIM),
        command(workspace, "simulation of shards", Needs::Build, SIMULATION),
        command(
            workspace,
            "simulation of snapshots",
            Needs::Build,
            SNAPSHOTS,
        ),
    ]);
    if !options.quick {
        steps.push(Step {
            name: "RocksDB",
            needs: Needs::Nothing,
            work: Work::Check(Box::new(|| rocksdb::compile(workspace))),
        });
        for (name, arguments) in [
            ("clippy, epaxos-store", CLIPPY_EPAXOS),
            ("epaxos-store", EPAXOS),
            ("clippy, snapshot of records, metrics", CLIPPY_RECORDS),
            ("snapshot of records, metrics", RECORDS),
            ("clippy, forkless store", CLIPPY_STORE),
            ("forkless store", STORE),
        ] {
            let mut cargo = workspace.cargo(arguments);
            rocksdb::link(workspace, &mut cargo)?;
            steps.push(Step {
                name,
                needs: Needs::Build,
                work: Work::Command(cargo),
            });
        }
        steps.extend(PLANTED.map(|(name, tests)| planted(workspace, name, tests)));
        steps.extend(loom::steps(workspace, PREEMPTIONS)?);
        steps.push(documentation(workspace)?);
    }
    step::run_all(steps)
}

/// `--keep-going`: what one crate does wrong must not hide what others do.
const CLIPPY: &[&str] = &[
    "clippy",
    "--workspace",
    "--exclude",
    "epaxos-store",
    "--all-targets",
    "--keep-going",
    "--",
    "-D",
    "warnings",
];
const TESTS: &[&str] = &[
    "test",
    "--workspace",
    "--exclude",
    "epaxos-store",
    "--lib",
    "--bins",
    "--tests",
    "--no-fail-fast",
];
const EXAMPLES: &[&str] = &[
    "test",
    "--workspace",
    "--exclude",
    "epaxos-store",
    "--doc",
    "--no-fail-fast",
];

/// Apart from the rest, and not in a quick run: the first time, it compiles RocksDB.
const CLIPPY_EPAXOS: &[&str] = &[
    "clippy",
    "--package",
    "epaxos-store",
    "--all-targets",
    "--features",
    "failpoints",
    "--",
    "-D",
    "warnings",
];
const EPAXOS: &[&str] = &[
    "test",
    "--package",
    "epaxos-store",
    "--features",
    "failpoints",
    "--no-fail-fast",
];
const CLIPPY_RECORDS: &[&str] = &[
    "clippy",
    "--package",
    "snapshot",
    "--lib",
    "--test",
    "records",
    "--test",
    "events",
    "--features",
    "epaxos,metrics",
    "--",
    "-D",
    "warnings",
];
const RECORDS: &[&str] = &[
    "test",
    "--package",
    "snapshot",
    "--features",
    "epaxos,metrics",
    "--test",
    "records",
    "--test",
    "events",
];
const CLIPPY_STORE: &[&str] = &[
    "clippy",
    "--package",
    "forkless",
    "--all-targets",
    "--features",
    "epaxos",
    "--",
    "-D",
    "warnings",
];
const STORE: &[&str] = &[
    "test",
    "--package",
    "forkless",
    "--features",
    "epaxos",
    "--test",
    "store",
];

/// Apart from the rest: with the feature, locks and waits are not those that users get.
const CLIPPY_SIM: &[&str] = &[
    "clippy",
    "--package",
    "shard-runtime",
    "--package",
    "snapshot",
    "--all-targets",
    "--features",
    "sim,snapshot/replication",
    "--",
    "-D",
    "warnings",
];
const SIMULATION: &[&str] = &[
    "test",
    "--package",
    "shard-runtime",
    "--features",
    "sim",
    "--no-fail-fast",
];

/// Only the simulation: with the feature, everything is too small for the other tests.
const SNAPSHOTS: &[&str] = &[
    "test",
    "--package",
    "snapshot",
    "--features",
    "sim,replication",
    "--test",
    "simulation",
    "--test",
    "fillings",
    "--test",
    "fuzzing_peers",
];

/// `RUSTFLAGS` as the user set it, with `configuration` added.
pub(crate) fn rustflags(configuration: &str) -> String {
    match std::env::var("RUSTFLAGS") {
        Ok(set) if !set.is_empty() => format!("{set} {configuration}"),
        _ => configuration.to_owned(),
    }
}

fn command(
    workspace: &Workspace,
    name: &'static str,
    needs: Needs,
    arguments: &[&str],
) -> Step<'static> {
    Step {
        name,
        needs,
        work: Work::Command(workspace.cargo(arguments)),
    }
}

/// The tests; where `io_uring` is granted, none of them may skip itself, and where it is not, the
/// end of the run says so. That nobody could ask is a failure.
fn tests(workspace: &Workspace, answer: Answer) -> Vec<Step<'static>> {
    let mut cargo = workspace.cargo(TESTS);
    let left_out = match answer {
        Answer::Granted => {
            cargo.env(ring::REQUIRED.0, ring::REQUIRED.1);
            None
        }
        Answer::Refused(failure) => Some(Work::Skip(failure.to_string())),
        Answer::Unasked(failure) => Some(Work::Check(Box::new(|| Err(failure)))),
    };
    let tests = Step {
        name: "unit and integration tests",
        needs: Needs::Build,
        work: Work::Command(cargo),
    };
    let left_out = left_out.map(|work| Step {
        name: "tests over io_uring",
        needs: Needs::Nothing,
        work,
    });
    std::iter::once(tests).chain(left_out).collect()
}

/// Each planted bug must be found by the same checks that pass without it.
///
/// Another configuration compiles everything anew, so it has a target folder of its own, and
/// optimises, because the checks run tens of thousands of random schedules per bug.
fn planted(workspace: &Workspace, name: &'static str, tests: &[&str]) -> Step<'static> {
    let mut cargo = workspace.cargo(&["test", "--release"]);
    cargo
        .args(tests)
        .arg("--target-dir")
        .arg(workspace.target().join("planted"))
        .env("RUSTFLAGS", rustflags("--cfg planted"));
    Step {
        name,
        needs: Needs::Build,
        work: Work::Command(cargo),
    }
}

fn documentation(workspace: &Workspace) -> Result<Step<'static>, Failure> {
    let mut cargo = workspace.cargo(&["doc", "--workspace", "--no-deps"]);
    cargo.env("RUSTDOCFLAGS", "-D warnings");
    rocksdb::link(workspace, &mut cargo)?;
    Ok(Step {
        name: "documentation",
        needs: Needs::Build,
        work: Work::Command(cargo),
    })
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;

    use super::*;

    fn steps_where(answer: Answer) -> Vec<Step<'static>> {
        tests(&Workspace::find().unwrap(), answer)
    }

    fn missing(what: &str) -> Failure {
        Failure::Missing {
            what: what.to_owned(),
            remedy: "none".to_owned(),
        }
    }

    fn requires_io_uring(step: &Step<'_>) -> bool {
        let Work::Command(command) = &step.work else {
            panic!("{} runs no tests", step.name)
        };
        let (name, value) = (OsStr::new(ring::REQUIRED.0), OsStr::new(ring::REQUIRED.1));
        command.get_envs().any(|set| set == (name, Some(value)))
    }

    #[test]
    fn no_test_may_skip_itself_where_io_uring_is_granted() {
        let steps = steps_where(Answer::Granted);
        assert_eq!(steps.len(), 1);
        assert!(requires_io_uring(&steps[0]));
    }

    #[test]
    fn run_says_which_tests_io_uring_was_refused_to() {
        let steps = steps_where(Answer::Refused(missing("io_uring is refused")));
        assert_eq!(steps.len(), 2);
        assert!(!requires_io_uring(&steps[0]));
        let Work::Skip(reason) = &steps[1].work else {
            panic!("what was not run is not told")
        };
        assert!(reason.starts_with("io_uring is refused"), "{reason}");
    }

    #[test]
    fn run_fails_where_nobody_could_ask() {
        let mut steps = steps_where(Answer::Unasked(missing("a compiler")));
        assert!(!requires_io_uring(&steps[0]));
        let Some(Work::Check(check)) = steps.pop().map(|step| step.work) else {
            panic!("what was not asked is not told")
        };
        assert!(check().unwrap_err().to_string().starts_with("a compiler"));
    }
}
