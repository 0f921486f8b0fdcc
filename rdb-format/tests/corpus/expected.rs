//! Values as the expected output of other decoders has them.

use rdb_format::{Stream, Value};
use serde_json::Value as Json;

pub(crate) fn latin1(bytes: &[u8]) -> Json {
    Json::String(bytes.iter().map(|byte| char::from(*byte)).collect())
}

pub(crate) fn utf8(bytes: &[u8]) -> Json {
    Json::String(String::from_utf8_lossy(bytes).into_owned())
}

pub(crate) fn sorted_array(mut items: Vec<Json>) -> Json {
    items.sort_by_key(ToString::to_string);
    Json::Array(items)
}

pub(crate) fn score(score: f64) -> Json {
    serde_json::Number::from_f64(score).map_or_else(|| score.to_string().into(), Json::Number)
}

/// A value as both dialects of expected output have it, with sets in order of their text.
pub(crate) fn json(value: &Value, text: fn(&[u8]) -> Json) -> Json {
    let object = |pairs: Vec<(Json, Json)>| {
        let pairs = pairs
            .into_iter()
            .map(|(k, v)| (k.as_str().unwrap().to_owned(), v));
        Json::Object(pairs.collect())
    };
    match value {
        Value::String(bytes) => text(bytes),
        Value::List(items) => Json::Array(items.iter().map(|item| text(item)).collect()),
        Value::Set(members) => sorted_array(members.iter().map(|member| text(member)).collect()),
        Value::Hash(fields) => object(fields.iter().map(|(f, v)| (text(f), text(v))).collect()),
        Value::SortedSet(members) => object(
            members
                .iter()
                .map(|(member, at)| (text(member), score(*at)))
                .collect(),
        ),
        Value::Stream(stream) => stream_json(stream, text),
        other => panic!("no expectation for {other:?}"),
    }
}

/// A stream as `XRANGE` and, without its entries, `XINFO STREAM FULL` give it.
pub(crate) fn stream_json(stream: &Stream, text: fn(&[u8]) -> Json) -> Json {
    let entries = stream.records.iter().map(|record| {
        let flat = record.fields.iter().flat_map(|(f, v)| [text(f), text(v)]);
        serde_json::json!([record.id.to_string(), flat.collect::<Vec<_>>()])
    });
    let groups = stream.groups.iter().map(|group| {
        let consumers = group.consumers.iter().map(|c| {
            let held: Vec<_> = c.held.iter().map(ToString::to_string).collect();
            serde_json::json!([text(&c.name), held])
        });
        let consumers: Vec<_> = consumers.collect();
        let pending = group
            .pending
            .iter()
            .map(|p| serde_json::json!([p.id.to_string(), p.delivered_at_ms, p.deliveries]));
        let pending: Vec<_> = pending.collect();
        serde_json::json!([
            text(&group.name),
            group.last_id.to_string(),
            group.entries_read,
            pending,
            consumers
        ])
    });
    serde_json::json!({
        "entries": entries.collect::<Vec<_>>(),
        "last": stream.last_id.to_string(),
        "deleted": stream.deleted_id_max.unwrap().to_string(),
        "first": stream.first_id.unwrap().to_string(),
        "added": stream.entries_added,
        "groups": groups.collect::<Vec<_>>(),
    })
}

/// What the two commands gave, in the same form.
pub(crate) fn normal_stream(expected: &Json) -> Json {
    /// What follows `name` in a flat list of names and values.
    fn of<'a>(list: &'a Json, name: &str) -> &'a Json {
        let list = list.as_array().unwrap();
        let at = list.iter().step_by(2).position(|item| item == name);
        &list[at.unwrap() * 2 + 1]
    }
    let info = &expected["info_full"];
    let groups = of(info, "groups").as_array().unwrap().iter().map(|group| {
        let consumers: Vec<_> = of(group, "consumers")
            .as_array()
            .unwrap()
            .iter()
            .map(|c| {
                let held = of(c, "pending")
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|p| p[0].clone());
                serde_json::json!([of(c, "name"), held.collect::<Vec<_>>()])
            })
            .collect();
        let pending: Vec<_> = of(group, "pending")
            .as_array()
            .unwrap()
            .iter()
            .map(|p| serde_json::json!([p[0], p[2], p[3]]))
            .collect();
        serde_json::json!([
            of(group, "name"),
            of(group, "last-delivered-id"),
            of(group, "entries-read"),
            pending,
            consumers
        ])
    });
    serde_json::json!({
        "entries": expected["entries"],
        "last": of(info, "last-generated-id"),
        "deleted": of(info, "max-deleted-entry-id"),
        "first": of(info, "recorded-first-entry-id"),
        "added": of(info, "entries-added"),
        "groups": groups.collect::<Vec<_>>(),
    })
}

/// Sorts arrays of sets, and turns members with scores into an object of numbers.
pub(crate) fn normal(expected: &Json, value: &Value) -> Json {
    let number = |at: &Json| match at {
        Json::String(text) => score(text.parse().unwrap()),
        other => score(other.as_f64().unwrap()),
    };
    match (value, expected) {
        (Value::Stream(_), expected) => normal_stream(expected),
        (Value::Set(_), Json::Array(items)) => sorted_array(items.clone()),
        (Value::Hash(_), Json::Array(pairs)) => Json::Object(
            pairs
                .iter()
                .map(|p| (p[0].as_str().unwrap().to_owned(), p[1].clone()))
                .collect(),
        ),
        (Value::SortedSet(_), Json::Object(pairs)) => Json::Object(
            pairs
                .iter()
                .map(|(k, at)| (k.clone(), number(at)))
                .collect(),
        ),
        (Value::SortedSet(_), Json::Array(pairs)) => Json::Object(
            pairs
                .iter()
                .map(|p| (p[0].as_str().unwrap().to_owned(), number(&p[1])))
                .collect(),
        ),
        (_, other) => other.clone(),
    }
}
