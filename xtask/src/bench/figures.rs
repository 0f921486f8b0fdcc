//! A crate measured by itself: its bench `figures` prints rows, one JSON object a line.
//!
//! ```json
//! {"name":"get","unit":"ns","ours":[4,5],"peers":[{"name":"other","figure":[6,7]}],
//!  "goal":{"times_the_best_peer":1.0}}
//! ```
//!
//! A peer that is not there says `"missing":"why"`; other goals are `at_most` and `at_least`.

use std::process::Stdio;

use serde_json::Value;

use crate::bench::options::{Extent, Plan};
use crate::bench::row::Row;
use crate::failure::Failure;
use crate::program;
use crate::rocksdb;
use crate::workspace::Workspace;

/// Runs the bench of `package`; what it says of its progress is shown.
///
/// # Errors
///
/// [`Failure`] when it does not run, prints anything but rows, or has none of the parts named.
pub(crate) fn run(workspace: &Workspace, package: &str, plan: &Plan) -> Result<Vec<Row>, Failure> {
    let mut cargo = workspace.cargo(&["bench", "--quiet", "--bench", "figures", "--package"]);
    cargo.arg(package).arg("--");
    if plan.extent == Extent::Quick {
        cargo.arg("--quick");
    }
    cargo.args(&plan.parts);
    cargo.env("FORKLESS_SERVERS", workspace.target().join("servers"));
    if package == "epaxos-store" {
        rocksdb::compile(workspace)?;
        rocksdb::link(workspace, &mut cargo)?;
    }
    // What it says while it runs is for the user.
    cargo.stderr(Stdio::inherit());
    let rows = rows(package, &program::output(&mut cargo)?)?;
    refuse_nothing(package, plan, &rows)?;
    Ok(rows)
}

/// Fails if parts were named and nothing was measured: the bench knows none of them.
fn refuse_nothing(package: &str, plan: &Plan, rows: &[Row]) -> Result<(), Failure> {
    if plan.parts.is_empty() || !rows.is_empty() {
        return Ok(());
    }
    Err(Failure::Unexpected {
        from: "--part".to_owned(),
        said: format!(
            "{}; the bench of {package} has none of them",
            plan.parts.join(", ")
        ),
    })
}

/// Reads what the bench of `package` printed.
fn rows(package: &str, printed: &str) -> Result<Vec<Row>, Failure> {
    let rows = printed.lines().map(|line| {
        let row = serde_json::from_str::<Value>(line).ok();
        row.as_ref()
            .and_then(Row::from_json)
            .ok_or_else(|| Failure::Unexpected {
                from: format!("the bench of {package}"),
                said: line.to_owned(),
            })
    });
    rows.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_is_a_row() {
        let printed = "{\"name\":\"a\",\"unit\":\"ns\",\"ours\":[1]}\n\
                       {\"name\":\"b\",\"unit\":\"s\",\"ours\":[2],\"goal\":{\"at_most\":3}}\n";
        let rows = rows("lists", printed).unwrap();
        assert_eq!(rows.len(), 2);
        assert_eq!(rows[1].reached(), Some(true));
    }

    #[test]
    fn parts_that_measure_nothing_are_told() {
        let plan = |parts: &[&str]| Plan {
            extent: Extent::Full,
            parts: parts.iter().map(|part| (*part).to_owned()).collect(),
        };
        let row = rows("lists", "{\"name\":\"a\",\"unit\":\"ns\",\"ours\":[1]}").unwrap();
        assert!(refuse_nothing("lists", &plan(&["a"]), &row).is_ok());
        assert!(refuse_nothing("lists", &plan(&[]), &[]).is_ok());
        let refused = refuse_nothing("lists", &plan(&["b", "c"]), &[]).unwrap_err();
        assert_eq!(
            refused.to_string(),
            "unexpected from --part: b, c; the bench of lists has none of them"
        );
    }

    #[test]
    fn anything_else_is_told_with_its_source() {
        let refused = rows("lists", "{\"name\":\"a\"}").unwrap_err();
        assert_eq!(
            refused.to_string(),
            "unexpected from the bench of lists: {\"name\":\"a\"}"
        );
    }
}
