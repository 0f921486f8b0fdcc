//! What worked and what did not, counted by step and part.

use std::fmt::Write as _;

use crate::part::Part;

/// How many failures of one kind are told in full.
const TOLD: usize = 3;

/// What is done with a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// Nothing of ours: another server loads the file as it is, and is compared. A failure here
    /// is one of the comparison.
    Native,
    /// `check` of what a server saved.
    Check,
    /// `inspect --format jsonl` of it, compared with the server.
    Inspect,
    /// `save` for a version, loaded by a server and compared.
    Save,
    /// `save` for a version that cannot hold the part, which must be refused.
    Refuse,
}

const STEPS: [Step; 5] = [
    Step::Native,
    Step::Check,
    Step::Inspect,
    Step::Save,
    Step::Refuse,
];

/// Every outcome, in order.
#[derive(Debug, Default)]
pub(crate) struct Outcomes {
    all: Vec<Outcome>,
}

#[derive(Debug)]
struct Outcome {
    step: Step,
    part: Part,
    /// The failure, with what was done.
    result: Result<(), String>,
}

impl Outcomes {
    /// Notes one; `what` was done, from which server to which.
    pub(crate) fn add(
        &mut self,
        step: Step,
        part: Part,
        what: impl Fn() -> String,
        result: Result<(), String>,
    ) {
        let result = result.map_err(|failure| format!("{step:?} {part}, {}: {failure}", what()));
        self.all.push(Outcome { step, part, result });
    }

    /// How many worked, of how many, in each step of each part.
    pub(crate) fn table(&self) -> String {
        let mut text = String::new();
        for part in Part::ALL {
            for step in STEPS {
                let (all, failures) = self.of(step, part);
                if all > 0 {
                    let step = format!("{step:?}").to_lowercase();
                    let worked = all - failures.len();
                    // Writing to a string cannot fail.
                    let _ = writeln!(text, "{part:<13} {step:<8} {worked:>3} of {all:>3}");
                }
            }
        }
        text
    }

    /// What is not as expected: failures that are not in `not_yet`, and entries of `not_yet`
    /// without a failure.
    pub(crate) fn surprises(&self, not_yet: &[(Step, Part)]) -> Vec<String> {
        let mut surprises = Vec::new();
        for part in Part::ALL {
            for step in STEPS {
                let (all, failures) = self.of(step, part);
                match (not_yet.contains(&(step, part)), failures.len()) {
                    (true, 0) if all > 0 => {
                        let surprise = "works now: take it out of NOT_YET";
                        surprises.push(format!("{step:?} {part} {surprise}"));
                    }
                    (false, count) => {
                        surprises.extend(failures.iter().take(TOLD).map(|&text| text.to_owned()));
                        if count > TOLD {
                            surprises.push(format!("{step:?} {part}: {} more", count - TOLD));
                        }
                    }
                    (true, _) => {}
                }
            }
        }
        surprises
    }

    /// How many there are of a step and part, and the failures among them.
    fn of(&self, step: Step, part: Part) -> (usize, Vec<&str>) {
        let all = self.all.iter();
        let all: Vec<_> = all
            .filter(|outcome| outcome.step == step && outcome.part == part)
            .collect();
        let failures = all.iter();
        let failures = failures.filter_map(|outcome| outcome.result.as_ref().err());
        (all.len(), failures.map(String::as_str).collect())
    }
}
