//! A summary as text for people: aligned columns.

use indicatif::{HumanBytes, HumanCount};

use crate::command::inspect::key::Key;
use crate::command::inspect::summary::{Database, Group, Summary};

/// Longest name of a key that is shown whole, in characters.
const NAME_CHARS_MAX: usize = 100;

/// The lines of a summary: the groups, their total, and the biggest keys. None without keys.
pub(crate) fn lines(summary: &Summary) -> Vec<String> {
    if summary.total().keys == 0 {
        return Vec::new();
    }
    let mut rows = vec![GROUP_HEADINGS.map(ToOwned::to_owned)];
    for (database, family, group) in summary.groups() {
        let database = match database {
            Database::Number(number) => number.to_string(),
            Database::Other => "other".to_owned(),
        };
        rows.push(group_row(database, family, group));
    }
    if summary.groups().count() > 1 {
        rows.push(group_row("all".to_owned(), "", summary.total()));
    }
    let mut lines = vec![String::new()];
    lines.extend(aligned(&rows, GROUP_SIDES));

    let mut rows = vec![KEY_HEADINGS.map(ToOwned::to_owned)];
    rows.extend(summary.biggest().map(key_row));
    if rows.len() > 1 {
        lines.push(String::new());
        lines.push("the biggest keys".to_owned());
        lines.extend(aligned(&rows, KEY_SIDES));
    }
    lines
}

/// To which side the text in a column keeps.
#[derive(Debug, Clone, Copy)]
enum Side {
    Left,
    Right,
}

use Side::{Left, Right};

const GROUP_HEADINGS: [&str; 10] = [
    "db",
    "type",
    "keys",
    "expiring",
    "bytes",
    "p50",
    "p90",
    "p99",
    "max",
    "encodings",
];
const GROUP_SIDES: [Side; 10] = [
    Left, Left, Right, Right, Right, Right, Right, Right, Right, Left,
];

fn group_row(database: String, family: &str, group: &Group) -> [String; 10] {
    let encodings: Vec<String> = group
        .encodings
        .iter()
        .map(|(encoding, keys)| format!("{} {}", HumanCount(*keys), encoding.name()))
        .collect();
    let size = |share| HumanBytes(group.size_at(share)).to_string();
    [
        database,
        family.to_owned(),
        HumanCount(group.keys).to_string(),
        HumanCount(group.expiring).to_string(),
        HumanBytes(group.encoded_bytes).to_string(),
        size(0.5),
        size(0.9),
        size(0.99),
        HumanBytes(group.biggest_bytes).to_string(),
        encodings.join(", "),
    ]
}

const KEY_HEADINGS: [&str; 6] = ["bytes", "elements", "type", "encoding", "db", "key"];
const KEY_SIDES: [Side; 6] = [Right, Right, Left, Left, Right, Left];

fn key_row(key: &Key) -> [String; 6] {
    [
        HumanBytes(key.encoded_bytes).to_string(),
        HumanCount(key.elements).to_string(),
        key.family.name().to_owned(),
        key.encoding.name().to_owned(),
        key.database.to_string(),
        shown_name(&key.name),
    ]
}

/// A key on one line of a terminal: as text where it is text without control characters, escaped
/// otherwise, and cut when it is long.
fn shown_name(name: &[u8]) -> String {
    let shown = match str::from_utf8(name) {
        Ok(text) if !text.chars().any(char::is_control) => text.to_owned(),
        _ => name.escape_ascii().to_string(),
    };
    match shown.char_indices().nth(NAME_CHARS_MAX) {
        Some((end, _)) => format!("{}... ({} bytes)", &shown[..end], name.len()),
        None => shown,
    }
}

/// Puts each row on a line, every column as wide as its widest text.
fn aligned<const COLUMNS: usize>(
    rows: &[[String; COLUMNS]],
    sides: [Side; COLUMNS],
) -> Vec<String> {
    let mut widths = [0; COLUMNS];
    for row in rows {
        for (width, text) in widths.iter_mut().zip(row) {
            *width = text.chars().count().max(*width);
        }
    }
    let line = |row: &[String; COLUMNS]| {
        let columns = row.iter().zip(widths).zip(sides);
        let texts: Vec<String> = columns
            .map(|((text, width), side)| match side {
                Left => format!("{text:<width$}"),
                Right => format!("{text:>width$}"),
            })
            .collect();
        texts.join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_text() {
        let rows = [["a", "b", "c"], ["long", "22", "é"], ["", "333", ""]];
        let rows = rows.map(|row| row.map(ToOwned::to_owned));
        assert_eq!(
            aligned(&rows, [Left, Right, Left]),
            ["a       b  c", "long   22  é", "      333"]
        );
    }

    #[test]
    fn names_stay_on_one_line() {
        assert_eq!(shown_name("Küche:1".as_bytes()), "Küche:1");
        assert_eq!(shown_name(b"a\nb\x1b[31m"), "a\\nb\\x1b[31m");
        assert_eq!(shown_name(b"\xff\""), "\\xff\\\"");
        let long = "é".repeat(101);
        assert_eq!(
            shown_name(long.as_bytes()),
            format!("{}... (202 bytes)", "é".repeat(100))
        );
        assert_eq!(shown_name("é".repeat(100).as_bytes()), "é".repeat(100));
    }
}
