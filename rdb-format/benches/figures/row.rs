//! One line of output.

use std::io::{self, Write};

use serde_json::{Value, json};

/// One measured quantity, of which less is better.
pub(crate) struct Row {
    pub(crate) name: String,
    pub(crate) unit: &'static str,
    /// One sample for each round.
    pub(crate) ours: Vec<f64>,
    pub(crate) peers: Vec<Peer>,
    pub(crate) goal: Option<Goal>,
}

/// What a peer did, or why it did nothing.
pub(crate) struct Peer {
    pub(crate) name: String,
    pub(crate) figure: Result<Vec<f64>, String>,
}

/// What the row is to reach.
#[derive(Clone, Copy)]
pub(crate) enum Goal {
    /// Not more than this, in the row's unit.
    AtMost(f64),
    /// So many times better than the best peer.
    Times(f64),
}

impl Row {
    /// Writes the row to stdout.
    pub(crate) fn print(&self) -> io::Result<()> {
        let peers: Vec<Value> = self
            .peers
            .iter()
            .map(|peer| match &peer.figure {
                Ok(figure) => json!({ "name": peer.name, "figure": figure }),
                Err(why) => json!({ "name": peer.name, "missing": why }),
            })
            .collect();
        let mut row = json!({
            "name": self.name,
            "unit": self.unit,
            "ours": self.ours,
            "peers": peers,
        });
        if let Some(goal) = self.goal {
            row["goal"] = match goal {
                Goal::AtMost(most) => json!({ "at_most": most }),
                Goal::Times(times) => json!({ "times_the_best_peer": times }),
            };
        }
        writeln!(io::stdout(), "{row}")
    }
}
