//! Where files are written, what is in them, and what is beside them.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::restriction::Restriction;

/// A directory on the disk, and one in memory where there is one.
pub(crate) fn directories() -> Vec<TempDir> {
    Restriction::apply();
    let mut roots = vec![PathBuf::from(env!("CARGO_TARGET_TMPDIR"))];
    roots.extend(Some(PathBuf::from("/dev/shm")).filter(|memory| memory.is_dir()));
    roots
        .iter()
        .map(|root| TempDir::new_in(root).unwrap())
        .collect()
}

pub(crate) fn leftovers(path: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(path.parent().unwrap()).unwrap();
    entries
        .map(|entry| entry.unwrap().path())
        .filter(|found| found != path)
        .collect()
}

/// Bytes that repeat with no period a block size has.
pub(crate) fn content(bytes: usize, seed: usize) -> Vec<u8> {
    let mixed = |index: usize| (index % 251) ^ (index / 4093) ^ seed;
    (0..bytes)
        .map(|index| mixed(index).to_le_bytes()[0])
        .collect()
}
