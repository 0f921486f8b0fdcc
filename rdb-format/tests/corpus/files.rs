//! The files, and what is in them.

use std::path::{Path, PathBuf};

use rdb_format::{DecodeError, Entry, Reader};

#[expect(
    clippy::print_stderr,
    reason = "a skipped test must say that it is skipped"
)]
pub(crate) fn corpus() -> Option<PathBuf> {
    let path = std::env::var_os("FORKLESS_RDB_CORPUS").map(PathBuf::from);
    if path.is_none() {
        eprintln!("skipped: FORKLESS_RDB_CORPUS names no folder of RDB files");
    }
    path
}

pub(crate) fn files(folder: &Path, extensions: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path
                .extension()
                .is_some_and(|e| extensions.iter().any(|x| e == *x))
            {
                found.push(path);
            }
        }
    }
    found.sort();
    assert!(!found.is_empty(), "no files in {}", folder.display());
    found
}

pub(crate) fn read(bytes: &[u8]) -> Result<Vec<Entry>, DecodeError> {
    let mut reader = Reader::from_slice(bytes);
    let entries: Result<Vec<_>, _> =
        std::iter::from_fn(|| reader.next_entry().transpose()).collect();
    let mut streamed = Reader::new(bytes);
    let again: Result<Vec<_>, _> =
        std::iter::from_fn(|| streamed.next_entry().transpose()).collect();
    assert_eq!(
        format!("{entries:?}"),
        format!("{again:?}"),
        "slice and stream differ"
    );
    assert_eq!(reader.position(), streamed.position());
    entries
}
