//! Prints each key of a file as a line of JSON: `cargo run --example json dump.rdb`.

use std::error::Error;
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use rdb_format::{Reader, Value};
use serde_json::{Value as Json, json};

/// Bytes as text; what is no UTF-8 is replaced.
fn text(bytes: &[u8]) -> Json {
    String::from_utf8_lossy(bytes).into()
}

fn value(value: &Value) -> Json {
    match value {
        Value::String(bytes) => text(bytes),
        Value::List(items) | Value::Set(items) => items.iter().map(|item| text(item)).collect(),
        Value::Hash(fields) => fields
            .iter()
            .map(|(f, v)| json!([text(f), text(v)]))
            .collect(),
        Value::ExpiringHash(fields) => fields
            .iter()
            .map(|(field, value, at_ms)| json!([text(field), text(value), at_ms]))
            .collect(),
        // Infinity is no number in JSON.
        Value::SortedSet(members) => members
            .iter()
            .map(|(member, score)| json!([text(member), score.to_string()]))
            .collect(),
        Value::Stream(stream) => stream
            .records
            .iter()
            .map(|record| {
                let fields: Json = record
                    .fields
                    .iter()
                    .map(|(f, v)| json!([text(f), text(v)]))
                    .collect();
                json!([record.id.to_string(), fields])
            })
            .collect(),
        Value::Array(array) => array
            .elements
            .iter()
            .map(|(index, text_)| json!([index, text(text_)]))
            .collect(),
        _ => Json::Null,
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args_os().nth(1).ok_or("which file?")?;
    dump(path.as_ref(), &mut io::stdout().lock())
}

pub(crate) fn dump(path: &Path, out: &mut impl Write) -> Result<(), Box<dyn Error>> {
    let mut reader = Reader::new(File::open(path)?);
    while let Some(entry) = reader.next_entry()? {
        let line = json!({
            "db": entry.db,
            "key": text(&entry.key),
            "expire_at_ms": entry.expire_at_ms,
            "value": value(&entry.value),
        });
        writeln!(out, "{line}")?;
    }
    Ok(())
}
