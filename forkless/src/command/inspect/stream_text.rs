//! The value of a stream in a line of JSON.

use std::fmt::Write;

use rdb_format::{CompactEntry, StreamEntry, StreamId, StreamPart};

use crate::command::inspect::json_bytes;

/// Writes a stream piece by piece, in the order in which files have the pieces.
///
/// ```text
/// {"entries":[[id,[[field,value]...]]...],
///  "last_id":id,"entries_added":N,"max_deleted_id":id,
///  "groups":[{"name":S,"last_id":id,"entries_read":N,
///             "pending":[[id,delivered_at_ms,deliveries]...],
///             "consumers":[{"name":S,"seen_at_ms":N,"active_at_ms":N,"held":[id...]}...],
///             "rejected":[id...]}...],
///  "producers":{"keep_s":N,"requests_max":N,
///               "producers":[{"name":S,"requests":[[S,id]...]}...],"added":N,"repeated":N}}
/// ```
///
/// Ids are strings such as `"1526919030474-55"`. What the file does not say is left out, and so
/// are `rejected` and `producers` where there are none.
#[derive(Debug, Default)]
pub(crate) struct StreamText {
    place: Place,
    separator: &'static str,
}

/// Which list is open.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Place {
    #[default]
    Entries,
    Groups,
    Pending,
    Held,
    Rejected,
    Producers,
    Requests,
    /// None: the producers are complete.
    Over,
}

impl StreamText {
    /// Begins a stream.
    pub(crate) fn begin(&mut self, text: &mut String) {
        *self = Self::default();
        text.push_str("{\"entries\":[");
    }

    /// Adds an entry.
    pub(crate) fn entry(&mut self, text: &mut String, entry: StreamEntry<'_>) {
        self.separate(text);
        text.push('[');
        push_id(text, entry.id());
        text.push_str(",[");
        let mut separator = "";
        for (field, value) in entry.fields() {
            text.push_str(separator);
            separator = ",";
            text.push('[');
            push_text(text, field);
            text.push(',');
            push_text(text, value);
            text.push(']');
        }
        text.push_str("]]");
    }

    /// Adds what stands beside the entries.
    pub(crate) fn part(&mut self, text: &mut String, part: StreamPart<'_>) {
        match part {
            StreamPart::Facts(facts) => {
                text.push_str("],\"last_id\":");
                push_id(text, facts.last_id);
                if let Some(history) = facts.history {
                    push_number(text, "entries_added", Some(history.entries_added));
                    text.push_str(",\"max_deleted_id\":");
                    push_id(text, history.deleted_id_max);
                }
                text.push_str(",\"groups\":[");
                self.enter(Place::Groups);
            }
            StreamPart::Group {
                name,
                last_id,
                entries_read,
            } => {
                self.back_to_groups(text);
                self.separate(text);
                push_name(text, name);
                text.push_str(",\"last_id\":");
                push_id(text, last_id);
                push_number(text, "entries_read", entries_read);
                text.push_str(",\"pending\":[");
                self.enter(Place::Pending);
            }
            StreamPart::Pending(pending) => {
                self.separate(text);
                text.push('[');
                push_id(text, pending.id);
                push_item(text, &pending.delivered_at_ms);
                push_item(text, &pending.deliveries);
                text.push(']');
            }
            StreamPart::Consumer {
                name,
                seen_at_ms,
                active_at_ms,
            } => {
                text.push_str(match self.place {
                    Place::Held => "]},",
                    _ => "],\"consumers\":[",
                });
                push_name(text, name);
                push_number(text, "seen_at_ms", Some(seen_at_ms));
                push_number(text, "active_at_ms", active_at_ms);
                text.push_str(",\"held\":[");
                self.enter(Place::Held);
            }
            StreamPart::Held(id) => {
                self.separate(text);
                push_id(text, id);
            }
            StreamPart::Rejected(id) => {
                if self.place != Place::Rejected {
                    self.end_consumers(text);
                    text.push_str(",\"rejected\":[");
                    self.enter(Place::Rejected);
                }
                self.separate(text);
                push_id(text, id);
            }
            other => self.producers(text, other),
        }
    }

    /// Ends the stream.
    pub(crate) fn end(&mut self, text: &mut String) {
        if self.place != Place::Over {
            self.back_to_groups(text);
            text.push(']');
        }
        text.push('}');
    }

    fn producers(&mut self, text: &mut String, part: StreamPart<'_>) {
        match part {
            StreamPart::Producers {
                keep_s,
                requests_max,
            } => {
                self.back_to_groups(text);
                let _ = write!(
                    text,
                    "],\"producers\":{{\"keep_s\":{keep_s},\"requests_max\":{requests_max},\
                     \"producers\":["
                );
                self.enter(Place::Producers);
            }
            StreamPart::Producer { name } => {
                self.back_to_producers(text);
                self.separate(text);
                push_name(text, name);
                text.push_str(",\"requests\":[");
                self.enter(Place::Requests);
            }
            StreamPart::Request { request, id } => {
                self.separate(text);
                text.push('[');
                json_bytes::push(text, request);
                text.push(',');
                push_id(text, id);
                text.push(']');
            }
            StreamPart::Requests { added, repeated } => {
                self.back_to_producers(text);
                let _ = write!(text, "],\"added\":{added},\"repeated\":{repeated}}}");
                self.enter(Place::Over);
            }
            // A part that this program does not know yet has no place in the line.
            _ => {}
        }
    }

    /// Closes what is open of a group.
    fn back_to_groups(&mut self, text: &mut String) {
        match self.place {
            Place::Groups => return,
            Place::Rejected => text.push(']'),
            _ => self.end_consumers(text),
        }
        text.push('}');
        self.place = Place::Groups;
        self.separator = ",";
    }

    /// Closes the consumers of a group, which have no list yet if there are none.
    fn end_consumers(&self, text: &mut String) {
        text.push_str(match self.place {
            Place::Held => "]}]",
            _ => "],\"consumers\":[]",
        });
    }

    /// Closes what is open of a producer.
    fn back_to_producers(&mut self, text: &mut String) {
        if self.place == Place::Requests {
            text.push_str("]}");
            self.place = Place::Producers;
            self.separator = ",";
        }
    }

    fn enter(&mut self, place: Place) {
        self.place = place;
        self.separator = "";
    }

    fn separate(&mut self, text: &mut String) {
        text.push_str(self.separator);
        self.separator = ",";
    }
}

fn push_id(text: &mut String, id: StreamId) {
    // Writing to a string cannot fail.
    let _ = write!(text, "\"{id}\"");
}

/// Begins an object with its name.
fn push_name(text: &mut String, name: &[u8]) {
    text.push_str("{\"name\":");
    json_bytes::push(text, name);
}

fn push_item(text: &mut String, item: &impl ToString) {
    text.push(',');
    text.push_str(&item.to_string());
}

fn push_number(text: &mut String, name: &str, number: Option<impl ToString>) {
    if let Some(number) = number {
        let _ = write!(text, ",\"{name}\":{}", number.to_string());
    }
}

fn push_text(text: &mut String, field: CompactEntry<'_>) {
    json_bytes::push(text, &field.to_vec());
}

#[cfg(test)]
mod tests {
    use rdb_format::{
        Compression, Consumer, ConsumerGroup, Element, Encoder, Event, Pending, Producer,
        Producers, Reader, Stream, StreamRecord, Target, Value,
    };
    use serde_json::{Value as Json, json};

    use super::*;

    fn id(ms: u64) -> StreamId {
        StreamId { ms, seq: 1 }
    }

    /// What the text of a stream says, once it went through a file for `target`.
    fn shown(stream: Stream, target: Target) -> Json {
        let mut encoder = Encoder::new(target, Compression::None);
        let mut file = Vec::new();
        encoder.header(&mut file);
        let value = Value::Stream(Box::new(stream));
        encoder.entry(&mut file, b"k", None, &value).unwrap();
        encoder.end(&mut file, None);
        let mut reader = Reader::from_slice(&file);
        let (mut text, mut stream) = (String::new(), StreamText::default());
        while let Some(event) = reader.next_event().unwrap() {
            match event {
                Event::Key(_) => stream.begin(&mut text),
                Event::Element(Element::Entry(entry)) => stream.entry(&mut text, entry),
                Event::Stream(part) => stream.part(&mut text, part),
                Event::KeyEnd { .. } => stream.end(&mut text),
                _ => {}
            }
        }
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
    }

    fn group(name: &[u8], consumers: Vec<Consumer>) -> ConsumerGroup {
        ConsumerGroup {
            name: name.to_vec(),
            last_id: id(2),
            consumers,
            ..ConsumerGroup::default()
        }
    }

    fn consumer(name: &[u8], held: &[u64]) -> Consumer {
        Consumer {
            name: name.to_vec(),
            seen_at_ms: 7,
            active_at_ms: None,
            held: held.iter().map(|ms| id(*ms)).collect(),
        }
    }

    fn pending(ms: u64) -> Pending {
        Pending {
            id: id(ms),
            delivered_at_ms: 100,
            deliveries: 3,
        }
    }

    #[test]
    fn empty_stream_has_all_its_lists() {
        let text = shown(Stream::default(), Target::Redis5);
        assert_eq!(text, json!({"entries": [], "last_id": "0-0", "groups": []}));
    }

    #[test]
    fn groups_of_every_shape_follow_each_other() {
        let mut busy = group(
            b"busy",
            vec![
                consumer(b"a", &[1, 2]),
                consumer(b"b", &[]),
                consumer(b"c", &[3]),
            ],
        );
        busy.pending = vec![pending(1), pending(2), pending(3)];
        let stream = Stream {
            records: vec![StreamRecord {
                id: id(1),
                deleted: false,
                fields: vec![
                    (b"f".to_vec(), b"12".to_vec()),
                    (b"f".to_vec(), b"\xff".to_vec()),
                ],
            }],
            last_id: id(9),
            groups: vec![
                group(b"alone", vec![]),
                busy,
                group(b"idle", vec![consumer(b"z", &[])]),
            ],
            ..Stream::default()
        };
        let held = |name: &str, held: &[&str]| json!({"name": name, "seen_at_ms": 7, "held": held});
        let expected = json!({
            "entries": [["1-1", [["f", "12"], ["f", {"base64": "/w=="}]]]],
            "last_id": "9-1",
            "groups": [
                {"name": "alone", "last_id": "2-1", "pending": [], "consumers": []},
                {
                    "name": "busy", "last_id": "2-1",
                    "pending": [["1-1", 100, 3], ["2-1", 100, 3], ["3-1", 100, 3]],
                    "consumers": [held("a", &["1-1", "2-1"]), held("b", &[]), held("c", &["3-1"])],
                },
                {
                    "name": "idle", "last_id": "2-1", "pending": [],
                    "consumers": [held("z", &[])],
                },
            ],
        });
        assert_eq!(shown(stream, Target::Redis5), expected);
    }

    #[test]
    fn newest_form_shows_all_it_knows() {
        let mut first = group(b"g", vec![]);
        first.pending = vec![pending(1), pending(2)];
        first.rejected = vec![id(1), id(2)];
        first.entries_read = Some(2);
        let stream = Stream {
            last_id: id(9),
            deleted_id_max: Some(id(4)),
            entries_added: Some(5),
            groups: vec![first, group(b"h", vec![consumer(b"c", &[])])],
            producers: Some(Producers {
                producers: vec![
                    Producer {
                        name: b"p".to_vec(),
                        requests: vec![(b"r".to_vec(), id(3))],
                    },
                    Producer {
                        name: b"q".to_vec(),
                        requests: vec![],
                    },
                ],
                added: 6,
                repeated: 1,
                ..Producers::default()
            }),
            ..Stream::default()
        };
        let expected = json!({
            "entries": [], "last_id": "9-1", "entries_added": 5, "max_deleted_id": "4-1",
            "groups": [
                {
                    "name": "g", "last_id": "2-1", "entries_read": 2,
                    "pending": [["1-1", 100, 3], ["2-1", 100, 3]],
                    "consumers": [], "rejected": ["1-1", "2-1"],
                },
                {
                    "name": "h", "last_id": "2-1", "pending": [],
                    "consumers": [
                        {"name": "c", "seen_at_ms": 7, "active_at_ms": 7, "held": []},
                    ],
                },
            ],
            "producers": {
                "keep_s": 100, "requests_max": 100,
                "producers": [
                    {"name": "p", "requests": [["r", "3-1"]]},
                    {"name": "q", "requests": []},
                ],
                "added": 6, "repeated": 1,
            },
        });
        assert_eq!(shown(stream, Target::Redis88), expected);
    }
}
