//! `cargo xtask sanitize`: tests on real threads under `ThreadSanitizer`, unsafe code under
//! `AddressSanitizer`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::failure::Failure;
use crate::fuzz::nightly;
use crate::program;
use crate::step::{self, Needs, Step, Work};
use crate::workspace::Workspace;

/// Run tests under `ThreadSanitizer` and `AddressSanitizer`, with the nightly toolchain.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// How many seeds of the snapshot's tests to try on real threads.
    #[arg(long, default_value_t = 20)]
    seeds: u64,
}

/// What `ThreadSanitizer` must not report of a standard library that comes compiled without it: its
/// generic code is instrumented where it is used, the rest is not.
const SUPPRESSIONS: &str = "\
# The last owner of an `Arc` meets the others by a fence, which ThreadSanitizer does not know.
# Only a library compiled for it uses a load instead.
race:alloc::sync::Arc*::drop_slow
race:drop_glue<alloc::sync::Arc<std::thread::thread::Inner
# The test harness hands over tests and what became of them through locks of its own. No pattern
# may be a frame of a test itself, as `test::run_test` is: it would hide all that the test does.
race:Mutex<core::option::Option<test::run_test
race:MaybeUninit<test::event::CompletedTest>
# `mpsc` keeps those who wait behind a lock inside the library.
race:std::sync::mpmc::waker::
";

/// A test with a data race beside an `Arc`, a channel and a join: what is suppressed must not hide
/// it.
const RACE: &str = "\
use std::{cell::UnsafeCell, sync::{Arc, mpsc}, thread};
struct Shared(UnsafeCell<u64>);
// SAFETY: none, and that is the point: two threads write at once.
unsafe impl Sync for Shared {}
#[test]
fn race() {
    let shared = Arc::new(Shared(UnsafeCell::new(0)));
    let (sender, receiver) = mpsc::channel();
    let threads = [1, 2].map(|step| {
        let (shared, sender) = (Arc::clone(&shared), sender.clone());
        thread::spawn(move || {
            sender.send(step).unwrap();
            for _ in 0..1000 {
                // SAFETY: none: this is the race.
                unsafe { *shared.0.get() += step }
            }
        })
    });
    drop(sender);
    assert_eq!(receiver.iter().sum::<u64>(), 3);
    for thread in threads {
        thread.join().unwrap();
    }
    // SAFETY: the other threads have ended.
    assert!(unsafe { *shared.0.get() } > 0);
}
";

/// Runs the command.
///
/// # Errors
///
/// [`Failure::Missing`] without the nightly toolchain, [`Failure::Counted`] when a sanitizer
/// reports anything, or does not report the race that it must find.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<(), Failure> {
    program::output(nightly().arg("--version")).map_err(|_| Failure::Missing {
        what: "sanitizers need the nightly toolchain".to_owned(),
        remedy: "rustup toolchain install nightly --profile minimal".to_owned(),
    })?;
    let sanitized = Sanitized::prepare(workspace)?;
    let seeds = ("FORKLESS_SIM_SEEDS", options.seeds.to_string());
    // Scoped threads, `OnceLock` and the end of a `Weak` pass through the library, which only its
    // source lets us compile with the sanitizer.
    let snapshot = match sanitized.library {
        Library::AsItComes => Step {
            name: "snapshot, threads",
            needs: Needs::Nothing,
            work: Work::Skip("rustup component add rust-src --toolchain nightly".to_owned()),
        },
        Library::FromSource => sanitized.test("snapshot, threads", "thread", "snapshot", &[seeds]),
    };
    step::run_all(vec![
        Step {
            name: "planted race",
            needs: Needs::Nothing,
            work: Work::Check(Box::new(|| sanitized.find_planted_race())),
        },
        sanitized.test("shard-runtime, threads", "thread", "shard-runtime", &[]),
        snapshot,
        sanitized.test("dash-table, addresses", "address", "dash-table", &[]),
    ])
}

/// Where sanitized programs are built and how they run.
struct Sanitized {
    root: PathBuf,
    target: PathBuf,
    library: Library,
}

/// How the standard library is linked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Library {
    /// Compiled without sanitizer.
    AsItComes,
    /// Compiled with it.
    FromSource,
}

impl Library {
    /// From its source, where the nightly toolchain has that.
    fn find() -> Result<Self, Failure> {
        let mut rustc = Command::new("rustup");
        let sysroot =
            program::output(rustc.args(["run", "nightly", "rustc", "--print", "sysroot"]))?;
        let source = Path::new(sysroot.trim()).join("lib/rustlib/src/rust/library/Cargo.lock");
        Ok(if source.exists() {
            Self::FromSource
        } else {
            Self::AsItComes
        })
    }
}

impl Sanitized {
    fn prepare(workspace: &Workspace) -> Result<Self, Failure> {
        let target = workspace.target().join("sanitize");
        fs::create_dir_all(&target).map_err(Failure::file(&target))?;
        let sanitized = Self {
            root: workspace.root().to_path_buf(),
            target,
            library: Library::find()?,
        };
        write(&sanitized.suppressions(), SUPPRESSIONS)?;
        Ok(sanitized)
    }

    fn suppressions(&self) -> PathBuf {
        self.target.join("suppressions.txt")
    }

    /// The tests of a package, compiled with a sanitizer.
    ///
    /// A triple is named so that build scripts and macros, which run inside the compiler, are
    /// compiled without it.
    fn test(
        &self,
        name: &'static str,
        sanitizer: &str,
        package: &str,
        environment: &[(&str, String)],
    ) -> Step<'static> {
        let mut cargo = nightly();
        cargo
            .args(["test", "--package", package, "--lib", "--tests"])
            .args(["--no-fail-fast", "--target", &triple()])
            .arg("--target-dir")
            .arg(self.target.join(sanitizer))
            .args((self.library == Library::FromSource).then_some("-Zbuild-std"))
            // The harness keeps what tests print behind locks inside the library.
            .args(["--", "--nocapture", "--test-threads=1"])
            .current_dir(&self.root)
            .stdin(Stdio::null())
            .env("RUSTFLAGS", flags(sanitizer).join(" "))
            .env("TSAN_OPTIONS", self.options())
            // What is too much to ask for is refused, as by other allocators, and does not end it.
            .env("ASAN_OPTIONS", "allocator_may_return_null=1")
            // Backtraces are made behind a lock inside the library.
            .env("RUST_BACKTRACE", "0");
        for (key, value) in environment {
            cargo.env(key, value);
        }
        Step {
            name,
            needs: Needs::Nothing,
            work: Work::Command(cargo),
        }
    }

    fn options(&self) -> String {
        format!("suppressions={}", self.suppressions().display())
    }

    /// Compiles and runs a program with a data race, as the tests are; it must be reported.
    fn find_planted_race(&self) -> Result<(), Failure> {
        let source = self.target.join("race.rs");
        let race = self.target.join("race");
        write(&source, RACE)?;
        let mut rustc = Command::new("rustup");
        rustc.args(["run", "nightly", "rustc", "--edition=2024", "--test", "-o"]);
        rustc.arg(&race).arg(&source).args(flags("thread"));
        program::show(rustc.arg("--target").arg(triple()))?;
        match program::output(Command::new(&race).env("TSAN_OPTIONS", self.options())) {
            Err(Failure::Exit { said, .. })
                if said.contains("data race") && said.contains("race::race") =>
            {
                Ok(())
            }
            Err(failure) => Err(failure),
            Ok(said) => Err(Failure::Unexpected {
                from: "a test with a data race".to_owned(),
                said: format!("no report, but {said:?}"),
            }),
        }
    }
}

/// The standard library is linked as it comes, although it is compiled without the sanitizer.
fn flags(sanitizer: &str) -> [String; 2] {
    [
        format!("-Zsanitizer={sanitizer}"),
        "-Cunsafe-allow-abi-mismatch=sanitizer".to_owned(),
    ]
}

fn triple() -> String {
    format!("{}-unknown-linux-gnu", std::env::consts::ARCH)
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    fs::write(path, text).map_err(Failure::file(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_suppression_is_a_frame_of_every_test() {
        let frames = [
            "test::run_test::{closure#0}",
            "test::run_test_in_process::{closure#0}",
            "test::__rust_begin_short_backtrace::<core::result::Result<(), String>>",
            "std::thread::lifecycle::spawn_unchecked::<test::run_test::{closure#1}, ()>",
        ];
        let patterns: Vec<_> = SUPPRESSIONS
            .lines()
            .filter_map(|line| line.strip_prefix("race:"))
            .collect();
        assert_eq!(patterns.len(), 5);
        for pattern in patterns {
            let in_order = |frame: &str| {
                let mut rest = Some(frame);
                for part in pattern.split('*') {
                    rest = rest.and_then(|rest| Some(rest.split_once(part)?.1));
                }
                rest.is_some()
            };
            assert!(!frames.iter().any(|frame| in_order(frame)), "{pattern}");
        }
    }

    #[test]
    fn tests_run_with_sanitizer_and_suppressions() {
        let sanitized = Sanitized {
            root: PathBuf::from("/root"),
            target: PathBuf::from("/target"),
            library: Library::AsItComes,
        };
        let seeds = ("SEEDS", "7".to_owned());
        let Work::Command(cargo) = sanitized.test("a", "thread", "p", &[seeds]).work else {
            panic!("not a command");
        };
        let environment: Vec<_> = cargo.get_envs().collect();
        for (key, part) in [
            ("RUSTFLAGS", "-Zsanitizer=thread "),
            ("TSAN_OPTIONS", "suppressions=/target/suppressions.txt"),
            ("SEEDS", "7"),
        ] {
            let set = environment.iter().find(|(name, _)| *name == key).unwrap();
            let value = set.1.unwrap().to_string_lossy();
            assert!(value.contains(part), "{key}={value}");
        }
        let line = program::line(&cargo);
        assert!(line.contains("--package p --lib --tests"), "{line}");
    }
}
