//! The codec alone, on one core: what its own benches measured, as rows.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::bench::options::Extent;
use crate::bench::row::{Goal, Row};
use crate::bench::sample::Sample;
use crate::failure::Failure;
use crate::program;
use crate::workspace::Workspace;

/// Bytes of every key in the benches of strings.
const KEY_BYTES: f64 = 16.0;

/// What is asked of one measurement.
struct Wanted {
    /// Its name: group, function, parameter.
    id: &'static str,
    unit: Unit,
    least: f64,
}

const WANTED: &[Wanted] = &[
    Wanted {
        id: "encode/plain/100",
        unit: Unit::Keys,
        least: 8.0,
    },
    Wanted {
        id: "decode/slice/100",
        unit: Unit::Keys,
        least: 10.0,
    },
    Wanted {
        id: "encode/plain/1024",
        unit: Unit::Bytes,
        least: 1.0,
    },
    Wanted {
        id: "decode/slice/1024",
        unit: Unit::Bytes,
        least: 1.0,
    },
];

/// What is counted per second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unit {
    /// Keys, or fields where a bench counts fields.
    Keys,
    /// Bytes of keys and values, without what the format adds; of the whole file where a bench
    /// says how long that is.
    Bytes,
}

impl Unit {
    fn name(self) -> &'static str {
        match self {
            Self::Keys => "M/s",
            Self::Bytes => "GB/s",
        }
    }

    /// From one per nanosecond to the unit.
    fn per_nanosecond(self) -> f64 {
        match self {
            Self::Keys => 1e3,
            Self::Bytes => 1.0,
        }
    }
}

/// Runs the bench.
///
/// # Errors
///
/// [`Failure`] when the crate's benches do not run, or leave no measurement of what is asked.
pub(crate) fn run(workspace: &Workspace, extent: Extent) -> Result<Vec<Row>, Failure> {
    let target = workspace.target();
    // Its own folder, so that no result of an earlier run is taken for one of this run.
    let folder = tempfile::tempdir_in(target).map_err(Failure::file(target))?;
    let mut cargo = workspace.cargo(&["bench", "--package", "rdb-format"]);
    cargo.args(["--bench", "decode", "--bench", "encode", "--", "--noplot"]);
    if extent == Extent::Quick {
        cargo.args(["--warm-up-time", "0.5", "--measurement-time", "1"]);
    }
    cargo.env("CRITERION_HOME", folder.path());
    program::show(&mut cargo)?;
    rows(folder.path())
}

/// The rows of everything measured, in order of names.
fn rows(folder: &Path) -> Result<Vec<Row>, Failure> {
    let mut measured = Vec::new();
    find(folder, &mut measured)?;
    measured.sort_by(|one, other| one.place().cmp(&other.place()));
    for wanted in WANTED {
        if !measured.iter().any(|one| one.id == wanted.id) {
            return Err(Failure::Unexpected {
                from: "the benches of rdb-format".to_owned(),
                said: format!("no measurement of {}", wanted.id),
            });
        }
    }
    Ok(measured.iter().flat_map(Measured::rows).collect())
}

/// One measurement: how often it ran in how many nanoseconds, again and again.
#[derive(Debug)]
struct Measured {
    id: String,
    /// Keys in one run, if they are counted.
    keys: Option<f64>,
    /// Bytes in one run, if they are known.
    bytes: Option<f64>,
    /// Runs per nanosecond.
    rates: Vec<f64>,
}

/// Looks for measurements in `folder` and below.
fn find(folder: &Path, measured: &mut Vec<Measured>) -> Result<(), Failure> {
    let entries = fs::read_dir(folder).map_err(Failure::file(folder))?;
    for entry in entries {
        let path = entry.map_err(Failure::file(folder))?.path();
        if path.ends_with("new") {
            measured.push(Measured::read(&path)?);
        } else if path.is_dir() {
            find(&path, measured)?;
        }
    }
    Ok(())
}

impl Measured {
    /// Reads what criterion leaves of one benchmark.
    fn read(folder: &Path) -> Result<Self, Failure> {
        let benchmark = json(&folder.join("benchmark.json"))?;
        let sample = json(&folder.join("sample.json"))?;
        let wrong = |what: &str| Failure::Unexpected {
            from: folder.display().to_string(),
            said: format!("no {what}"),
        };
        let id = benchmark["full_id"]
            .as_str()
            .ok_or_else(|| wrong("full_id"))?;
        let numbers = |name: &str| {
            let list = sample[name].as_array().ok_or_else(|| wrong(name))?;
            let numbers = list.iter().map(Value::as_f64);
            numbers
                .collect::<Option<Vec<_>>>()
                .ok_or_else(|| wrong(name))
        };
        let (runs, nanoseconds) = (numbers("iters")?, numbers("times")?);
        let throughput = &benchmark["throughput"];
        let both = &throughput["ElementsAndBytes"];
        let keys = throughput["Elements"].as_f64();
        let keys = keys.or_else(|| both["elements"].as_f64());
        let bytes = throughput["Bytes"].as_f64();
        let bytes = bytes.or_else(|| both["bytes"].as_f64());
        Ok(Self {
            id: id.to_owned(),
            keys,
            bytes: bytes.or_else(|| keys.zip(bytes_per_key(id)).map(|(keys, each)| keys * each)),
            rates: runs
                .iter()
                .zip(nanoseconds)
                .map(|(runs, ns)| runs / ns)
                .collect(),
        })
    }

    /// Where it stands: by name, and by number where that is the last part.
    fn place(&self) -> (&str, u64) {
        match self.id.rsplit_once('/') {
            Some((name, number)) => (name, number.parse().unwrap_or(0)),
            None => (&self.id, 0),
        }
    }

    fn rows(&self) -> Vec<Row> {
        let figures = [(Unit::Keys, self.keys), (Unit::Bytes, self.bytes)];
        let figures = figures.into_iter();
        figures
            .filter_map(|(unit, each)| Some(self.row(unit, each?)))
            .collect()
    }

    fn row(&self, unit: Unit, each: f64) -> Row {
        let mut ours = Sample::default();
        for rate in &self.rates {
            ours.add(rate * each * unit.per_nanosecond());
        }
        let wanted = WANTED
            .iter()
            .find(|wanted| wanted.id == self.id && wanted.unit == unit);
        Row {
            name: format!("rdb {}", self.id),
            unit: unit.name(),
            ours,
            peers: Vec::new(),
            goal: wanted.map_or(Goal::Nothing, |wanted| Goal::AtLeast(wanted.least)),
        }
    }
}

/// Key and value in a bench of strings, whose last part is the bytes of a value.
fn bytes_per_key(id: &str) -> Option<f64> {
    let (name, value_bytes) = id.rsplit_once('/')?;
    let strings = [
        "decode/slice",
        "decode/read",
        "decode/lzf",
        "encode/plain",
        "encode/lzf",
    ];
    if !strings.contains(&name) {
        return None;
    }
    Some(KEY_BYTES + value_bytes.parse::<f64>().ok()?)
}

fn json(path: &Path) -> Result<Value, Failure> {
    let text = fs::read_to_string(path).map_err(Failure::file(path))?;
    serde_json::from_str(&text).map_err(|error| Failure::Unexpected {
        from: path.display().to_string(),
        said: error.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// What criterion leaves of three samples that took 100, 50 and 200 ns for each run.
    fn leave(folder: &Path, id: &str, throughput: &Value) {
        let folder = folder.join(id.replace('/', "_")).join("new");
        fs::create_dir_all(&folder).unwrap();
        let benchmark = json!({ "full_id": id, "throughput": throughput });
        let sample = json!({ "iters": [1.0, 2.0, 3.0], "times": [100.0, 100.0, 600.0] });
        fs::write(folder.join("benchmark.json"), benchmark.to_string()).unwrap();
        fs::write(folder.join("sample.json"), sample.to_string()).unwrap();
    }

    fn all_wanted() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for wanted in WANTED {
            leave(folder.path(), wanted.id, &json!({ "Elements": 2 }));
        }
        folder
    }

    #[test]
    fn keys_and_bytes_of_strings_are_rows_with_their_goals() {
        let folder = all_wanted();
        let rows = rows(folder.path()).unwrap();
        let seen = rows
            .iter()
            .map(|row| (row.name.as_str(), row.unit, row.ours.median(), row.goal))
            .collect::<Vec<_>>();
        // Two keys in 100 ns are 20 million in a second.
        let kilobytes = Some(2.0 * 1040.0 / 100.0);
        let expected = [
            (
                "rdb decode/slice/100",
                "M/s",
                Some(20.0),
                Goal::AtLeast(10.0),
            ),
            ("rdb decode/slice/100", "GB/s", Some(2.32), Goal::Nothing),
            ("rdb decode/slice/1024", "M/s", Some(20.0), Goal::Nothing),
            (
                "rdb decode/slice/1024",
                "GB/s",
                kilobytes,
                Goal::AtLeast(1.0),
            ),
            (
                "rdb encode/plain/100",
                "M/s",
                Some(20.0),
                Goal::AtLeast(8.0),
            ),
            ("rdb encode/plain/100", "GB/s", Some(2.32), Goal::Nothing),
            ("rdb encode/plain/1024", "M/s", Some(20.0), Goal::Nothing),
            (
                "rdb encode/plain/1024",
                "GB/s",
                kilobytes,
                Goal::AtLeast(1.0),
            ),
        ];
        let round = |figure: Option<f64>| figure.map(|figure| (figure * 1e6).round());
        for (seen, expected) in seen.iter().zip(expected) {
            assert_eq!(
                (seen.0, seen.1, seen.3),
                (expected.0, expected.1, expected.3)
            );
            assert_eq!(round(seen.2), round(expected.2), "{}", seen.0);
        }
        assert_eq!(seen.len(), expected.len());
        assert!(rows.iter().all(|row| row.reached() != Some(false)));
    }

    #[test]
    fn other_measurements_are_shown_as_they_count() {
        let folder = all_wanted();
        leave(folder.path(), "decode/hash/10", &json!({ "Elements": 2 }));
        let both = json!({ "ElementsAndBytes": { "elements": 2, "bytes": 10 } });
        leave(folder.path(), "decode/stream/9", &both);
        let rows = rows(folder.path()).unwrap();
        let figures = |name: &str| {
            let rows = rows.iter().filter(|row| row.name == name);
            rows.map(|row| (row.unit, row.ours.text(2)))
                .collect::<Vec<_>>()
        };
        let keys = ("M/s", "20.00 (10.00..40.00)".to_owned());
        assert_eq!(figures("rdb decode/hash/10"), std::slice::from_ref(&keys));
        let bytes = ("GB/s", "0.10 (0.05..0.20)".to_owned());
        assert_eq!(figures("rdb decode/stream/9"), [keys, bytes]);
    }

    #[test]
    fn a_bench_that_is_gone_is_missed() {
        let folder = tempfile::tempdir().unwrap();
        leave(folder.path(), "encode/plain/100", &json!({ "Elements": 2 }));
        let refused = rows(folder.path()).unwrap_err().to_string();
        assert_eq!(
            refused,
            "unexpected from the benches of rdb-format: no measurement of decode/slice/100"
        );
    }
}
