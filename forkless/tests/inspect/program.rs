//! The program, run on a file.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value as Json;

pub(crate) fn inspect(path: &Path, options: &[&str]) -> Output {
    command(path).args(options).output().unwrap()
}

pub(crate) fn command(path: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_forkless"));
    command.arg("inspect").arg(path);
    command
}

pub(crate) fn text(bytes: &[u8]) -> &str {
    str::from_utf8(bytes).unwrap()
}

/// What a run that must succeed prints; asserts that nothing goes to stderr.
pub(crate) fn lines(path: &Path, options: &[&str]) -> Vec<String> {
    let output = inspect(path, options);
    assert_eq!(text(&output.stderr), "");
    assert_eq!(output.status.code(), Some(0));
    text(&output.stdout)
        .lines()
        .map(ToOwned::to_owned)
        .collect()
}

/// The keys that a run shows line by line, by name.
pub(crate) fn names(path: &Path, options: &[&str]) -> Vec<Json> {
    let lines = lines(path, &[&["--format", "jsonl"], options].concat());
    lines
        .iter()
        .map(|line| serde_json::from_str::<Json>(line).unwrap()["key"].take())
        .collect()
}
