//! The words of a request on one line, with and without quotes.

use crate::server::request_error::RequestError;

/// Appends the word at the begin of `line` without its quotes; what follows the word.
pub(crate) fn unquote<'a>(
    mut line: &'a [u8],
    word: &mut Vec<u8>,
) -> Result<&'a [u8], RequestError> {
    while let [byte, rest @ ..] = line {
        line = match byte {
            b'"' => return closed(unquote_double(rest, word)?),
            b'\'' => return closed(unquote_single(rest, word)?),
            byte if is_blank(*byte) => return Ok(line),
            byte => {
                word.push(*byte);
                rest
            }
        };
    }
    Ok(line)
}

/// Whether a byte ends a word.
pub(crate) fn is_blank(byte: u8) -> bool {
    byte.is_ascii_whitespace() || byte == 0x0b
}

/// Whatever follows closing quotes must be a blank.
fn closed(rest: &[u8]) -> Result<&[u8], RequestError> {
    match rest.first() {
        Some(byte) if !is_blank(*byte) => Err(RequestError::Quotes),
        _ => Ok(rest),
    }
}

fn unquote_double<'a>(mut line: &'a [u8], word: &mut Vec<u8>) -> Result<&'a [u8], RequestError> {
    loop {
        line = match line {
            [b'"', rest @ ..] => return Ok(rest),
            [b'\\', b'x', high, low, rest @ ..]
                if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() =>
            {
                let digit = |byte: &u8| char::from(*byte).to_digit(16).unwrap_or_default();
                word.extend(u8::try_from(digit(high) * 16 + digit(low)));
                rest
            }
            [b'\\', escaped, rest @ ..] => {
                word.push(match escaped {
                    b'n' => b'\n',
                    b'r' => b'\r',
                    b't' => b'\t',
                    b'b' => 0x08,
                    b'a' => 0x07,
                    other => *other,
                });
                rest
            }
            [byte, rest @ ..] => {
                word.push(*byte);
                rest
            }
            [] => return Err(RequestError::Quotes),
        };
    }
}

fn unquote_single<'a>(mut line: &'a [u8], word: &mut Vec<u8>) -> Result<&'a [u8], RequestError> {
    loop {
        line = match line {
            [b'\'', rest @ ..] => return Ok(rest),
            [b'\\', b'\'', rest @ ..] => {
                word.push(b'\'');
                rest
            }
            [byte, rest @ ..] => {
                word.push(*byte);
                rest
            }
            [] => return Err(RequestError::Quotes),
        };
    }
}
