//! One row of figures, printed as a JSON object on a line of its own.

use serde_json::{Value, json};

/// What the figures of a row are held to.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Goal {
    /// Our median is at most this.
    AtMost(f64),
    /// Nothing.
    None,
}

impl Goal {
    fn json(self) -> Option<Value> {
        match self {
            Self::AtMost(bound) => Some(json!({ "at_most": bound })),
            Self::None => None,
        }
    }
}

/// Prints a row with one sample of ours for each round. Less is better.
pub(crate) fn print(name: &str, unit: &str, ours: &[f64], goal: Goal) {
    let mut row = json!({ "name": name, "unit": unit, "ours": ours });
    if let Some(goal) = goal.json() {
        row["goal"] = goal;
    }
    println!("{row}");
}
