//! Patterns of keys, with the meaning that Redis gives them.

/// A pattern of bytes, ready to be matched.
///
/// | in the pattern | matches |
/// |---|---|
/// | `*` | any bytes, also none |
/// | `?` | one byte |
/// | `[abc]`, `[a-z]` | one byte of these; the ends of a range may stand in either order |
/// | `[^abc]` | one byte, but none of these |
/// | `\x` | the byte `x`, whatever it would mean otherwise |
/// | any other byte | itself |
///
/// The odd corners are Redis's too: a class that is not closed ends with the pattern, `]` closes
/// a class even as its first byte, and `-` before `]` makes a range up to `]`. A character of
/// several bytes takes as many `?`.
///
/// # Source
///
/// `stringmatchlen` in Redis `src/util.c`; `KEYS` of Redis 7.0.15 gave the same keys for 8,000
/// random patterns. In one case this differs: there only the pattern `*` lists an empty key, here
/// any number of stars does.
#[derive(Debug)]
pub struct Glob(Vec<Token>);

#[derive(Debug)]
enum Token {
    /// Any bytes, also none. Never twice in a row.
    Any,
    /// One byte of a class.
    One(Box<Class>),
    /// This byte.
    Byte(u8),
}

impl Glob {
    /// Reads a pattern. Every pattern means something.
    pub fn new(pattern: &[u8]) -> Self {
        let mut tokens: Vec<Token> = Vec::new();
        let mut rest = pattern;
        while let [first, after @ ..] = rest {
            rest = after;
            match (*first, after) {
                (b'*', _) if matches!(tokens.last(), Some(Token::Any)) => {}
                (b'*', _) => tokens.push(Token::Any),
                (b'?', _) => tokens.push(Token::One(Box::new(Class([true; 256])))),
                (b'[', _) => {
                    let (class, after) = Class::split(after);
                    tokens.push(Token::One(Box::new(class)));
                    rest = after;
                }
                (b'\\', [escaped, after @ ..]) => {
                    tokens.push(Token::Byte(*escaped));
                    rest = after;
                }
                (byte, _) => tokens.push(Token::Byte(byte)),
            }
        }
        Self(tokens)
    }

    /// Whether all of `text` matches. O(length of the pattern x length of `text`).
    ///
    /// Only the last `*` met is ever extended: an earlier one took the fewest bytes that let
    /// the tokens after it match, and more bytes for it could only leave fewer to the rest.
    pub fn matches(&self, text: &[u8]) -> bool {
        let mut token = 0;
        let mut at = 0;
        // Token after the last `*`, and where the bytes after those it took begin.
        let mut retry = None;
        loop {
            let matched = match (self.0.get(token), text.get(at)) {
                (None, None) => return true,
                (Some(Token::Any), _) => {
                    token += 1;
                    retry = Some((token, at));
                    continue;
                }
                (_, None) => return false,
                (None, Some(_)) => false,
                (Some(Token::Byte(wanted)), Some(byte)) => wanted == byte,
                (Some(Token::One(class)), Some(byte)) => class.0[usize::from(*byte)],
            };
            if matched {
                token += 1;
                at += 1;
            } else if let Some((after_star, taken)) = &mut retry {
                *taken += 1;
                token = *after_star;
                at = *taken;
            } else {
                return false;
            }
        }
    }
}

/// For each byte, whether it belongs.
#[derive(Debug)]
struct Class([bool; 256]);

impl Class {
    /// Reads a class whose `[` is passed already; gives it and what follows it.
    fn split(pattern: &[u8]) -> (Self, &[u8]) {
        let (belongs, mut rest) = match pattern {
            [b'^', rest @ ..] => (false, rest),
            _ => (true, pattern),
        };
        let mut class = [!belongs; 256];
        loop {
            let (low, high) = match rest {
                [] => break,
                [b'\\', escaped, after @ ..] => {
                    rest = after;
                    (*escaped, *escaped)
                }
                [b']', after @ ..] => {
                    rest = after;
                    break;
                }
                [start, b'-', end, after @ ..] => {
                    rest = after;
                    (*start.min(end), *start.max(end))
                }
                [byte, after @ ..] => {
                    rest = after;
                    (*byte, *byte)
                }
            };
            class[usize::from(low)..=usize::from(high)].fill(belongs);
        }
        (Self(class), rest)
    }
}

#[cfg(test)]
mod tests {
    use super::Glob;

    fn matches(pattern: &str, text: &str) -> bool {
        Glob::new(pattern.as_bytes()).matches(text.as_bytes())
    }

    /// The same meaning in the plainest way: every split that a `*` allows is tried.
    fn matches_naively(pattern: &[u8], text: &[u8]) -> bool {
        match pattern {
            [] => text.is_empty(),
            [b'*', rest @ ..] => {
                (0..=text.len()).any(|taken| matches_naively(rest, &text[taken..]))
            }
            [b'?', rest @ ..] => !text.is_empty() && matches_naively(rest, &text[1..]),
            [byte, rest @ ..] => text.first() == Some(byte) && matches_naively(rest, &text[1..]),
        }
    }

    #[test]
    fn plain_bytes_match_themselves_as_a_whole() {
        assert!(matches("user:1", "user:1"));
        assert!(!matches("user:1", "user:10"));
        assert!(!matches("user:1", "user:"));
        assert!(!matches("user:1", "User:1"));
        assert!(matches("", ""));
        assert!(!matches("", "a"));
    }

    #[test]
    fn star_takes_any_bytes_also_none() {
        for text in ["", "a", "user:1"] {
            assert!(matches("*", text) && matches("***", text), "{text}");
        }
        assert!(matches("user:*", "user:"));
        assert!(matches("user:*:name", "user:1:2:name"));
        assert!(!matches("user:*:name", "user:1:names"));
        assert!(matches("*ab*ab", "abaab"));
        assert!(!matches("*ab*ab", "abab0"));
    }

    #[test]
    fn question_mark_takes_one_byte_not_one_character() {
        assert!(matches("h?llo", "hello"));
        assert!(!matches("h?llo", "hllo"));
        assert!(!matches("?", ""));
        assert!(matches("??", "é"));
        assert!(!matches("?", "é"));
    }

    #[test]
    fn class_takes_one_byte_of_its_members() {
        assert!(matches("h[ae]llo", "hallo") && matches("h[ae]llo", "hello"));
        assert!(!matches("h[ae]llo", "hillo") && !matches("h[ae]llo", "hllo"));
        assert!(matches("[a-c]", "b") && matches("[c-a]", "b") && !matches("[a-c]", "d"));
        assert!(matches("[0-9a]x", "ax") && matches("[0-9a]x", "7x"));
        assert!(matches("[*?]", "*") && !matches("[*?]", "x"));
    }

    #[test]
    fn negated_class_takes_one_byte_of_the_others() {
        assert!(matches("h[^e]llo", "hallo") && !matches("h[^e]llo", "hello"));
        assert!(!matches("h[^e]llo", "hllo"));
        assert!(matches("[^a-c]", "d") && !matches("[^a-c]", "b"));
        assert!(matches("[a^]", "^") && matches("[a^]", "a"));
    }

    #[test]
    fn escaped_byte_matches_itself() {
        assert!(matches(r"\*", "*") && !matches(r"\*", "a"));
        assert!(matches(r"a\?", "a?") && !matches(r"a\?", "ab"));
        assert!(matches(r"\[a]", "[a]") && !matches(r"\[a]", "a"));
        assert!(matches(r"[\]]", "]") && matches(r"[\^]", "^") && matches(r"[a\-z]", "-"));
        assert!(!matches(r"[a\-z]", "m"));
        assert!(matches(r"a\", r"a\"));
    }

    #[test]
    fn odd_classes_mean_what_redis_makes_of_them() {
        // Not closed: it ends with the pattern.
        assert!(matches("[ab", "b") && !matches("[ab", "c") && !matches("[ab", "b]"));
        assert!(!matches("[", "[") && matches("[^", "x"));
        // Closed at once: no byte, or any.
        assert!(!matches("[]", "]") && !matches("[]a]", "a") && matches("[^]", "x"));
        // A range up to the bracket, which then closes nothing.
        assert!(matches("[X-]", "Z") && matches("[X-]", "]") && !matches("[X-]", "-"));
        assert!(matches("[a-", "-") && matches("[a-", "a"));
    }

    #[test]
    fn any_byte_can_be_matched() {
        assert!(Glob::new(b"\xff?\x00").matches(b"\xff\xfe\x00"));
        assert!(Glob::new(b"[\x80-\xff]*").matches(b"\x9f\x00"));
        assert!(!Glob::new(b"[\x80-\xff]*").matches(b"\x7f\x00"));
    }

    #[test]
    fn agrees_with_trying_every_split() {
        // All patterns of up to five tokens on all texts of up to five bytes, over two letters.
        let words = |letters: &[u8], longest: usize| {
            let mut words = vec![Vec::new()];
            let mut start = 0;
            for _ in 0..longest {
                let end = words.len();
                for index in start..end {
                    for letter in letters {
                        words.push([words[index].as_slice(), &[*letter]].concat());
                    }
                }
                start = end;
            }
            words
        };
        let texts = words(b"ab", 5);
        for pattern in words(b"ab*?", 5) {
            let glob = Glob::new(&pattern);
            for text in &texts {
                let expected = matches_naively(&pattern, text);
                assert_eq!(glob.matches(text), expected, "{pattern:?} on {text:?}");
            }
        }
    }

    #[test]
    fn many_stars_stay_cheap() {
        // Tried split by split, this would take longer than the universe has lasted.
        let pattern = format!("{}b", "a*".repeat(200));
        assert!(!matches(&pattern, &"a".repeat(10_000)));
        assert!(matches(&pattern, &format!("{}b", "a".repeat(10_000))));
    }
}
