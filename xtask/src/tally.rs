//! Counting what passed and what failed, from the lines that test programs print.

use std::fmt;
use std::ops::AddAssign;

/// How many checks passed and failed; its text is the last line of a run.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Tally {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
}

impl Tally {
    /// What one line of a test program's output says, if it is a summary.
    ///
    /// `test result: ok. 12 passed; 1 failed; 0 ignored; ...` is 12 and 1.
    pub(crate) fn of_line(line: &str) -> Option<Self> {
        let summary = line.trim_start().strip_prefix("test result: ")?;
        let (_verdict, counts) = summary.split_once(". ")?;
        let mut counts = counts.split(';').map(str::trim);
        let passed = counts.next()?.strip_suffix(" passed")?.parse().ok()?;
        let failed = counts.next()?.strip_suffix(" failed")?.parse().ok()?;
        Some(Self { passed, failed })
    }

    /// The count of a step that printed `counted` in all and then ended well or not.
    ///
    /// A step without a summary is one check. A step that failed although no test of it did
    /// (it crashed, or did not compile) is one failure more.
    pub(crate) fn of_step(counted: Self, end: End) -> Self {
        match end {
            End::Well if counted == Self::default() => Self {
                passed: 1,
                failed: 0,
            },
            End::Badly if counted.failed == 0 => Self {
                failed: 1,
                ..counted
            },
            End::Well | End::Badly => counted,
        }
    }
}

/// How a step ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum End {
    Well,
    Badly,
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} passed, {} failed", self.passed, self.failed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(passed: u64, failed: u64) -> Tally {
        Tally { passed, failed }
    }

    #[test]
    fn summaries_are_read_whether_good_or_bad() {
        let good = "test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 2 filtered out";
        let bad = "test result: FAILED. 3 passed; 4 failed; 0 ignored; 0 measured";
        assert_eq!(Tally::of_line(good), Some(tally(12, 0)));
        assert_eq!(Tally::of_line(bad), Some(tally(3, 4)));
    }

    #[test]
    fn other_lines_count_nothing() {
        for line in [
            "",
            "running 3 tests",
            "test result: ok.",
            "test a ... ok",
            "12 passed",
        ] {
            assert_eq!(Tally::of_line(line), None, "{line:?}");
        }
    }

    #[test]
    fn a_step_without_a_summary_is_one_check() {
        assert_eq!(Tally::of_step(tally(0, 0), End::Well), tally(1, 0));
        assert_eq!(Tally::of_step(tally(0, 0), End::Badly), tally(0, 1));
    }

    #[test]
    fn a_crash_among_passing_tests_is_a_failure() {
        assert_eq!(Tally::of_step(tally(7, 0), End::Badly), tally(7, 1));
    }

    #[test]
    fn failed_tests_are_not_counted_twice() {
        assert_eq!(Tally::of_step(tally(7, 2), End::Badly), tally(7, 2));
    }

    #[test]
    fn the_last_line_is_exact() {
        let mut total = tally(1, 0);
        total += tally(4, 2);
        assert_eq!(total.to_string(), "5 passed, 2 failed");
    }
}
