//! One row of figures, printed as a JSON object on a line of its own.

use serde_json::{Value, json};

/// What the figures of a row are held to.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Goal {
    /// The best peer's median divided by ours is at least this.
    TimesTheBestPeer(f64),
    /// Our median is at most this.
    AtMost(f64),
    /// Nothing.
    None,
}

impl Goal {
    fn json(self) -> Option<Value> {
        match self {
            Self::TimesTheBestPeer(times) => Some(json!({ "times_the_best_peer": times })),
            Self::AtMost(bound) => Some(json!({ "at_most": bound })),
            Self::None => None,
        }
    }
}

/// The peer of most rows.
const PEER: &str = "crossbeam-channel 0.5";

/// Prints a row with one sample of ours, and one of the peer if there is one, for each round.
pub(crate) fn print(name: &str, unit: &str, ours: &[f64], peer: Option<&[f64]>, goal: Goal) {
    let mut row = json!({ "name": name, "unit": unit, "ours": ours });
    if let Some(figure) = peer {
        row["peers"] = json!([{ "name": PEER, "figure": figure }]);
    }
    if let Some(goal) = goal.json() {
        row["goal"] = goal;
    }
    println!("{row}");
}

/// The sample below which `share` of the samples are. Sorts them.
pub(crate) fn quantile(samples: &mut [f64], share: f64) -> f64 {
    samples.sort_by(f64::total_cmp);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "an index of the samples"
    )]
    let index = (samples.len() as f64 * share) as usize;
    samples[index.min(samples.len() - 1)]
}
