//! `docs/measurements/README.md`: the rows of `latest.json` as tables, with their pictures.

use std::fmt::Write as _;

use serde_json::Value;

use crate::bench::options::BENCHES;
use crate::bench::picture::{self, Bar, Group};

/// A page and the pictures beside it, each with the name of its file.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) text: String,
    pub(crate) pictures: Vec<(&'static str, String)>,
}

/// Rows of one kind that make one picture: their bench, how their names begin, its file and title.
const PICTURES: [(&str, &str, &str, &str); 3] = [
    (
        "snapshot",
        "save ",
        "save.svg",
        "Seconds to save, durable on disk",
    ),
    ("snapshot", "load ", "load.svg", "Seconds to load"),
    (
        "snapshot",
        "memory per key ",
        "memory.svg",
        "Bytes of memory for each key",
    ),
];

const HEAD: &str = "# Measurements

`cargo xtask bench` measures, and writes this page and its pictures from \
[latest.json](latest.json); `cargo xtask bench --page` writes them anew without measuring.

A figure is a median, with the least and the greatest of its rounds. \
Where there is a peer, ours and the peers' took turns in one run on one machine and disk; \
the ratio says how many times better ours is than the best of them, and the goal is the design's. \
Each table says when it was taken, and on what. \
Before each turn of whole programs that save, load or follow, ours or a peer's, the machine's free \
memory is touched: what a host has taken back of it would count for seconds.

What writers feel over the time of one snapshot, and the memory it takes: [demo.svg](demo.svg), \
which `forkless demo` draws. \
Bytes for each entry while a table grows: [dash-growth.svg](../pictures/dash-growth.svg).
";

/// The page of a result.
pub(crate) fn page(result: &Value) -> Page {
    let rows = result["rows"].as_array().map_or(&[][..], Vec::as_slice);
    let mut text = HEAD.to_owned();
    let mut pictures = Vec::new();
    for (bench, about) in BENCHES.iter().map(|bench| (bench.name, bench.about)) {
        let of_bench = |row: &&Value| row["bench"] == bench;
        let rows = rows.iter().filter(of_bench).collect::<Vec<_>>();
        if rows.is_empty() {
            continue;
        }
        let _ = write!(text, "\n## {bench}\n\n{about}\n");
        for (_, prefix, file, title) in PICTURES.iter().filter(|picture| picture.0 == bench) {
            let groups = rows.iter().filter_map(|row| group(row, prefix));
            let groups = groups.collect::<Vec<_>>();
            if !groups.is_empty() {
                let _ = write!(text, "\n![{title}]({file})\n");
                pictures.push((*file, picture::draw(title, &groups)));
            }
        }
        tables(&mut text, &rows);
    }
    Page { text, pictures }
}

/// A table for each time and machine that rows were taken on.
fn tables(text: &mut String, rows: &[&Value]) {
    let mut taken = Vec::new();
    for row in rows {
        let machine = &row["machine"];
        if !taken.contains(&machine) {
            taken.push(machine);
        }
    }
    for machine in taken {
        let word = |name: &str| machine[name].as_str().unwrap_or("?").to_owned();
        let _ = write!(
            text,
            "\n{}, {}, {} cores, Linux {}, {}:\n\n\
             | | forkless | best peer | ratio | goal | |\n|---|---|---|---|---|---|\n",
            word("date"),
            word("processor"),
            machine["cores"],
            word("kernel"),
            word("filesystem"),
        );
        for row in rows.iter().filter(|row| row["machine"] == *machine) {
            line(text, row);
        }
    }
}

fn line(text: &mut String, row: &Value) {
    let unit = row["unit"].as_str().unwrap_or_default();
    let best = row["best_peer"].as_str().unwrap_or_default();
    let peers = row["peers"].as_array().map_or(&[][..], Vec::as_slice);
    let peer = peers
        .iter()
        .find(|peer| peer["name"] == best && peer["figure"].is_object());
    let peer = peer.map_or(String::new(), |peer| {
        format!("{best}: {}", sample(&peer["figure"], unit))
    });
    let ratio = row["ratio"].as_f64();
    let goal = goal(&row["goal"], unit);
    let reached = match row["reached"].as_bool() {
        Some(true) => "reached",
        Some(false) => "**missed**",
        None => "",
    };
    let quick = if row["extent"] == "quick" {
        " (quick)"
    } else {
        ""
    };
    let _ = writeln!(
        text,
        "| {}{quick} | {} | {peer} | {} | {goal} | {reached} |",
        row["name"].as_str().unwrap_or_default(),
        sample(&row["ours"], unit),
        ratio.map_or(String::new(), |ratio| format!("{ratio:.2} x")),
    );
}

/// `0.31 s (0.29 to 0.40)`.
fn sample(figures: &Value, unit: &str) -> String {
    let figure = |name: &str| figures[name].as_f64().unwrap_or(f64::NAN);
    let median = figure("median");
    format!(
        "{} {unit} ({} to {})",
        number(median),
        number(figure("min")),
        number(figure("max"))
    )
}

/// Three digits that count, or all before the point.
fn number(figure: f64) -> String {
    let digits = match figure.abs() {
        size if size < 0.1 => 4,
        size if size < 1.0 => 3,
        size if size < 10.0 => 2,
        size if size < 100.0 => 1,
        _ => 0,
    };
    format!("{figure:.digits$}")
}

fn goal(goal: &Value, unit: &str) -> String {
    let bound = |name: &str| goal[name].as_f64();
    if let Some(times) = bound("times_the_best_peer") {
        return format!("{times} x");
    }
    if let Some(most) = bound("at_most") {
        return format!("at most {} {unit}", number(most));
    }
    bound("at_least").map_or(String::new(), |least| {
        format!("at least {} {unit}", number(least))
    })
}

/// The bars of a row whose name begins so, and that has peers.
fn group(row: &Value, prefix: &str) -> Option<Group> {
    let name = row["name"].as_str()?.strip_prefix(prefix)?;
    let unit = row["unit"].as_str()?;
    let bar = |name: &str, figures: &Value| {
        let figure = figures["median"].as_f64()?;
        Some(Bar {
            name: name.to_owned(),
            figure,
            label: format!("{} {unit}", number(figure)),
        })
    };
    let peers = row["peers"].as_array()?.iter();
    let mut bars = vec![bar("forkless", &row["ours"])?];
    bars.extend(peers.filter_map(|peer| bar(peer["name"].as_str()?, &peer["figure"])));
    (bars.len() > 1).then(|| Group {
        name: name.to_owned(),
        bars,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn result() -> Value {
        let figure = |median: f64| json!({ "median": median, "min": 0.01, "max": 123.4 });
        json!({ "rows": [
            {
                "bench": "snapshot", "name": "save 5 M", "unit": "s", "extent": "full",
                "machine": { "date": "today", "processor": "P", "cores": 2,
                             "kernel": "6", "filesystem": "ext4" },
                "ours": figure(0.25), "best_peer": "B", "ratio": 4.0, "reached": true,
                "goal": { "times_the_best_peer": 4.0 },
                "peers": [
                    { "name": "A", "figure": figure(2.0) },
                    { "name": "B", "figure": figure(1.0) },
                    { "name": "C", "missing": "not fetched" },
                ],
            },
            {
                "bench": "table", "name": "get", "unit": "ns", "extent": "quick",
                "machine": { "date": "before", "processor": "P", "cores": 2,
                             "kernel": "6", "filesystem": "ext4" },
                "ours": figure(40.0), "goal": { "at_most": 30.0 }, "reached": false,
                "peers": [], "best_peer": null, "ratio": null,
            },
        ] })
    }

    #[test]
    fn rows_stand_under_their_bench_and_say_what_they_reached() {
        let text = page(&result()).text;
        assert!(text.contains("## snapshot\n"), "{text}");
        assert!(text.contains("today, P, 2 cores, Linux 6, ext4:"), "{text}");
        let save = "| save 5 M | 0.250 s (0.0100 to 123) | B: 1.00 s (0.0100 to 123) | 4.00 x \
                    | 4 x | reached |";
        assert!(text.contains(save), "{text}");
        let get = "| get (quick) | 40.0 ns (0.0100 to 123) |  |  | at most 30.0 ns | **missed** |";
        assert!(text.contains(get), "{text}");
    }

    #[test]
    fn a_picture_shows_everyone_who_was_measured() {
        let pictures = page(&result()).pictures;
        let [(file, svg)] = pictures.as_slice() else {
            panic!("{pictures:?}")
        };
        assert_eq!(*file, "save.svg");
        for text in ["forkless", "0.250 s", "A", "2.00 s", "B", "5 M"] {
            assert!(svg.contains(&format!(">{text}</text>")), "{text}: {svg}");
        }
        assert!(!svg.contains(">C<"), "{svg}");
    }
}
