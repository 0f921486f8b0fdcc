//! Each fsync is needed: a program that leaves it out is found out.

use crate::file::one_file;
use crate::history::{History, NEW};
use crate::set::set;
use crate::sweep::{Course, Make, directory, killed_and_then_power_fails, power_fails, sweep};

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
