//! Bytes in JSON: a string when they are UTF-8, `{"base64":"..."}` otherwise.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

/// Appends `bytes` to a line of JSON.
pub(crate) fn push(line: &mut String, bytes: &[u8]) {
    if let Ok(text) = str::from_utf8(bytes) {
        push_text(line, text);
    } else {
        line.push_str("{\"base64\":\"");
        STANDARD.encode_string(bytes, line);
        line.push_str("\"}");
    }
}

/// `bytes` as a value of their own.
pub(crate) fn value(bytes: &[u8]) -> Value {
    match str::from_utf8(bytes) {
        Ok(text) => Value::from(text),
        Err(_) => json!({ "base64": STANDARD.encode(bytes) }),
    }
}

fn push_text(line: &mut String, text: &str) {
    line.push('"');
    let mut rest = text;
    while let Some(at) = rest
        .bytes()
        .position(|byte| matches!(byte, b'"' | b'\\' | 0..0x20))
    {
        let (plain, after) = rest.split_at(at);
        line.push_str(plain);
        let mut after = after.chars();
        match after.next() {
            Some('\n') => line.push_str("\\n"),
            Some('\r') => line.push_str("\\r"),
            Some('\t') => line.push_str("\\t"),
            Some(mark @ ('"' | '\\')) => line.extend(['\\', mark]),
            Some(control) => {
                let code = u32::from(control);
                line.push_str("\\u00");
                let digits = [code / 16, code % 16].into_iter();
                line.extend(digits.filter_map(|digit| char::from_digit(digit, 16)));
            }
            None => {}
        }
        rest = after.as_str();
    }
    line.push_str(rest);
    line.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pushed(bytes: &[u8]) -> String {
        let mut line = String::new();
        push(&mut line, bytes);
        line
    }

    #[test]
    fn text_reads_back_as_it_was() {
        for c in (0..=0x2100)
            .filter_map(char::from_u32)
            .chain(['\u{ffff}', '😀'])
        {
            let text = format!("{c}a{c}{c}é{c}");
            let json = pushed(text.as_bytes());
            assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
            assert!(!json.contains(|c: char| u32::from(c) < 0x20), "{json:?}");
        }
        assert_eq!(pushed(b""), "\"\"");
        assert_eq!(
            pushed("a\"b\\c\nd\u{1}ü".as_bytes()),
            r#""a\"b\\c\nd\u0001ü""#
        );
    }

    #[test]
    fn other_bytes_become_base64() {
        assert_eq!(pushed(b"\xff"), r#"{"base64":"/w=="}"#);
        assert_eq!(pushed(b"a\xc3"), r#"{"base64":"YcM="}"#);
        let all: Vec<u8> = (0..=255).collect();
        let json: Value = serde_json::from_str(&pushed(&all)).unwrap();
        assert_eq!(
            STANDARD.decode(json["base64"].as_str().unwrap()).unwrap(),
            all
        );
    }

    #[test]
    fn a_value_is_what_a_line_says() {
        for bytes in [&b""[..], b"text\n", b"\xfe\xff", "é".as_bytes()] {
            assert_eq!(
                serde_json::from_str::<Value>(&pushed(bytes)).unwrap(),
                value(bytes)
            );
        }
    }
}
