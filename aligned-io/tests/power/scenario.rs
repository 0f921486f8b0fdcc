//! What is written and then looked for.

use std::fs;
use std::path::Path;

use aligned_io::{Direct, Faults, VolatileDisk, WriteError, WriterOptions};

/// One file, or a set of three.
pub(crate) trait Scenario {
    /// About how many steps on the disk it takes to write a version.
    fn steps(&self) -> u64;

    /// Makes the disk the kind of disk that it is written to.
    fn prepare(&self, _disk: &VolatileDisk) {}

    /// Writes version `version`.
    fn write(&self, faults: Option<&Faults>, version: u8) -> Result<(), WriteError>;

    /// Cleans up after a crash; what is wrong with what is found, or its version.
    fn recover(&self) -> Result<u8, String>;
}

pub(crate) fn options() -> WriterOptions {
    WriterOptions {
        block_bytes: 4096,
        depth: 2,
        direct: Direct::Never,
        ..WriterOptions::default()
    }
}

/// Different in every version, down to each sector, and longer or shorter than a block.
pub(crate) fn content(version: u8, member: u8) -> Vec<u8> {
    let length = 700 + 3777 * usize::from(member + version % 3);
    (0..length)
        .map(|index| version ^ member.rotate_left(4) ^ (index / 512).to_le_bytes()[0])
        .collect()
}

pub(crate) fn names(directory: &Path) -> Vec<String> {
    let name = |entry: fs::DirEntry| entry.file_name().into_string().unwrap();
    let entries = fs::read_dir(directory).unwrap();
    let mut names: Vec<_> = entries.map(|entry| name(entry.unwrap())).collect();
    names.sort();
    names
}

/// What every write has inside, as the library's own error.
pub(crate) fn written(outcome: std::io::Result<()>) -> Result<(), WriteError> {
    outcome.map_err(|error| *error.into_inner().unwrap().downcast().unwrap())
}
