//! What `inspect --format jsonl` should say of what a server holds.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value as Json, json};

use crate::server::content::{Content, Contents, Info};

/// Database and key as JSON text, to a line.
type Lines = BTreeMap<String, Json>;

/// Compares the lines with what the server holds.
///
/// The encoding of a value is the file's affair: it must only be there. So is the way in which
/// groups of a stream are told: their number is compared.
pub(crate) fn compare(lines: &str, contents: &Contents) -> Result<(), String> {
    let mut found = Lines::new();
    for line in lines.lines() {
        let mut line: Json = serde_json::from_str(line).map_err(|error| error.to_string())?;
        normalise(&mut line);
        found.insert(place(&line), line);
    }
    let wanted: Lines = contents
        .iter()
        .map(|((database, key), (content, expire_at_ms))| {
            let line = line(*database, key, content, *expire_at_ms);
            (place(&line), line)
        })
        .collect();
    for (place, line) in &wanted {
        if let Some(other) = found.get_mut(place) {
            keep_known(other, line);
        }
        match found.get(place) {
            Some(other) if other == line => {}
            other => return Err(format!("{place}: {other:.300?} instead of {line:.300?}")),
        }
    }
    match found.keys().find(|place| !wanted.contains_key(*place)) {
        Some(place) => Err(format!("{place} is not in the server")),
        None => Ok(()),
    }
}

/// Takes away what the server does not tell of a stream, old as it is.
fn keep_known(found: &mut Json, wanted: &Json) {
    if wanted["type"] == "stream"
        && let Some(value) = found["value"].as_object_mut()
    {
        value.retain(|name, _| wanted["value"].get(name).is_some());
    }
}

fn place(line: &Json) -> String {
    format!("{}:{}", line["db"], line["key"])
}

/// Takes away what is not compared.
fn normalise(line: &mut Json) {
    let Some(object) = line.as_object_mut() else {
        return;
    };
    let encoding = object.remove("encoding");
    if encoding.is_none_or(|name| name.as_str().is_none_or(str::is_empty)) {
        object.insert("encoding".to_owned(), json!("missing"));
    }
    match object["type"].as_str() {
        Some("zset") => {
            let members = object["value"].as_array_mut();
            for member in members.into_iter().flatten() {
                if let Some(Ok(score)) = member[1].as_str().map(str::parse::<f64>) {
                    member[1] = json!(format!("{score:?}"));
                }
            }
            sort(&mut object["value"]);
        }
        Some("stream") => {
            let groups = object["value"]["groups"].as_array().map(Vec::len);
            object["value"]["groups"] = json!(groups);
        }
        Some("module") => {
            let bytes = object["value"]["bytes"].take();
            object["value"]["bytes"] = json!(!bytes.is_null());
        }
        _ => {}
    }
}

/// Sorted sets by member: equal scores stand in no order that all agree on (0 and -0).
fn sort(value: &mut Json) {
    if let Some(members) = value.as_array_mut() {
        members.sort_by_key(|member| member[0].to_string());
    }
}

fn line(database: u32, key: &[u8], content: &Content, expire_at_ms: i64) -> Json {
    let (kind, value) = match content {
        Content::String(value) => ("string", bytes(value)),
        Content::List(items) => ("list", items.iter().map(|item| bytes(item)).collect()),
        Content::Set(items) => ("set", items.iter().map(|item| bytes(item)).collect()),
        Content::Hash(fields) => {
            let fields = fields.iter().map(|(field, (value, at))| match at {
                -1 => json!([bytes(field), bytes(value)]),
                at => json!([bytes(field), bytes(value), at]),
            });
            ("hash", fields.collect())
        }
        Content::SortedSet(members) => {
            let members = members.iter();
            let mut value = members
                .map(|(member, score)| json!([bytes(member), score]))
                .collect();
            sort(&mut value);
            ("zset", value)
        }
        Content::Stream(info) => ("stream", stream(info)),
        Content::VectorSet(_) => ("module", json!({ "module": "vectorset", "bytes": true })),
    };
    let mut line = json!({ "db": database, "key": bytes(key), "type": kind, "value": value });
    if expire_at_ms != -1 {
        line["expire_at_ms"] = json!(expire_at_ms);
    }
    line
}

fn stream(info: &Info) -> Json {
    let Info::Map(map) = info else {
        return Json::Null;
    };
    let mut value = json!({ "groups": 0 });
    for (name, shown) in [
        ("last-generated-id", "last_id"),
        ("entries-added", "entries_added"),
        ("max-deleted-entry-id", "max_deleted_id"),
    ] {
        if let Some(info) = map.get(name) {
            value[shown] = plain(info);
        }
    }
    if let Some(Info::List(groups)) = map.get("groups") {
        value["groups"] = json!(groups.len());
    }
    let Some(Info::List(entries)) = map.get("entries") else {
        return value;
    };
    value["entries"] = entries.iter().map(entry).collect();
    value
}

/// An id and its fields, in pairs.
fn entry(info: &Info) -> Json {
    let Info::List(parts) = info else {
        return Json::Null;
    };
    let [id, Info::List(fields)] = parts.as_slice() else {
        return Json::Null;
    };
    let fields = fields.chunks(2);
    let pairs: Json = fields
        .map(|pair| pair.iter().map(plain).collect::<Json>())
        .collect();
    json!([plain(id), pairs])
}

fn plain(info: &Info) -> Json {
    match info {
        Info::Number(number) => json!(number),
        Info::Text(text) => bytes(text),
        _ => Json::Null,
    }
}

fn bytes(bytes: &[u8]) -> Json {
    match str::from_utf8(bytes) {
        Ok(text) => json!(text),
        Err(_) => json!({ "base64": STANDARD.encode(bytes) }),
    }
}
