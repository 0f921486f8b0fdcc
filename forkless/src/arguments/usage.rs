//! What is said to somebody who called the program as it cannot be called.

use std::ffi::OsString;

use clap::error::ErrorKind;

/// What is wrong, on one line: which argument, and why.
pub(crate) fn complaint(error: &clap::Error) -> String {
    if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        return "forkless: a command is missing; --help lists them".to_owned();
    }
    let text = error.render().to_string();
    let text = text.strip_prefix("error: ").unwrap_or(&text);
    // What follows has paragraphs of its own: how the command is called, and where help is to be
    // had. What somebody put into an argument may look like them, but for what it is quoted in.
    let is_ours = |end: &str| end.starts_with("Usage: ") && !end.contains('\'');
    let end = text.rfind("\n\nFor more information, try ");
    let text = text.get(..end.unwrap_or(text.len())).unwrap_or(text);
    let text = match text.rsplit_once("\n\n") {
        Some((text, end)) if is_ours(end) => text,
        _ => text,
    };
    let mut line = "forkless:".to_owned();
    for word in text.split_whitespace() {
        line.push(' ');
        // Others may have put anything into an argument.
        line.extend(word.chars().map(|c| if c.is_control() { '?' } else { c }));
    }
    line
}

/// Whether these arguments, which could not be understood, ask for JSON.
pub(crate) fn is_json_wanted(mut arguments: impl Iterator<Item = OsString>) -> bool {
    let mut options = arguments.by_ref().take_while(|argument| argument != "--");
    options.any(|argument| argument == "--json")
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::arguments::Arguments;

    fn said(arguments: &[&str]) -> String {
        let arguments = ["forkless"].iter().chain(arguments);
        complaint(&Arguments::try_parse_from(arguments).unwrap_err())
    }

    #[test]
    fn complaint_is_one_line_that_names_the_argument() {
        for (arguments, expected) in [
            (
                &["save"][..],
                "forkless: the following required arguments were not provided: <IN> <OUT>",
            ),
            (
                &["sav"],
                "forkless: unrecognized subcommand 'sav' tip: a similar subcommand exists: 'save'",
            ),
            (
                &["save", "in", "out", "--rdb-version", "3"],
                "forkless: invalid value '3' for '--rdb-version <RDB_VERSION>': \
                 known versions are 9 to 14 and 80",
            ),
            (
                &["save", "in", "out", "--files", "\n\nUsage: none"],
                "forkless: invalid value ' Usage: none' for '--files <FILES>' \
                 [possible values: single, per-shard]",
            ),
            (&[], "forkless: a command is missing; --help lists them"),
        ] {
            let line = said(arguments);
            let line_of = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
            assert_eq!(line, line_of(expected));
        }
    }

    #[test]
    fn json_is_wanted_where_it_is_an_option() {
        let is_wanted = |words: &[&str]| is_json_wanted(words.iter().map(OsString::from));
        assert!(is_wanted(&["sav", "--json"]));
        assert!(!is_wanted(&["sav", "--", "--json"]));
        assert!(!is_wanted(&["save", "json"]));
    }
}
