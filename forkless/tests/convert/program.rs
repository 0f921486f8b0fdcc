//! The program, run in a folder that holds `in.rdb`.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value as Json;
use tempfile::TempDir;

pub(crate) fn folder_with(input: &[u8]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("in.rdb"), input).unwrap();
    folder
}

pub(crate) fn forkless(arguments: &[&str], folder: &Path) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_forkless"));
    command
        .args(arguments)
        .current_dir(folder)
        .output()
        .unwrap()
}

pub(crate) fn convert(folder: &Path, output: &str, options: &[&str]) -> Output {
    forkless(&[&["convert", "in.rdb", output], options].concat(), folder)
}

pub(crate) fn text(bytes: &[u8]) -> &str {
    str::from_utf8(bytes).unwrap()
}

/// What a conversion that must succeed says of itself.
pub(crate) fn converted(folder: &Path, output: &str, options: &[&str]) -> Json {
    let done = convert(folder, output, &[options, &["--json"]].concat());
    let error = text(&done.stderr);
    assert!(done.status.success(), "{output}: {error}");
    let checked = forkless(&["check", output], folder);
    assert!(checked.status.success(), "{output}: {checked:?}");
    serde_json::from_str(text(&done.stdout).lines().last().unwrap()).unwrap()
}
