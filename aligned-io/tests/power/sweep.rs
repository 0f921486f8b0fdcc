//! All steps, one history for each and each seed.

use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::history::{History, NEW, NEXT, OLD};
use crate::scenario::Scenario;

/// What a sweep over all steps has seen.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) runs: u64,
    pub(crate) old: u64,
    pub(crate) new: u64,
    pub(crate) wrong: Vec<String>,
}

/// How a history goes that fails at a step: what was found, and whether it came to its end
/// before that step.
pub(crate) type Course = fn(&mut History<'_>, u64) -> (Result<u8, String>, bool);

pub(crate) type Make = fn(PathBuf) -> Box<dyn Scenario>;

/// Goes through the history once for each step and seed. `lost` is the fsync that has no effect;
/// then the first wrong thing is enough.
pub(crate) fn sweep(make: Make, lost: Option<u64>, course: Course) -> Seen {
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

/// The power fails at `step`, or right after the last one.
pub(crate) fn power_fails(history: &mut History<'_>, step: u64) -> (Result<u8, String>, bool) {
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
pub(crate) fn killed_and_then_power_fails(
    history: &mut History<'_>,
    step: u64,
) -> (Result<u8, String>, bool) {
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

/// How many seeds each step is tried with.
pub(crate) fn seeds() -> u64 {
    let chosen = std::env::var("FORKLESS_TEST_SEEDS").ok();
    chosen.map_or(45, |chosen| chosen.parse().unwrap())
}

pub(crate) fn directory() -> TempDir {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() {
        TempDir::new_in(memory).unwrap()
    } else {
        TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap()
    }
}
