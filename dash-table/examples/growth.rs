//! Draws how many bytes each entry takes while a table grows, beside hashbrown's map.
//!
//! ```text
//! cargo run --release -p dash-table --example growth > docs/pictures/dash-growth.svg
//! ```

use std::fmt::Write as _;
use std::io::{self, Write as _};

use dash_table::DashTable;

type Hasher = foldhash::fast::FixedState;

/// Entries and bytes for each of them, at 64 sizes in each doubling.
type Curve = Vec<(f64, f64)>;

/// The sizes that are drawn.
const FEWEST: u64 = 10_000;
const MOST: u64 = 10_000_000;

/// The most bytes for each entry that are drawn.
const BYTES_MOST: f64 = 50.0;

/// The frame of the plot, in pixels of the picture.
const LEFT: f64 = 60.0;
const RIGHT: f64 = 790.0;
const TOP: f64 = 50.0;
const BOTTOM: f64 = 320.0;

/// Where each of `insert`'s entries leaves the memory of a map.
#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
fn curve(mut insert: impl FnMut(u64) -> Option<usize>) -> Curve {
    let mut curve = Curve::new();
    let mut next = FEWEST;
    for entries in 1..=MOST {
        let bytes = insert(entries);
        if entries == next {
            curve.extend(bytes.map(|bytes| (entries as f64, bytes as f64 / entries as f64)));
            next += next / 64;
        }
    }
    curve
}

fn ours() -> Curve {
    let mut table: DashTable<u64, u64, Hasher> = DashTable::default();
    let mut next = FEWEST;
    curve(|entry| {
        table.insert(entry, entry);
        // Counted over all segments, so asked for only when it is drawn.
        (entry == next).then(|| {
            next += next / 64;
            table.memory_usage()
        })
    })
}

fn hashbrown() -> Curve {
    let mut map: hashbrown::HashMap<u64, u64, Hasher> = hashbrown::HashMap::default();
    curve(|entry| {
        map.insert(entry, entry);
        Some(map.allocation_size())
    })
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
fn across(entries: f64) -> f64 {
    let share = (entries / FEWEST as f64).ln() / (MOST as f64 / FEWEST as f64).ln();
    LEFT + share * (RIGHT - LEFT)
}

fn down(bytes: f64) -> f64 {
    BOTTOM - bytes / BYTES_MOST * (BOTTOM - TOP)
}

/// The curve as a line.
fn line(svg: &mut String, curve: &Curve, colour: &str) -> Result<(), std::fmt::Error> {
    write!(
        svg,
        r#"<polyline fill="none" stroke="{colour}" stroke-width="2" points=""#
    )?;
    for &(entries, bytes) in curve {
        write!(svg, "{:.1},{:.1} ", across(entries), down(bytes))?;
    }
    writeln!(svg, r#""/>"#)
}

fn text(
    svg: &mut String,
    (x, y): (f64, f64),
    anchor: &str,
    words: &str,
) -> Result<(), std::fmt::Error> {
    writeln!(
        svg,
        r##"<text x="{x:.0}" y="{y:.0}" text-anchor="{anchor}" fill="#374151">{words}</text>"##
    )
}

/// The whole picture.
fn picture(ours: &Curve, peer: &Curve) -> Result<String, std::fmt::Error> {
    let mut svg = String::from(concat!(
        r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 820 370" "#,
        r#"font-family="system-ui, sans-serif" font-size="13">"#,
        "\n",
        r##"<rect width="820" height="370" fill="#ffffff"/>"##,
        "\n"
    ));
    let title = "bytes for each entry of two u64, while a map grows from empty";
    text(&mut svg, (LEFT, 26.0), "start", title)?;
    for bytes in [0.0, 10.0, 20.0, 30.0, 40.0, 50.0] {
        let y = down(bytes);
        writeln!(
            svg,
            r##"<path d="M{LEFT} {y:.1}H{RIGHT}" stroke="#e5e7eb"/>"##
        )?;
        text(&mut svg, (LEFT - 8.0, y + 4.0), "end", &format!("{bytes}"))?;
    }
    for (entries, name) in [(1e4, "10 K"), (1e5, "100 K"), (1e6, "1 M"), (1e7, "10 M")] {
        text(&mut svg, (across(entries), BOTTOM + 20.0), "middle", name)?;
    }
    line(&mut svg, peer, "#9ca3af")?;
    line(&mut svg, ours, "#2563eb")?;
    for (x, colour, name) in [
        (LEFT, "#2563eb", "dash-table"),
        (200.0, "#9ca3af", "hashbrown"),
    ] {
        writeln!(
            svg,
            r#"<path d="M{x} 355h24" stroke="{colour}" stroke-width="3"/>"#
        )?;
        text(&mut svg, (x + 32.0, 359.0), "start", name)?;
    }
    svg.push_str("</svg>\n");
    Ok(svg)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let svg = picture(&ours(), &hashbrown())?;
    io::stdout().write_all(svg.as_bytes())?;
    Ok(())
}
