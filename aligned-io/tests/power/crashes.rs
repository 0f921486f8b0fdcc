//! Whatever step is the last one, the old state or the new one is found.

use crate::file::one_file;
use crate::set::{set, set_renamed_in_two_steps};
use crate::sweep::{Seen, killed_and_then_power_fails, power_fails, seeds, sweep};

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
