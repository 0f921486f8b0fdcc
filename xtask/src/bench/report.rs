//! The result of a run: a table for people, a file for programs, changes since an earlier one.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::bench::machine::Machine;
use crate::bench::options::Plan;
use crate::bench::row::{Goal, Row};
use crate::failure::Failure;

/// Everything that one run measured.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) plan: Plan,
    pub(crate) machine: Machine,
    pub(crate) parts: Vec<Part>,
}

/// What one bench measured.
#[derive(Debug)]
pub(crate) struct Part {
    /// The bench's name.
    pub(crate) bench: &'static str,
    pub(crate) rows: Vec<Row>,
}

/// Reads an earlier result.
///
/// # Errors
///
/// [`Failure::File`] when it cannot be read, [`Failure::Unexpected`] when it is no result.
pub(crate) fn read(path: &Path) -> Result<Value, Failure> {
    let text = fs::read_to_string(path).map_err(Failure::file(path))?;
    let wrong = |said: String| Failure::Unexpected {
        from: path.display().to_string(),
        said,
    };
    let value: Value = serde_json::from_str(&text).map_err(|error| wrong(error.to_string()))?;
    if value["rows"].is_array() {
        Ok(value)
    } else {
        Err(wrong("no rows".to_owned()))
    }
}

impl Report {
    /// The aligned table, with the machine above it.
    pub(crate) fn table(&self) -> String {
        let mut cells = Vec::new();
        for part in &self.parts {
            let head = ["unit", "forkless", "best peer", "", "ratio", "goal", ""];
            let mut line = [part.bench; 8].map(str::to_owned);
            line[1..].clone_from_slice(&head.map(str::to_owned));
            cells.push(line);
            cells.extend(part.rows.iter().map(cells_of));
        }
        let mut text = format!("{}\n\n", self.machine.line());
        align(&mut text, &cells);
        for (name, reason) in self.missing() {
            let _ = writeln!(text, "{name}: {reason}");
        }
        text
    }

    /// The change of every row since `base`, in per cent of its median there.
    pub(crate) fn changes(&self, base: &Value) -> String {
        let mut cells = vec![["", "before", "now", "change"].map(str::to_owned)];
        for row in self.rows() {
            let before = base["rows"].as_array().into_iter().flatten();
            let before = before
                .filter(|other| other["name"] == row.name.as_str() && self.is_as_large(other))
                .find_map(|other| other["ours"]["median"].as_f64());
            let digits = row.digits();
            let show = |figure: Option<f64>| {
                figure.map_or("-".to_owned(), |figure| {
                    format!("{figure:.digits$} {}", row.unit)
                })
            };
            let change = match (before, row.ours.median()) {
                (Some(before), Some(now)) => format!("{:+.1} %", (now / before - 1.0) * 100.0),
                _ => "-".to_owned(),
            };
            cells.push([
                row.name.clone(),
                show(before),
                show(row.ours.median()),
                change,
            ]);
        }
        let mut text = String::new();
        align(&mut text, &cells);
        text
    }

    /// The result for programs, with the rows of benches that stand in `earlier` only: each row
    /// says which bench, how much data and what machine it is of. Of a bench that ran in part, or
    /// on less data, the other rows stay too.
    pub(crate) fn json(&self, earlier: Option<&Value>) -> Value {
        let mut rows = Vec::new();
        for row in earlier
            .and_then(|earlier| earlier["rows"].as_array())
            .into_iter()
            .flatten()
        {
            if !self.replaces(row) {
                rows.push(row.clone());
            }
        }
        let machine = self.machine.json();
        for part in &self.parts {
            for row in &part.rows {
                let mut row = row.json();
                row["bench"] = part.bench.into();
                row["extent"] = self.plan.extent.name().into();
                row["machine"] = machine.clone();
                rows.push(row);
            }
        }
        json!({ "rows": rows })
    }

    /// Whether an earlier row is out of date.
    fn replaces(&self, earlier: &Value) -> bool {
        let part = self
            .parts
            .iter()
            .find(|part| earlier["bench"] == part.bench);
        self.is_as_large(earlier)
            && part.is_some_and(|part| {
                let mut names = part.rows.iter().map(|row| &row.name);
                self.plan.parts.is_empty() || names.any(|name| earlier["name"] == name.as_str())
            })
    }

    /// Whether an earlier row is of the same extent, without which its figures say something else.
    fn is_as_large(&self, earlier: &Value) -> bool {
        earlier["extent"] == self.plan.extent.name()
    }

    fn rows(&self) -> impl Iterator<Item = &Row> {
        self.parts.iter().flat_map(|part| &part.rows)
    }

    /// Each peer without figures once, with the reason.
    fn missing(&self) -> Vec<(&str, &str)> {
        let peers = self.rows().flat_map(|row| &row.peers);
        let mut missing = peers
            .filter_map(|peer| Some((peer.name.as_str(), peer.figure.as_ref().err()?.as_str())))
            .collect::<Vec<_>>();
        missing.sort_unstable();
        missing.dedup();
        missing
    }
}

fn cells_of(row: &Row) -> [String; 8] {
    let (peer, figure) = match row.best_peer() {
        Some((name, sample)) => (name.to_owned(), sample.text(row.digits())),
        None => ("-".to_owned(), String::new()),
    };
    let goal = match row.goal {
        Goal::Times(times) => format!(">= {times} x"),
        Goal::AtMost(most) => format!("<= {most} {}", row.unit),
        Goal::AtLeast(least) => format!(">= {least} {}", row.unit),
        Goal::Nothing => String::new(),
    };
    let reached = match row.reached() {
        Some(true) => "reached",
        Some(false) => "missed",
        None if row.goal == Goal::Nothing => "",
        None => "unknown",
    };
    [
        row.name.clone(),
        row.unit.clone(),
        row.ours.text(row.digits()),
        peer,
        figure,
        row.ratio()
            .map_or("-".to_owned(), |ratio| format!("{ratio:.2} x")),
        goal,
        reached.to_owned(),
    ]
}

/// Writes rows of cells so that columns line up, two spaces apart.
fn align<const N: usize>(text: &mut String, rows: &[[String; N]]) {
    let width = |column: usize| {
        rows.iter()
            .map(|row| row[column].chars().count())
            .max()
            .unwrap_or_default()
    };
    let widths: [usize; N] = std::array::from_fn(width);
    for row in rows {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(widths) {
            let _ = write!(line, "{cell:<width$}  ");
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::options::Extent;
    use crate::bench::row::PeerFigure;
    use crate::bench::sample::Sample;

    fn report() -> Report {
        let peer = |name: &str, figure| PeerFigure {
            name: name.to_owned(),
            figure,
        };
        let row = |name: &str, peers, goal| Row {
            name: name.to_owned(),
            unit: "s".to_owned(),
            ours: Sample::from([0.1, 0.2, 0.3]),
            peers,
            goal,
        };
        let peers = vec![
            peer("Redis 7.0.15", Ok(Sample::from([1.0]))),
            peer("valkey-9.1", Err("not fetched".to_owned())),
        ];
        Report {
            plan: Plan {
                extent: Extent::Quick,
                parts: Vec::new(),
            },
            machine: Machine::of(&std::env::temp_dir()).unwrap(),
            parts: vec![
                Part {
                    bench: "snapshot",
                    rows: vec![
                        row("save", peers.clone(), Goal::Times(4.0)),
                        row("load", peers, Goal::Times(6.0)),
                    ],
                },
                Part {
                    bench: "runtime",
                    rows: vec![row("pause", Vec::new(), Goal::AtMost(0.2))],
                },
            ],
        }
    }

    #[test]
    fn the_table_lines_up_and_names_missing_peers_once() {
        let table = report().table();
        let lines = table.lines().skip(2).collect::<Vec<_>>();
        assert_eq!(
            lines,
            [
                "snapshot  unit  forkless              best peer                           ratio   \
                 goal      ",
                "save      s     0.200 (0.100..0.300)  Redis 7.0.15  1.000 (1.000..1.000)  5.00 x  \
                 >= 4 x    reached",
                "load      s     0.200 (0.100..0.300)  Redis 7.0.15  1.000 (1.000..1.000)  5.00 x  \
                 >= 6 x    missed",
                "runtime   unit  forkless              best peer                           ratio   \
                 goal      ",
                "pause     s     0.200 (0.100..0.300)  -                                   -       \
                 <= 0.2 s  reached",
                "valkey-9.1: not fetched",
            ]
            .map(str::trim_end)
        );
    }

    #[test]
    fn changes_are_told_row_by_row() {
        let row = |extent: &str, median: f64| {
            let ours = json!({ "median": median });
            json!({ "name": "load", "extent": extent, "ours": ours })
        };
        let base = json!({ "rows": [row("full", 8.0), row("quick", 0.4)] });
        let text = report().changes(&base);
        let lines = text.lines().collect::<Vec<_>>();
        assert_eq!(lines[1], "save   -        0.200 s  -");
        assert_eq!(lines[2], "load   0.400 s  0.200 s  -50.0 %");
    }

    #[test]
    fn what_is_written_can_be_compared_with() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("base.json");
        fs::write(&file, report().json(None).to_string()).unwrap();
        let base = read(&file).unwrap();
        assert!(report().changes(&base).contains("+0.0 %"));
        assert_eq!(base["rows"][0]["extent"], "quick");
    }

    #[test]
    fn benches_that_did_not_run_keep_their_rows() {
        let earlier = json!({ "rows": [
            { "name": "get", "bench": "table", "extent": "quick" },
            { "name": "old", "bench": "snapshot", "extent": "quick" },
        ] });
        let result = report().json(Some(&earlier));
        let rows = result["rows"].as_array().unwrap().iter();
        let seen = rows.map(|row| {
            (
                row["bench"].as_str().unwrap(),
                row["name"].as_str().unwrap(),
            )
        });
        assert_eq!(
            seen.collect::<Vec<_>>(),
            [
                ("table", "get"),
                ("snapshot", "save"),
                ("snapshot", "load"),
                ("runtime", "pause")
            ]
        );
    }

    #[test]
    fn rows_of_more_data_outlast_a_quick_run() {
        let earlier = json!({ "rows": [
            { "name": "save", "bench": "snapshot", "extent": "full" },
            { "name": "other", "bench": "snapshot", "extent": "full" },
            { "name": "save", "bench": "snapshot", "extent": "quick" },
        ] });
        let mut report = report();
        report.parts.truncate(1);
        for named in [None, Some("quick-save")] {
            report.plan.parts = named.into_iter().map(str::to_owned).collect();
            let result = report.json(Some(&earlier));
            let rows = result["rows"].as_array().unwrap().iter();
            let word = |row: &Value, name: &str| row[name].as_str().unwrap().to_owned();
            assert_eq!(
                rows.map(|row| [word(row, "name"), word(row, "extent")])
                    .collect::<Vec<_>>(),
                [
                    ["save", "full"],
                    ["other", "full"],
                    ["save", "quick"],
                    ["load", "quick"]
                ]
            );
        }
    }

    #[test]
    fn parts_that_did_not_run_keep_their_rows() {
        let earlier = json!({ "rows": [
            { "name": "load", "bench": "snapshot", "extent": "quick" },
            { "name": "other", "bench": "snapshot", "extent": "quick" },
        ] });
        let mut report = report();
        report.plan.parts.push("some".to_owned());
        let result = report.json(Some(&earlier));
        let rows = result["rows"].as_array().unwrap().iter();
        let names = rows.map(|row| row["name"].as_str().unwrap());
        assert_eq!(
            names.collect::<Vec<_>>(),
            ["other", "save", "load", "pause"]
        );
    }

    #[test]
    fn another_file_is_no_result() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("base.json");
        for text in ["", "{}", "[1]"] {
            fs::write(&file, text).unwrap();
            assert!(
                matches!(read(&file), Err(Failure::Unexpected { .. })),
                "{text:?}"
            );
        }
    }
}
