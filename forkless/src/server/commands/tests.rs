//! Commands on a database alone, for the tests of each family.

use crate::server::command::Run;
use crate::server::commands::find;
use crate::server::database::Database;
use crate::server::database::tests::with_database;
use crate::server::reply::{Protocol, Reply};
use crate::server::words::{OwnedWords, Span, Words};

/// Runs `test` on an empty database at second 1000.
pub(crate) fn session(test: impl FnOnce(&mut Database<'_>)) {
    with_database(test);
}

/// What a command replies whose words have blanks in between.
pub(crate) fn run(database: &mut Database<'_>, command: &str) -> String {
    let words: Vec<&[u8]> = command.split(' ').map(str::as_bytes).collect();
    String::from_utf8(run_words(database, &words)).unwrap()
}

/// What a command replies.
pub(crate) fn run_words(database: &mut Database<'_>, all: &[&[u8]]) -> Vec<u8> {
    let mut spans = Vec::new();
    let mut bytes = Vec::new();
    for word in all {
        let start = bytes.len();
        bytes.extend_from_slice(word);
        spans.push(Span {
            start,
            end: bytes.len(),
        });
    }
    let words = OwnedWords::from(Words::new(&bytes, &spans));
    let words = words.words();
    let command = find(&words[0]).unwrap();
    let mut out = Vec::new();
    if !command.takes(words.len()) {
        return format!(
            "-ERR wrong number of arguments for '{}' command\r\n",
            command.name
        )
        .into();
    }
    let reply = &mut Reply::new(&mut out, Protocol::Two);
    let outcome = match command.run {
        Run::Key(run) => run(database, words, reply),
        Run::Keys {
            words: group,
            each,
            join,
        } => join.run_all(each, group, database, words, reply),
        _ => panic!("{} runs on no shard alone", command.name),
    };
    if let Err(refusal) = outcome {
        out.clear();
        Reply::new(&mut out, Protocol::Two).error(&refusal);
    }
    out
}
