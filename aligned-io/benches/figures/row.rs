//! One row: a way to do it, against others; printed as a JSON object on a line of its own.

use std::path::Path;

use serde_json::{Value, json};

use crate::scale::Scale;
use crate::time::Time;

/// A way to do it, and the others that do the same.
pub(crate) struct Row {
    pub(crate) name: String,
    pub(crate) scale: Scale,
    pub(crate) goal: Value,
    pub(crate) ours: Box<dyn Fn(&Path) -> Time>,
    pub(crate) peers: Vec<Peer>,
    /// The row with the processor's time beside it, if there is one.
    pub(crate) cpu: Option<String>,
}

pub(crate) struct Peer {
    pub(crate) name: &'static str,
    pub(crate) run: Box<dyn Fn(&Path) -> Time>,
}

#[expect(clippy::print_stdout, reason = "the rows are what this program is for")]
pub(crate) fn print(name: &str, unit: &str, ours: &[f64], peers: &[Value], goal: &Value) {
    let mut row = json!({"name": name, "unit": unit, "ours": ours, "peers": peers});
    if !goal.is_null() {
        row["goal"] = goal.clone();
    }
    println!("{row}");
}
