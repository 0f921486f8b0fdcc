//! `cargo xtask sanitize`: tests on real threads under `ThreadSanitizer`, unsafe code under
//! `AddressSanitizer`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::failure::Failure;
use crate::fuzz::nightly;
use crate::program;
use crate::standard_library::Library;
use crate::step::{self, Needs, Step, Work};
use crate::workspace::Workspace;

/// Run tests under `ThreadSanitizer` and `AddressSanitizer`, with the nightly toolchain.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// How many seeds of the snapshot's tests to try on real threads.
    #[arg(long, default_value_t = 20)]
    seeds: u64,
}

/// Tests that run under a sanitizer.
struct Suite {
    name: &'static str,
    sanitizer: Sanitizer,
    /// What cargo is told to test.
    tests: &'static [&'static str],
    /// Tests that the sanitizer keeps from ending.
    skipped: &'static [&'static str],
    library: Wanted,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sanitizer {
    Thread,
    Address,
}

/// Which standard library the tests of a suite can do with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wanted {
    Any,
    /// Scoped threads, `OnceLock` and the end of a `Weak` pass through the library, which only its
    /// source lets us compile with the sanitizer.
    FromSource,
}

const SUITES: &[Suite] = &[
    Suite {
        name: "shard-runtime, threads",
        sanitizer: Sanitizer::Thread,
        tests: &["--package", "shard-runtime", "--lib", "--tests"],
        skipped: &[],
        library: Wanted::Any,
    },
    Suite {
        name: "aligned-io, threads",
        sanitizer: Sanitizer::Thread,
        tests: &["--package", "aligned-io", "--lib", "--tests"],
        skipped: &[],
        library: Wanted::FromSource,
    },
    Suite {
        name: "snapshot, threads",
        sanitizer: Sanitizer::Thread,
        tests: &[
            "--package",
            "snapshot",
            "--features",
            "replication",
            "--lib",
            "--tests",
        ],
        skipped: &[],
        library: Wanted::FromSource,
    },
    // The servers that these start are compiled with the sanitizer too.
    Suite {
        name: "forkless serve, threads",
        sanitizer: Sanitizer::Thread,
        tests: &[
            "--package",
            "forkless",
            "--test",
            "serve",
            "--test",
            "replicating",
            "--test",
            "replicate",
        ],
        // A signal is kept back until its thread comes to a call that ThreadSanitizer knows to
        // wait. Threads that wait on a futex of the standard library, or in `epoll`, make none:
        // SIGTERM is taken and never handled.
        skipped: &[
            "dump::server_that_is_stopped_saves_if_it_is_told_to",
            "ending::second_signal",
        ],
        library: Wanted::FromSource,
    },
    Suite {
        name: "dash-table, addresses",
        sanitizer: Sanitizer::Address,
        tests: &["--package", "dash-table", "--lib", "--tests"],
        skipped: &[],
        library: Wanted::Any,
    },
];

/// How the address sanitizer says that it refused an allocation.
const REFUSED: &str = "WARNING: AddressSanitizer failed to allocate ";

/// A test with a data race beside an `Arc`, a channel and a join: what is suppressed must not hide
/// it. The channel may order what one thread does before it has sent and what the other does after,
/// so both meet before the race, in a way that orders nothing.
const RACE: &str = "\
use std::cell::UnsafeCell;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, mpsc};
use std::thread;
static MET: AtomicUsize = AtomicUsize::new(0);
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
            MET.fetch_add(1, Relaxed);
            while MET.load(Relaxed) < 2 {
                thread::yield_now();
            }
            // SAFETY: none: this is the race.
            unsafe { *shared.0.get() += step }
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

/// The package of that test; compiled as the workspace's tests are, it shares the standard library
/// with them.
const RACE_MANIFEST: &str = "\
[package]
name = \"race\"
edition = \"2024\"
[lib]
path = \"race.rs\"
[profile.test]
opt-level = 2
debug = \"line-tables-only\"
[workspace]
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
    let sanitized = Sanitized::prepare(workspace, Library::find()?)?;
    println!("{}", sanitized.library.told());
    let mut steps = vec![Step {
        name: "planted race",
        needs: Needs::Nothing,
        work: Work::Check(Box::new(|| sanitized.find_planted_race())),
    }];
    steps.extend(SUITES.iter().map(|suite| sanitized.step(suite, options)));
    steps.push(Step {
        name: "reports",
        needs: Needs::Nothing,
        work: Work::Check(Box::new(|| no_report(&sanitized.reports()))),
    });
    step::run_all(steps)
}

impl Sanitizer {
    /// As rustc knows it.
    fn name(self) -> &'static str {
        match self {
            Self::Thread => "thread",
            Self::Address => "address",
        }
    }
}

/// Where sanitized programs are built and how they run.
struct Sanitized {
    root: PathBuf,
    target: PathBuf,
    library: Library,
}

impl Sanitized {
    /// Makes the folders, and forgets what sanitizers said in runs before.
    fn prepare(workspace: &Workspace, library: Library) -> Result<Self, Failure> {
        let sanitized = Self {
            root: workspace.root().to_path_buf(),
            target: workspace.target().join("sanitize"),
            library,
        };
        let reports = sanitized.reports();
        if reports.exists() {
            fs::remove_dir_all(&reports).map_err(Failure::file(&reports))?;
        }
        fs::create_dir_all(&reports).map_err(Failure::file(&reports))?;
        write(&sanitized.suppressions(), library.suppressions())?;
        Ok(sanitized)
    }

    fn suppressions(&self) -> PathBuf {
        self.target.join("suppressions.txt")
    }

    /// Where sanitizers say what they find, each process in a file of its own: a program that a
    /// test starts may have no other place where it is heard.
    fn reports(&self) -> PathBuf {
        self.target.join("reports")
    }

    fn step(&self, suite: &Suite, options: &Options) -> Step<'static> {
        let left_out = match suite.library {
            Wanted::Any => None,
            Wanted::FromSource => self.library.left_out(),
        };
        let work = left_out.map_or_else(
            || {
                let mut cargo = self.cargo(suite.sanitizer, &self.reports());
                cargo
                    .args(suite.tests)
                    .arg("--no-fail-fast")
                    // The harness of a library as it comes keeps what tests print behind locks.
                    .args(["--", "--nocapture", "--test-threads=1"])
                    .args(suite.skipped.iter().flat_map(|test| ["--skip", test]))
                    .env("FORKLESS_SIM_SEEDS", options.seeds.to_string());
                Work::Command(cargo)
            },
            Work::Skip,
        );
        Step {
            name: suite.name,
            needs: Needs::Nothing,
            work,
        }
    }

    /// `cargo test`, with a sanitizer that says what it finds in `reports`.
    ///
    /// A triple is named so that build scripts and macros, which run inside the compiler, are
    /// compiled without it.
    fn cargo(&self, sanitizer: Sanitizer, reports: &Path) -> Command {
        let triple = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
        let log = format!("log_path={}", reports.join(sanitizer.name()).display());
        let suppressions = format!("suppressions={}", self.suppressions().display());
        let mut cargo = nightly();
        cargo
            .arg("test")
            .args(["--target", &triple])
            .arg("--target-dir")
            .arg(self.target.join(sanitizer.name()))
            .args(self.library.cargo_arguments())
            .current_dir(&self.root)
            .stdin(Stdio::null())
            .env("RUSTFLAGS", self.library.rustc_flags(sanitizer.name()))
            .env("TSAN_OPTIONS", format!("{log}:{suppressions}"))
            // What is too much to ask for is refused, as by other allocators, and does not end it.
            .env("ASAN_OPTIONS", format!("{log}:allocator_may_return_null=1"))
            // Backtraces are made behind a lock inside the library.
            .env("RUST_BACKTRACE", "0");
        if sanitizer == Sanitizer::Thread {
            // An allocator in C hands memory from thread to thread, which must be seen.
            let flags = format!("CFLAGS_{}", triple.replace('-', "_"));
            cargo.env(flags, "-fsanitize=thread");
        }
        cargo
    }

    /// Compiles and runs a program with a data race, as the tests are; it must be reported.
    fn find_planted_race(&self) -> Result<(), Failure> {
        let package = self.target.join("race");
        let reports = package.join("reports");
        if package.exists() {
            fs::remove_dir_all(&package).map_err(Failure::file(&package))?;
        }
        fs::create_dir_all(&reports).map_err(Failure::file(&reports))?;
        write(&package.join("race.rs"), RACE)?;
        write(&package.join("Cargo.toml"), RACE_MANIFEST)?;
        let test = || {
            let mut cargo = self.cargo(Sanitizer::Thread, &reports);
            cargo.current_dir(&package).arg("--lib");
            cargo
        };
        program::show(test().arg("--no-run"))?;
        let ended = program::output(&mut test());
        let said = concatenated(&reports)?;
        match ended {
            Err(Failure::Exit { .. })
                if said.contains("data race") && said.contains("race::race") =>
            {
                Ok(())
            }
            Err(failure) => Err(failure),
            Ok(_) => Err(Failure::Unexpected {
                from: "a test with a data race".to_owned(),
                said: format!("a good end, and the report {said:?}"),
            }),
        }
    }
}

/// Whatever a sanitizer said is a failure, also where the program that it was about ended well, or
/// was killed; but for the warning that too much was asked for, which tests do.
fn no_report(reports: &Path) -> Result<(), Failure> {
    let said = concatenated(reports)?;
    let mut lines = said.lines().filter(|line| !line.trim().is_empty());
    if lines.all(|line| line.contains(REFUSED)) {
        Ok(())
    } else {
        Err(Failure::Unexpected {
            from: reports.display().to_string(),
            said,
        })
    }
}

/// The files of a folder, one after the other, each from a line of its own on.
fn concatenated(folder: &Path) -> Result<String, Failure> {
    let mut whole = String::new();
    for entry in fs::read_dir(folder).map_err(Failure::file(folder))? {
        let path = entry.map_err(Failure::file(folder))?.path();
        let bytes = fs::read(&path).map_err(Failure::file(&path))?;
        whole.push_str(&String::from_utf8_lossy(&bytes));
        whole.push('\n');
    }
    Ok(whole)
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    fs::write(path, text).map_err(Failure::file(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sanitized(library: Library) -> Sanitized {
        Sanitized {
            root: PathBuf::from("/root"),
            target: PathBuf::from("/target"),
            library,
        }
    }

    /// Where the suite stands, as a command; `None` when it is left out.
    fn command(name: &str, library: Library) -> Option<Command> {
        let suite = SUITES.iter().find(|suite| suite.name == name).unwrap();
        match sanitized(library).step(suite, &Options { seeds: 7 }).work {
            Work::Command(cargo) => Some(cargo),
            Work::Skip(_) => None,
            Work::Check(_) => panic!("not a command"),
        }
    }

    fn value(cargo: &Command, key: &str) -> String {
        let set = cargo.get_envs().find(|(name, _)| *name == key);
        let (_, value) = set.unwrap_or_else(|| panic!("{key} is not set"));
        value.unwrap().to_string_lossy().into_owned()
    }

    #[test]
    fn tests_run_with_sanitizer_suppressions_and_a_place_for_reports() {
        let cargo = command("snapshot, threads", Library::FromSource).unwrap();
        assert_eq!(value(&cargo, "RUSTFLAGS"), "-Zsanitizer=thread");
        assert_eq!(value(&cargo, "FORKLESS_SIM_SEEDS"), "7");
        let options = value(&cargo, "TSAN_OPTIONS");
        for part in [
            "log_path=/target/reports/thread",
            "suppressions=/target/suppressions.txt",
        ] {
            assert!(options.split(':').any(|set| set == part), "{options}");
        }
        let line = program::line(&cargo);
        assert!(line.contains(" -Zbuild-std "), "{line}");
        assert!(line.contains(" --features replication "), "{line}");
    }

    #[test]
    fn suites_that_pass_through_the_library_want_its_source() {
        assert!(command("snapshot, threads", Library::AsItComes).is_none());
        let cargo = command("shard-runtime, threads", Library::AsItComes).unwrap();
        let line = program::line(&cargo);
        assert!(!line.contains("build-std"), "{line}");
    }

    #[test]
    fn what_cannot_end_is_skipped_by_name() {
        let cargo = command("forkless serve, threads", Library::FromSource).unwrap();
        let line = program::line(&cargo);
        let (_, harness) = line.split_once(" -- ").unwrap();
        assert!(harness.contains("--skip dump::server_that_is"), "{line}");
    }

    #[test]
    fn whatever_a_sanitizer_said_is_a_failure() {
        let folder = tempfile::tempdir().unwrap();
        no_report(folder.path()).unwrap();
        let refused = format!("==11=={REFUSED}0x1d906fd6de0 bytes\n");
        fs::write(folder.path().join("address.11"), refused).unwrap();
        no_report(folder.path()).unwrap();
        fs::write(folder.path().join("thread.12"), "WARNING: data race").unwrap();
        let failure = no_report(folder.path()).unwrap_err().to_string();
        assert!(failure.contains("WARNING: data race"), "{failure}");
    }
}
