//! One row of figures, printed as a JSON object on a line of its own.

use serde_json::json;

/// Prints a row with one sample for each round.
pub(crate) fn print(name: &str, unit: &str, ours: &[f64]) {
    println!("{}", json!({ "name": name, "unit": unit, "ours": ours }));
}
