//! The power fails at every step, or the process is killed there: what is found then is the old
//! state or the whole new one, and what was reported as done is there.
//!
//! `FORKLESS_TEST_SEEDS` says how many seeds each step is tried with.

#![expect(
    clippy::unwrap_used,
    reason = "a failure outside a test function fails the test too"
)]

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use aligned_io::{
    Direct, Faults, FileSet, FileSetWriter, VolatileDisk, WriteError, WriterOptions,
    remove_leftovers, remove_set_leftovers,
};
use tempfile::TempDir;
use xxhash_rust::xxh3::xxh3_64;

/// How many seeds each step is tried with.
fn seeds() -> u64 {
    let chosen = std::env::var("FORKLESS_TEST_SEEDS").ok();
    chosen.map_or(45, |chosen| chosen.parse().unwrap())
}

fn directory() -> TempDir {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() {
        TempDir::new_in(memory).unwrap()
    } else {
        TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap()
    }
}

/// What is written and then looked for: one file, or a set of three.
trait Scenario {
    /// About how many steps on the disk it takes to write a version.
    fn steps(&self) -> u64;

    /// Makes the disk the kind of disk that it is written to.
    fn prepare(&self, _disk: &VolatileDisk) {}

    /// Writes version `version`.
    fn write(&self, faults: Option<&Faults>, version: u8) -> Result<(), WriteError>;

    /// Cleans up after a crash; what is wrong with what is found, or its version.
    fn recover(&self) -> Result<u8, String>;
}

fn options() -> WriterOptions {
    WriterOptions {
        block_bytes: 4096,
        depth: 2,
        direct: Direct::Never,
        ..WriterOptions::default()
    }
}

/// Different in every version, down to each sector, and longer or shorter than a block.
fn content(version: u8, member: u8) -> Vec<u8> {
    let length = 700 + 3777 * usize::from(member + version % 3);
    (0..length)
        .map(|index| version ^ member.rotate_left(4) ^ (index / 512).to_le_bytes()[0])
        .collect()
}

fn names(directory: &Path) -> Vec<String> {
    let name = |entry: fs::DirEntry| entry.file_name().into_string().unwrap();
    let entries = fs::read_dir(directory).unwrap();
    let mut names: Vec<_> = entries.map(|entry| name(entry.unwrap())).collect();
    names.sort();
    names
}

/// What every write has inside, as the library's own error.
fn written(outcome: std::io::Result<()>) -> Result<(), WriteError> {
    outcome.map_err(|error| *error.into_inner().unwrap().downcast().unwrap())
}

struct OneFile {
    path: PathBuf,
}

impl Scenario for OneFile {
    fn steps(&self) -> u64 {
        9
    }

    fn write(&self, faults: Option<&Faults>, version: u8) -> Result<(), WriteError> {
        let mut writer = match faults {
            None => options().create(&self.path)?,
            Some(faults) => options().create_faulty(&self.path, faults)?,
        };
        written(writer.write_all(&content(version, 3)))?;
        writer.publish().map(drop)
    }

    fn recover(&self) -> Result<u8, String> {
        let removed = remove_leftovers(&self.path).map_err(|error| error.to_string());
        removed?;
        let directory = self.path.parent().unwrap();
        if names(directory) != ["dump"] {
            return Err(format!("{:?} is there", names(directory)));
        }
        let found = fs::read(&self.path).unwrap();
        let version = (0..=u8::MAX).find(|&version| found == content(version, 3));
        version.ok_or_else(|| format!("a broken file of {} bytes", found.len()))
    }
}

struct Set {
    path: PathBuf,
    renaming: Renaming,
}

/// How many steps it takes to give a file a name that must be new.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Renaming {
    OneStep,
    TwoSteps,
}

impl Scenario for Set {
    fn steps(&self) -> u64 {
        match self.renaming {
            Renaming::OneStep => 23,
            Renaming::TwoSteps => 25,
        }
    }

    fn prepare(&self, disk: &VolatileDisk) {
        if self.renaming == Renaming::TwoSteps {
            disk.forbid_rename_new();
        }
    }

    fn write(&self, faults: Option<&Faults>, version: u8) -> Result<(), WriteError> {
        let set = match faults {
            None => FileSetWriter::begin(&self.path)?,
            Some(faults) => FileSetWriter::begin_faulty(&self.path, faults)?,
        };
        let mut finished = Vec::new();
        for member in 0..2 {
            let mut writer = set.create(&member.to_string(), &options())?;
            written(writer.write_all(&content(version, member)))?;
            finished.push(writer.finish()?);
        }
        set.commit(finished, &version.to_string()).map(drop)
    }

    fn recover(&self) -> Result<u8, String> {
        let removed = remove_set_leftovers(&self.path).map_err(|error| format!("{error:?}"));
        removed?;
        let set = FileSet::open(&self.path).map_err(|error| error.to_string())?;
        let version = set.manifest().note().parse().unwrap();
        let mut expected = vec![".dump.lock".to_owned(), "dump.manifest".to_owned()];
        for ((member, path), number) in set.members().zip(0..) {
            let found = fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))?;
            if found != content(version, number) || xxh3_64(&found) != member.xxh3 {
                return Err(format!("{} is broken", path.display()));
            }
            expected.push(path.file_name().unwrap().to_str().unwrap().to_owned());
        }
        expected.sort();
        let found = names(self.path.parent().unwrap());
        if found != expected {
            return Err(format!("{found:?} is there, {expected:?} should be"));
        }
        Ok(version)
    }
}

/// One history: what fails, and what is found to be wrong then.
struct History<'a> {
    scenario: &'a dyn Scenario,
    disk: VolatileDisk,
    faults: Faults,
    /// Which fsync has no effect, counted from where the power may fail.
    lost: Option<u64>,
}

/// The versions that are written: the first before anything fails, and then one after the other.
const OLD: u8 = 1;
const NEW: u8 = 2;
const NEXT: u8 = 3;

impl<'a> History<'a> {
    /// Version [`OLD`] stands, durably.
    fn begin(scenario: &'a dyn Scenario, directory: &TempDir, seed: u64) -> Self {
        scenario.write(None, OLD).unwrap();
        let disk = VolatileDisk::new(directory.path(), seed).unwrap();
        scenario.prepare(&disk);
        let faults = Faults {
            seed,
            short_per_mille: [0, 200][usize::from(seed.is_multiple_of(2))],
            interrupted_per_mille: [0, 100][usize::from(seed.is_multiple_of(3))],
            disk: Some(disk.clone()),
            ..Faults::default()
        };
        Self {
            scenario,
            disk,
            faults,
            lost: None,
        }
    }

    /// From here on the power fails at `step`, and an fsync may have no effect.
    fn arm(&self, step: u64) {
        self.disk.fail_at(self.disk.steps() + step);
        if let Some(lost) = self.lost {
            self.disk.lose_sync(self.disk.syncs() + lost);
        }
    }

    /// Writes a version. An error must have a cause, and what failed must be an error.
    fn write(&self, version: u8) -> Result<bool, String> {
        match self.scenario.write(Some(&self.faults), version) {
            Ok(()) => Ok(true),
            Err(_) if self.disk.is_off() => Ok(false),
            Err(error) => Err(format!("{error:?} without a cause")),
        }
    }

    /// Looks at what is there after a crash: one of `versions`, and room for the next one.
    fn check(&self, versions: &[u8]) -> Result<u8, String> {
        let found = self.scenario.recover()?;
        if !versions.contains(&found) {
            return Err(format!("version {found} where {versions:?} were written"));
        }
        let again = self.scenario.write(None, NEXT + 1);
        again.map_err(|error| error.to_string())?;
        if self.scenario.recover()? != NEXT + 1 {
            return Err("the next version is not there".to_owned());
        }
        Ok(found)
    }
}

/// What a sweep over all steps has seen.
#[derive(Debug, Default)]
struct Seen {
    runs: u64,
    old: u64,
    new: u64,
    wrong: Vec<String>,
}

/// How a history goes that fails at a step: what was found, and whether it came to its end
/// before that step.
type Course = fn(&mut History<'_>, u64) -> (Result<u8, String>, bool);

type Make = fn(PathBuf) -> Box<dyn Scenario>;

/// Goes through the history once for each step and seed. `lost` is the fsync that has no effect;
/// then the first wrong thing is enough.
fn sweep(make: Make, lost: Option<u64>, course: Course) -> Seen {
    let mut seen = Seen::default();
    for seed in 0..seeds() {
        for step in 0.. {
            let directory = directory();
            let scenario = make(directory.path().join("dump"));
            let mut history = History::begin(scenario.as_ref(), &directory, seed * 1000 + step);
            history.lost = lost;
            let (found, is_over) = course(&mut history, step);
            seen.runs += 1;
            match found {
                Ok(OLD) => seen.old += 1,
                Ok(_) => seen.new += 1,
                Err(wrong) => seen
                    .wrong
                    .push(format!("seed {seed}, step {step}: {wrong}")),
            }
            if lost.is_some() && !seen.wrong.is_empty() {
                return seen;
            }
            if is_over {
                break;
            }
        }
    }
    seen
}

fn one_file(path: PathBuf) -> Box<dyn Scenario> {
    Box::new(OneFile { path })
}

fn set(path: PathBuf) -> Box<dyn Scenario> {
    let renaming = Renaming::OneStep;
    Box::new(Set { path, renaming })
}

fn set_renamed_in_two_steps(path: PathBuf) -> Box<dyn Scenario> {
    let renaming = Renaming::TwoSteps;
    Box::new(Set { path, renaming })
}

/// The power fails at `step`, or right after the last one.
fn power_fails(history: &mut History<'_>, step: u64) -> (Result<u8, String>, bool) {
    history.arm(step);
    let outcome = history.write(NEW);
    let is_over = !history.disk.is_off();
    history.disk.restore().unwrap();
    let found = outcome.and_then(|done| {
        let versions: &[u8] = if done { &[NEW] } else { &[OLD, NEW] };
        history.check(versions)
    });
    (found, is_over)
}

/// The process is killed somewhere, and the power fails at `step` of what the next one does.
fn killed_and_then_power_fails(history: &mut History<'_>, step: u64) -> (Result<u8, String>, bool) {
    // Where the kill comes depends on the seed; the power fails at every step after it.
    let killed_at = history.faults.seed * 7919 % history.scenario.steps();
    history.disk.fail_at(killed_at);
    let first = history.write(NEW);
    history.disk.restart().unwrap();
    history.arm(step);
    let second = history.write(NEXT);
    let is_over = !history.disk.is_off();
    history.disk.restore().unwrap();
    let found = first.and_then(|first| {
        let versions: &[u8] = match (first, second?) {
            (_, true) => &[NEXT],
            (true, false) => &[NEW, NEXT],
            (false, false) => &[OLD, NEW, NEXT],
        };
        history.check(versions)
    });
    (found, is_over)
}

/// Every run is right, and both the old version and the new one were found.
fn assert_right(seen: &Seen) {
    assert!(
        seen.wrong.is_empty(),
        "{}: {:?}",
        seen.runs,
        seen.wrong.first()
    );
    assert!(seen.old >= seeds() && seen.new >= seeds(), "{seen:?}");
}

#[test]
fn file_survives_a_power_failure_at_every_step() {
    assert_right(&sweep(one_file, None, power_fails));
}

#[test]
fn set_survives_a_power_failure_at_every_step() {
    assert_right(&sweep(set, None, power_fails));
}

#[test]
fn set_renamed_in_two_steps_survives_a_power_failure_at_every_step() {
    assert_right(&sweep(set_renamed_in_two_steps, None, power_fails));
}

#[test]
fn set_renamed_in_two_steps_survives_a_kill_and_then_a_power_failure_at_every_step() {
    let course = killed_and_then_power_fails;
    assert_right(&sweep(set_renamed_in_two_steps, None, course));
}

#[test]
fn file_survives_a_kill_and_then_a_power_failure_at_every_step() {
    assert_right(&sweep(one_file, None, killed_and_then_power_fails));
}

#[test]
fn set_survives_a_kill_and_then_a_power_failure_at_every_step() {
    assert_right(&sweep(set, None, killed_and_then_power_fails));
}

/// How many fsyncs it takes to write one version.
fn syncs(make: Make) -> u64 {
    let directory = directory();
    let scenario = make(directory.path().join("dump"));
    let history = History::begin(scenario.as_ref(), &directory, 0);
    assert!(history.write(NEW).unwrap());
    history.disk.syncs()
}

/// A program that leaves out this fsync, or comes too late with it, is found out.
fn assert_missed(make: Make, sync: u64, course: Course) {
    let seen = sweep(make, Some(sync), course);
    assert!(
        !seen.wrong.is_empty(),
        "nobody misses fsync {sync}: {} runs, {} old, {} new",
        seen.runs,
        seen.old,
        seen.new
    );
}

#[test]
fn file_needs_each_of_its_fsyncs() {
    // The content, and the name.
    assert_eq!(syncs(one_file), 2);
    for sync in 0..2 {
        assert_missed(one_file, sync, power_fails);
    }
}

#[test]
fn set_needs_each_of_its_fsyncs() {
    // What a killed process left, two files, the manifest, their names, and the manifest's name.
    assert_eq!(syncs(set), 6);
    assert_missed(set, 0, killed_and_then_power_fails);
    for sync in 1..6 {
        assert_missed(set, sync, power_fails);
    }
}
