//! One row of the report.

use serde_json::{Value, json};

/// What a row must reach.
pub(crate) enum Goal {
    /// The best peer's median over ours.
    TimesTheBestPeer(f64),
    /// Our median, at most.
    AtMost(f64),
}

/// Figures of one thing that was measured, one for each round.
pub(crate) struct Row {
    pub(crate) name: String,
    pub(crate) unit: &'static str,
    pub(crate) ours: Vec<f64>,
    pub(crate) peer: Vec<f64>,
    pub(crate) goal: Option<Goal>,
}

impl Row {
    pub(crate) fn new(name: String, unit: &'static str, goal: Option<Goal>) -> Self {
        Self {
            name,
            unit,
            ours: Vec::new(),
            peer: Vec::new(),
            goal,
        }
    }

    /// The row as one line of JSON, and as a line to read on standard error.
    #[expect(
        clippy::print_stdout,
        clippy::print_stderr,
        reason = "this is how a bench reports"
    )]
    pub(crate) fn print(&self) {
        let mut object = json!({ "name": self.name, "unit": self.unit, "ours": self.ours });
        if !self.peer.is_empty() {
            object["peers"] = json!([{ "name": "hashbrown 0.17", "figure": self.peer }]);
        }
        match self.goal {
            Some(Goal::TimesTheBestPeer(times)) => {
                object["goal"] = json!({ "times_the_best_peer": times });
            }
            Some(Goal::AtMost(most)) => object["goal"] = json!({ "at_most": most }),
            None => {}
        }
        println!("{}", Value::to_string(&object));
        let ours = median(&self.ours);
        eprint!("{:<50} {ours:>9.2} {:<4}", self.name, self.unit);
        if !self.peer.is_empty() {
            let peer = median(&self.peer);
            eprint!(" peer {peer:>9.2}, ratio {:.2}", peer / ours);
        }
        eprintln!();
    }
}

/// The middle figure; NaN of none.
pub(crate) fn median(figures: &[f64]) -> f64 {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}
