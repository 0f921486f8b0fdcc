//! One line of JSON for one key.

use std::cmp::Ordering;

use rdb_format::{Element, Family, KeyHead, StreamPart};

use crate::command::inspect::stream_text::StreamText;
use crate::command::inspect::{json_bytes, module};

/// The line of one key, put together element by element. Its memory is used again and again.
///
/// | family | value |
/// |---|---|
/// | string | its bytes |
/// | list | `[S...]`, in order |
/// | set | `[S...]`, sorted by bytes |
/// | hash | `[[field,value]...]`, sorted by field; `[field,value,expire_at_ms]` if it expires |
/// | sorted set | `[[member,"score"]...]`, by score, then member |
/// | stream | as [`StreamText`] has it |
/// | module | `{"module":name,"bytes":S}`, the bytes as stored, from the module's id on |
/// | array | `{"insert_index":N,"elements":[[index,S]...]}`, the index only if it was set |
///
/// Bytes are as [`json_bytes`] shows them. Elements that must be sorted are held until the end;
/// the others are written as they come.
#[derive(Debug, Default)]
pub(crate) struct Line {
    text: String,
    family: Option<Family>,
    stream: StreamText,
    // What waits to be sorted: places in `bytes`.
    members: Vec<Member>,
    // Also the pieces of a module's value.
    bytes: Vec<u8>,
    separator: &'static str,
    // Whether the list of an array's elements is open.
    elements_begun: bool,
}

/// There is no form for a value in a line.
#[derive(Debug)]
pub(crate) struct NoForm;

/// A member or field, and the value that belongs to it.
#[derive(Debug, Clone, Copy)]
struct Member {
    start: usize,
    name_len: usize,
    value_len: usize,
    score: f64,
    expire_at_ms: Option<i64>,
}

impl Line {
    /// Begins the line of the key with this head.
    ///
    /// # Errors
    ///
    /// [`NoForm`] for a value of another family than those above.
    pub(crate) fn begin(&mut self, database: u32, head: &KeyHead<'_>) -> Result<(), NoForm> {
        let family = head.value_type.family();
        self.text.clear();
        self.members.clear();
        self.bytes.clear();
        self.family = Some(family);
        self.elements_begun = false;
        self.separator = "";
        self.text.push_str("{\"db\":");
        self.text.push_str(&database.to_string());
        self.text.push_str(",\"key\":");
        json_bytes::push(&mut self.text, head.key);
        self.text.push_str(",\"type\":\"");
        self.text.push_str(family.name());
        self.text.push_str("\",\"encoding\":\"");
        self.text.push_str(head.encoding.name());
        self.text.push('"');
        self.number("expire_at_ms", head.expire_at_ms);
        self.number("idle_s", head.idle_s);
        self.number("freq", head.freq);
        self.text.push_str(",\"value\":");
        match family {
            Family::String | Family::Module => {}
            Family::List | Family::Set | Family::Hash | Family::SortedSet => self.text.push('['),
            Family::Stream => self.stream.begin(&mut self.text),
            Family::Array => self.text.push('{'),
            _ => return Err(NoForm),
        }
        Ok(())
    }

    /// Adds one element of the value.
    ///
    /// # Errors
    ///
    /// [`NoForm`] for an element of a kind that lines do not know.
    pub(crate) fn element(&mut self, element: Element<'_>) -> Result<(), NoForm> {
        match element {
            Element::Item(item) if self.family == Some(Family::Set) => {
                self.hold(item, b"", 0.0, None);
            }
            Element::Item(item) => {
                self.text.push_str(self.separator);
                self.separator = ",";
                json_bytes::push(&mut self.text, item);
            }
            Element::Field(field, value) => self.hold(field, value, 0.0, None),
            Element::ExpiringField(field, value, at_ms) => {
                self.hold(field, value, 0.0, Some(at_ms));
            }
            Element::Scored(member, score) => self.hold(member, b"", score, None),
            Element::Entry(entry) => self.stream.entry(&mut self.text, entry),
            Element::Raw(piece) => self.bytes.extend_from_slice(piece),
            Element::Indexed(index, item) => {
                self.begin_elements();
                self.text.push_str(self.separator);
                self.separator = ",";
                self.text.push('[');
                self.text.push_str(&index.to_string());
                self.text.push(',');
                json_bytes::push(&mut self.text, item);
                self.text.push(']');
            }
            _ => return Err(NoForm),
        }
        Ok(())
    }

    /// Adds a part of a stream that is no entry.
    pub(crate) fn stream_part(&mut self, part: StreamPart<'_>) {
        self.stream.part(&mut self.text, part);
    }

    /// Adds where an array inserts next, which comes before its elements.
    pub(crate) fn insert_index(&mut self, index: u64) {
        self.text.push_str("\"insert_index\":");
        self.text.push_str(&index.to_string());
        self.text.push(',');
    }

    /// The finished line, without its end.
    pub(crate) fn end(&mut self) -> &str {
        self.sort();
        for member in &self.members {
            let text = &mut self.text;
            let (name, value) = member.parts(&self.bytes);
            text.push_str(self.separator);
            self.separator = ",";
            match self.family {
                Some(Family::Hash) => {
                    text.push('[');
                    json_bytes::push(text, name);
                    text.push(',');
                    json_bytes::push(text, value);
                    if let Some(at_ms) = member.expire_at_ms {
                        text.push(',');
                        text.push_str(&at_ms.to_string());
                    }
                    text.push(']');
                }
                Some(Family::SortedSet) => {
                    text.push('[');
                    json_bytes::push(text, name);
                    text.push_str(",\"");
                    text.push_str(&score_text(member.score));
                    text.push_str("\"]");
                }
                _ => json_bytes::push(text, name),
            }
        }
        match self.family {
            Some(Family::String) => {}
            Some(Family::Stream) => self.stream.end(&mut self.text),
            Some(Family::Module) => self.push_module(),
            Some(Family::Array) => {
                self.begin_elements();
                self.text.push_str("]}");
            }
            _ => self.text.push(']'),
        }
        self.text.push('}');
        &self.text
    }

    fn push_module(&mut self) {
        self.text.push_str("{\"module\":");
        let name = module::name(&self.bytes).unwrap_or_default();
        json_bytes::push(&mut self.text, name.as_bytes());
        self.text.push_str(",\"bytes\":");
        json_bytes::push(&mut self.text, &self.bytes);
        self.text.push('}');
    }

    /// Opens the list of an array's elements, unless it is open.
    fn begin_elements(&mut self) {
        if !self.elements_begun {
            self.elements_begun = true;
            self.text.push_str("\"elements\":[");
        }
    }

    fn number(&mut self, name: &str, number: Option<impl ToString>) {
        if let Some(number) = number {
            self.text.push_str(",\"");
            self.text.push_str(name);
            self.text.push_str("\":");
            self.text.push_str(&number.to_string());
        }
    }

    fn hold(&mut self, name: &[u8], value: &[u8], score: f64, expire_at_ms: Option<i64>) {
        let (name_len, value_len) = (name.len(), value.len());
        self.members.push(Member {
            start: self.bytes.len(),
            name_len,
            value_len,
            score,
            expire_at_ms,
        });
        self.bytes.extend_from_slice(name);
        self.bytes.extend_from_slice(value);
    }

    /// Sorts what is held: by score, where there are scores, then by bytes.
    fn sort(&mut self) {
        let bytes = &self.bytes;
        self.members.sort_by(|left, right| {
            // Zeros of both signs are equal, and not a number is no score.
            let by_score = left
                .score
                .partial_cmp(&right.score)
                .unwrap_or(Ordering::Equal);
            by_score.then_with(|| left.parts(bytes).0.cmp(right.parts(bytes).0))
        });
    }
}

impl Member {
    fn parts<'a>(&self, bytes: &'a [u8]) -> (&'a [u8], &'a [u8]) {
        bytes[self.start..][..self.name_len + self.value_len].split_at(self.name_len)
    }
}

/// A score in the fewest digits that read back equal.
///
/// With an exponent from 10^16 up and below 10^-5 (`1e16`, `2.5e-7`), without one between them.
fn score_text(score: f64) -> String {
    let magnitude = score.abs();
    if magnitude == 0.0 || (1e-5..1e16).contains(&magnitude) {
        score.to_string()
    } else {
        format!("{score:e}")
    }
}

#[cfg(test)]
mod tests {
    use rdb_format::{Event, ReadOptions, Reader, ValueType, Values};

    use super::*;

    /// Begins the line of a key, whose record in the file starts with `attributes`.
    fn begin(
        line: &mut Line,
        database: u32,
        attributes: &[u8],
        key: &[u8],
        value_type: ValueType,
    ) -> Result<(), NoForm> {
        let mut file = b"REDIS0014".to_vec();
        file.extend_from_slice(attributes);
        file.push(value_type.number());
        file.push(u8::try_from(key.len()).unwrap());
        file.extend_from_slice(key);
        file.extend_from_slice(&[0; 16]);
        let options = ReadOptions {
            values: Values::Raw,
            ..ReadOptions::default()
        };
        let mut reader = Reader::from_slice(&file).with_options(options);
        loop {
            if let Event::Key(head) = reader.next_event().unwrap().unwrap() {
                return line.begin(database, &head);
            }
        }
    }

    fn value(value_type: ValueType, elements: &[Element<'_>]) -> String {
        let mut line = Line::default();
        begin(&mut line, 0, b"", b"k", value_type).unwrap();
        for element in elements {
            line.element(*element).unwrap();
        }
        let line = line.end();
        serde_json::from_str::<serde_json::Value>(line).unwrap();
        let (_, value) = line.split_once("\"value\":").unwrap();
        value.strip_suffix('}').unwrap().to_owned()
    }

    #[test]
    fn fields_stand_in_a_fixed_order() {
        let mut line = Line::default();
        let all = b"\xfc\xfb\xff\xff\xff\xff\xff\xff\xff\xf8\x3c\xf9\xff";
        begin(&mut line, 3, all, b"\xff\"", ValueType::String).unwrap();
        line.element(Element::Item(b"v")).unwrap();
        assert_eq!(
            line.end(),
            concat!(
                r#"{"db":3,"key":{"base64":"/yI="},"type":"string","encoding":"raw","#,
                r#""expire_at_ms":-5,"idle_s":60,"freq":255,"value":"v"}"#,
            )
        );
    }

    #[test]
    fn absent_attributes_have_no_field() {
        let mut line = Line::default();
        begin(&mut line, 0, b"", b"k", ValueType::Set).unwrap();
        assert_eq!(
            line.end(),
            r#"{"db":0,"key":"k","type":"set","encoding":"hashtable","value":[]}"#
        );
    }

    #[test]
    fn fields_that_expire_say_when() {
        let fields = [
            Element::Field(b"b", b"1"),
            Element::ExpiringField(b"a", b"2", 1_700_000_000_000),
        ];
        assert_eq!(
            value(ValueType::HashExpiry, &fields),
            r#"[["a","2",1700000000000],["b","1"]]"#
        );
    }

    #[test]
    fn pieces_of_a_module_become_one() {
        let pieces = [Element::Raw(b"\x44\0\x02"), Element::Raw(b"\x2a\0")];
        assert_eq!(
            value(ValueType::Module, &pieces),
            r#"{"module":"AAAAAAAAB","bytes":"D\u0000\u0002*\u0000"}"#
        );
    }

    #[test]
    fn arrays_show_indexes() {
        let elements = [Element::Indexed(0, b"a"), Element::Indexed(7, b"\xff")];
        assert_eq!(
            value(ValueType::Array, &elements),
            r#"{"elements":[[0,"a"],[7,{"base64":"/w=="}]]}"#
        );
        assert_eq!(value(ValueType::Array, &[]), r#"{"elements":[]}"#);
        let mut line = Line::default();
        begin(&mut line, 0, b"", b"k", ValueType::Array).unwrap();
        line.insert_index(3);
        assert!(
            line.end()
                .ends_with(r#":{"insert_index":3,"elements":[]}}"#)
        );
    }

    #[test]
    fn nothing_of_a_line_stays_for_the_next() {
        let mut line = Line::default();
        begin(&mut line, 1, b"", b"first", ValueType::Hash).unwrap();
        line.element(Element::Field(b"f", b"v")).unwrap();
        line.end();
        begin(&mut line, 2, b"", b"second", ValueType::List).unwrap();
        line.element(Element::Item(b"a")).unwrap();
        assert_eq!(
            line.end(),
            r#"{"db":2,"key":"second","type":"list","encoding":"linkedlist","value":["a"]}"#
        );
    }

    #[test]
    fn lists_keep_their_order() {
        let items = [
            Element::Item(b"b"),
            Element::Item(b"a"),
            Element::Item(b"\xff"),
        ];
        assert_eq!(
            value(ValueType::List, &items),
            r#"["b","a",{"base64":"/w=="}]"#
        );
    }

    #[test]
    fn sets_are_sorted_by_bytes() {
        let items = [b"b".as_slice(), b"", b"\xff", b"a", b"ab"].map(Element::Item);
        assert_eq!(
            value(ValueType::Set, &items),
            r#"["","a","ab","b",{"base64":"/w=="}]"#
        );
    }

    #[test]
    fn hashes_are_sorted_by_field() {
        let fields = [Element::Field(b"b", b"1"), Element::Field(b"a", b"2")];
        assert_eq!(value(ValueType::Hash, &fields), r#"[["a","2"],["b","1"]]"#);
    }

    #[test]
    fn sorted_sets_go_by_score_then_member() {
        let members = [
            Element::Scored(b"top", f64::INFINITY),
            Element::Scored(b"b", 0.0),
            Element::Scored(b"half", 1.5),
            Element::Scored(b"a", -0.0),
            Element::Scored(b"low", f64::NEG_INFINITY),
        ];
        assert_eq!(
            value(ValueType::SortedSet, &members),
            r#"[["low","-inf"],["a","-0"],["b","0"],["half","1.5"],["top","inf"]]"#
        );
    }

    #[test]
    fn scores_are_short_and_read_back_equal() {
        let known = [
            (1.0, "1"),
            (-17.0, "-17"),
            (0.1, "0.1"),
            (-15.400_000_000_000_002, "-15.400000000000002"),
            (9_007_199_254_740_993.0, "9007199254740992"),
            (3_479_099_956_230_698.0, "3479099956230698"),
            (1e15, "1000000000000000"),
            (1e16, "1e16"),
            (1e100, "1e100"),
            (-1.5e300, "-1.5e300"),
            (1e-5, "0.00001"),
            (2.5e-7, "2.5e-7"),
            (f64::MIN_POSITIVE, "2.2250738585072014e-308"),
            (5e-324, "5e-324"),
            (f64::INFINITY, "inf"),
            (f64::NEG_INFINITY, "-inf"),
        ];
        for (score, text) in known {
            assert_eq!(score_text(score), text);
            assert_eq!(text.parse::<f64>().unwrap().to_bits(), score.to_bits());
        }
    }
}
