//! What is compared: events, their texts and their numbers.

use rdb_format::{Element, Event, StreamPart, ValueType};

/// One event: what it is, and the texts and numbers that it carries.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Step {
    pub(crate) kind: String,
    pub(crate) value_type: Option<ValueType>,
    pub(crate) texts: Vec<Vec<u8>>,
    pub(crate) numbers: Vec<i128>,
}

fn step(kind: impl Into<String>, texts: &[&[u8]], numbers: &[i128]) -> Step {
    Step {
        kind: kind.into(),
        value_type: None,
        texts: texts.iter().map(|text| text.to_vec()).collect(),
        numbers: numbers.to_vec(),
    }
}

fn number(number: impl Into<i128>) -> i128 {
    number.into()
}

pub(crate) fn of_event(event: Event<'_>) -> Step {
    match event {
        Event::Header { version, dialect } => {
            step(format!("header of {dialect:?}"), &[], &[number(version)])
        }
        Event::Aux { name, value } => step("aux", &[name, value], &[]),
        Event::SelectDb(db) => step("database", &[], &[number(db)]),
        Event::ResizeDb { keys, expiring } => step("sizes", &[], &[number(keys), number(expiring)]),
        Event::Function(source) => step("function", &[source], &[]),
        Event::SlotInfo {
            slot,
            keys,
            expiring,
        } => step("slot", &[], &[number(slot), number(keys), number(expiring)]),
        Event::ModuleAux {
            module,
            when,
            items,
        } => step("module data", &[items], &[number(module), number(when)]),
        Event::KeyMeta(meta) => step("metadata", &[meta], &[]),
        Event::SlotImport { job, ranges } => step(format!("import of {ranges}"), &[job], &[]),
        Event::SlotRange { first, last } => step("range", &[], &[number(first), number(last)]),
        Event::Key(head) => {
            let attributes = [
                head.expire_at_ms.map_or(-1, number),
                head.idle_s.map_or(-1, number),
                head.freq.map_or(-1, number),
            ];
            Step {
                value_type: Some(head.value_type),
                ..step("key", &[head.key], &attributes)
            }
        }
        Event::Element(element) => of_element(element),
        Event::Stream(part) => of_part(part),
        Event::InsertIndex(index) => step("insertion", &[], &[number(index)]),
        Event::KeyEnd { .. } => step("key end", &[], &[]),
        Event::End { .. } => step("end", &[], &[]),
        other => panic!("a new event: {other:?}"),
    }
}

fn of_element(element: Element<'_>) -> Step {
    match element {
        Element::Item(item) => step("item", &[item], &[]),
        // A field that does not expire has the time -1, as the format has it.
        Element::Field(field, value) => step("field", &[field, value], &[-1]),
        Element::Scored(member, score) => step("scored", &[member], &[i128::from(score.to_bits())]),
        Element::ExpiringField(field, value, at) => {
            step("field", &[field, value], &[i128::from(at)])
        }
        Element::Indexed(index, item) => step("indexed", &[item], &[i128::from(index)]),
        Element::Raw(bytes) => step("raw", &[bytes], &[]),
        Element::Entry(entry) => {
            let fields: Vec<_> = entry
                .fields()
                .flat_map(|(f, v)| [f.to_vec(), v.to_vec()])
                .collect();
            let fields: Vec<_> = fields.iter().map(Vec::as_slice).collect();
            let id = entry.id();
            let deleted = i128::from(entry.is_deleted());
            step("entry", &fields, &[number(id.ms), number(id.seq), deleted])
        }
        other => panic!("a new element: {other:?}"),
    }
}

fn of_part(part: StreamPart<'_>) -> Step {
    // The digits of a part without texts are its numbers.
    let digits = |part: &StreamPart<'_>| {
        let text = format!("{part:?}");
        let numbers = text.split(|c: char| !c.is_ascii_digit() && c != '-');
        numbers
            .filter_map(|n| n.parse().ok())
            .collect::<Vec<i128>>()
    };
    match part {
        StreamPart::Group {
            name,
            last_id,
            entries_read,
        } => {
            let read = entries_read.map_or(-1, number);
            step(
                "group",
                &[name],
                &[number(last_id.ms), number(last_id.seq), read],
            )
        }
        StreamPart::Consumer {
            name,
            seen_at_ms,
            active_at_ms,
        } => {
            let active = active_at_ms.map_or(-1, number);
            step("consumer", &[name], &[number(seen_at_ms), active])
        }
        StreamPart::Producer { name } => step("producer", &[name], &[]),
        StreamPart::Request { request, id } => {
            step("request", &[request], &[number(id.ms), number(id.seq)])
        }
        other => {
            let text = format!("{other:?}");
            let kind = text.split([' ', '(']).next().unwrap();
            step(kind, &[], &digits(&other))
        }
    }
}
