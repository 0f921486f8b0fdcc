//! One named, timed step of a run, and the run of many that goes on after a failure.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::failure::Failure;
use crate::program;
use crate::tally::{End, Tally};

/// How many of a failed step's last lines are repeated at the end of the run.
const TAIL_LINES: usize = 40;

/// One named step of a run.
pub(crate) struct Step<'a> {
    pub(crate) name: &'a str,
    pub(crate) needs: Needs,
    pub(crate) work: Work<'a>,
}

/// What must have worked before a step can run.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Needs {
    /// Nothing: it runs whatever happened before.
    Nothing,
    /// The workspace compiles, as far as the steps before could tell.
    Build,
}

/// What a step does.
pub(crate) enum Work<'a> {
    /// Runs another program and counts the tests in its output.
    Command(Command),
    /// Runs a function of this program: one check.
    Check(Box<dyn FnOnce() -> Result<(), Failure> + 'a>),
    /// Does nothing, for the reason given.
    Skip(String),
}

/// What became of a step.
#[derive(Debug)]
struct Outcome<'a> {
    name: &'a str,
    verdict: Verdict,
    elapsed: Duration,
    /// The names of failed tests, then the last lines: empty unless the step failed.
    last_words: Vec<String>,
}

#[derive(Debug)]
enum Verdict {
    Counted(Tally),
    /// What the step builds does not build, or could not start: one failure.
    Broken,
    Skipped(String),
}

impl Verdict {
    fn tally(&self) -> Tally {
        match self {
            Self::Counted(tally) => *tally,
            Self::Broken => Tally {
                passed: 0,
                failed: 1,
            },
            Self::Skipped(_) => Tally::default(),
        }
    }
}

/// Runs every step in order, goes on after failures, and ends with the line of totals.
///
/// # Errors
///
/// [`Failure::Counted`] when anything failed; it has been told by then.
pub(crate) fn run_all(steps: Vec<Step<'_>>) -> Result<(), Failure> {
    let mut outcomes = Vec::with_capacity(steps.len());
    let mut build = End::Well;
    for step in steps {
        let needs = step.needs;
        let outcome = match needs {
            Needs::Build if build == End::Badly => Outcome {
                name: step.name,
                verdict: Verdict::Skipped("the workspace does not build".to_owned()),
                elapsed: Duration::ZERO,
                last_words: Vec::new(),
            },
            _ => step.run(),
        };
        if needs == Needs::Build && matches!(outcome.verdict, Verdict::Broken) {
            build = End::Badly;
        }
        outcomes.push(outcome);
    }
    conclude(&outcomes)
}

impl<'a> Step<'a> {
    fn run(self) -> Outcome<'a> {
        let started = Instant::now();
        println!("\n=== {}", self.name);
        let (verdict, last_words) = match self.work {
            Work::Command(command) => {
                println!("    {}", program::line(&command));
                stream(command)
            }
            Work::Check(check) => match check() {
                Ok(()) => (
                    Verdict::Counted(Tally {
                        passed: 1,
                        failed: 0,
                    }),
                    Vec::new(),
                ),
                Err(failure) => {
                    println!("{failure}");
                    let words = failure.to_string().lines().map(str::to_owned).collect();
                    (
                        Verdict::Counted(Tally {
                            passed: 0,
                            failed: 1,
                        }),
                        words,
                    )
                }
            },
            Work::Skip(reason) => {
                println!("skipped: {reason}");
                (Verdict::Skipped(reason), Vec::new())
            }
        };
        Outcome {
            name: self.name,
            verdict,
            elapsed: started.elapsed(),
            last_words,
        }
    }
}

/// Runs `command`, shows its output as it comes, and keeps what a failure should repeat.
fn stream(command: Command) -> (Verdict, Vec<String>) {
    match echo(command) {
        Ok(heard) => (heard.verdict(), heard.last_words()),
        Err(failure) => {
            println!("{failure}");
            (Verdict::Broken, vec![failure.to_string()])
        }
    }
}

/// What a program's output held.
struct Heard {
    end: End,
    counted: Tally,
    failed_tests: Vec<String>,
    tail: VecDeque<String>,
}

impl Heard {
    fn verdict(&self) -> Verdict {
        match self.end {
            End::Badly if self.counted == Tally::default() => Verdict::Broken,
            end => Verdict::Counted(Tally::of_step(self.counted, end)),
        }
    }

    fn last_words(self) -> Vec<String> {
        if self.end == End::Well {
            return Vec::new();
        }
        self.failed_tests.into_iter().chain(self.tail).collect()
    }

    fn line(&mut self, line: String) {
        if let Some(summary) = Tally::of_line(&line) {
            self.counted += summary;
        }
        if line.starts_with("test ") && line.ends_with("FAILED") {
            self.failed_tests.push(line.clone());
        }
        if self.tail.len() == TAIL_LINES {
            self.tail.pop_front();
        }
        self.tail.push_back(line);
    }
}

/// Standard output and standard error share one pipe, so their lines keep their order.
fn echo(mut command: Command) -> Result<Heard, Failure> {
    let program = program::line(&command);
    let launch = |source| Failure::Launch {
        program: program.clone(),
        source,
    };
    let (reader, writer) = std::io::pipe().map_err(launch)?;
    let mut child = command
        .stdin(Stdio::null())
        .stdout(writer.try_clone().map_err(launch)?)
        .stderr(writer)
        .spawn()
        .map_err(launch)?;
    // The command still holds the writing ends; without this the reader would never see an end.
    drop(command);
    let mut heard = Heard {
        end: End::Badly,
        counted: Tally::default(),
        failed_tests: Vec::new(),
        tail: VecDeque::with_capacity(TAIL_LINES),
    };
    for line in BufReader::new(reader).split(b'\n') {
        let line = String::from_utf8_lossy(&line.map_err(launch)?).into_owned();
        println!("{line}");
        heard.line(line);
    }
    if child.wait().map_err(launch)?.success() {
        heard.end = End::Well;
    }
    Ok(heard)
}

/// Repeats the failures, lists every step, and ends with the totals.
fn conclude(outcomes: &[Outcome<'_>]) -> Result<(), Failure> {
    let mut total = Tally::default();
    for outcome in outcomes
        .iter()
        .filter(|outcome| !outcome.last_words.is_empty())
    {
        println!("\n=== {} failed; its last lines:", outcome.name);
        for line in &outcome.last_words {
            println!("    {line}");
        }
    }
    println!();
    for Outcome {
        name,
        verdict,
        elapsed,
        ..
    } in outcomes
    {
        let seconds = elapsed.as_secs_f64();
        total += verdict.tally();
        match verdict {
            Verdict::Skipped(reason) => println!("{name:<24} {seconds:>7.1} s  skipped: {reason}"),
            counted => println!("{name:<24} {seconds:>7.1} s  {}", counted.tally()),
        }
    }
    println!("{total}");
    match total.failed {
        0 => Ok(()),
        failed => Err(Failure::Counted { failed }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(name: &'static str, needs: Needs, script: &str) -> Step<'static> {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        Step {
            name,
            needs,
            work: Work::Command(command),
        }
    }

    #[test]
    fn summaries_of_several_programs_add_up() {
        let script = "echo 'test result: ok. 2 passed; 0 failed; 0 ignored'; \
                      echo 'test result: ok. 3 passed; 0 failed; 0 ignored' >&2";
        let outcome = shell("tests", Needs::Build, script).run();
        assert_eq!(
            outcome.verdict.tally(),
            Tally {
                passed: 5,
                failed: 0
            }
        );
        assert!(outcome.last_words.is_empty());
    }

    #[test]
    fn both_streams_are_heard_in_order() {
        let command = shell(
            "order",
            Needs::Nothing,
            "echo one; echo two >&2; echo three; exit 1",
        );
        assert_eq!(command.run().last_words, ["one", "two", "three"]);
    }

    #[test]
    fn a_failed_test_is_named_before_the_last_lines() {
        let script = "echo 'test slow ... FAILED'; seq 100; \
                      echo 'test result: FAILED. 1 passed; 1 failed; 0 ignored'; exit 101";
        let outcome = shell("tests", Needs::Build, script).run();
        assert_eq!(
            outcome.verdict.tally(),
            Tally {
                passed: 1,
                failed: 1
            }
        );
        assert_eq!(outcome.last_words[0], "test slow ... FAILED");
        assert_eq!(outcome.last_words.len(), 1 + TAIL_LINES);
    }

    #[test]
    fn steps_after_a_failure_still_run() {
        let seen = std::cell::Cell::new(false);
        let check = Work::Check(Box::new(|| {
            seen.set(true);
            Ok(())
        }));
        let result = run_all(vec![
            shell("first", Needs::Nothing, "exit 1"),
            Step {
                name: "second",
                needs: Needs::Nothing,
                work: check,
            },
        ]);
        assert!(matches!(result, Err(Failure::Counted { failed: 1 })));
        assert!(seen.get());
    }

    #[test]
    fn what_needs_a_build_is_skipped_once_the_build_is_broken() {
        let seen = std::cell::Cell::new(false);
        let check = Work::Check(Box::new(|| {
            seen.set(true);
            Ok(())
        }));
        let result = run_all(vec![
            shell(
                "unit tests",
                Needs::Build,
                "echo 'error: expected item'; exit 101",
            ),
            Step {
                name: "doc tests",
                needs: Needs::Build,
                work: check,
            },
        ]);
        assert!(matches!(result, Err(Failure::Counted { failed: 1 })));
        assert!(!seen.get());
    }

    #[test]
    fn failing_tests_do_not_count_as_a_broken_build() {
        let seen = std::cell::Cell::new(false);
        let check = Work::Check(Box::new(|| {
            seen.set(true);
            Ok(())
        }));
        let only_one = "echo 'test result: FAILED. 0 passed; 1 failed; 0 ignored'; exit 101";
        let result = run_all(vec![
            shell("unit tests", Needs::Build, only_one),
            Step {
                name: "doc tests",
                needs: Needs::Build,
                work: check,
            },
        ]);
        assert!(matches!(result, Err(Failure::Counted { failed: 1 })));
        assert!(seen.get());
    }
}
