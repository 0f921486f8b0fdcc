//! What a path on the command line stands for: one RDB file, or a directory with a set of them.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use aligned_io::FileSet;

use crate::error::CommandError;

/// The name of the set in a directory that we write: `dump.manifest` and the files it names.
const SET_NAME: &str = "dump";

/// One RDB file, or a set of them that belong together.
#[derive(Debug)]
pub(crate) enum Dump {
    File(PathBuf),
    Set(FileSet),
}

impl Dump {
    /// Looks at what is there: a directory must hold the manifest of one set.
    pub(crate) fn open(path: &Path) -> Result<Self, CommandError> {
        if !path.is_dir() {
            return Ok(Self::File(path.to_path_buf()));
        }
        let set = FileSet::open(set_in(path)?);
        let set = set.map_err(|source| CommandError::Set { source })?;
        Ok(Self::Set(set))
    }

    /// Its files: one, or those of the set in their order.
    pub(crate) fn files(&self) -> Vec<DumpFile> {
        match self {
            Self::File(path) => vec![DumpFile {
                path: path.clone(),
                promise: None,
            }],
            Self::Set(set) => {
                let members = set.members().map(|(member, path)| DumpFile {
                    path,
                    promise: Some(Content {
                        bytes: member.bytes,
                        xxh3: member.xxh3,
                    }),
                });
                members.collect()
            }
        }
    }
}

/// One file of a dump.
#[derive(Debug)]
pub(crate) struct DumpFile {
    pub(crate) path: PathBuf,
    /// What the manifest says of it, if there is one.
    pub(crate) promise: Option<Content>,
}

/// The length of a file and the XXH3-64 of what is in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Content {
    pub(crate) bytes: u64,
    pub(crate) xxh3: u64,
}

impl fmt::Display for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes with XXH3 {:016x}", self.bytes, self.xxh3)
    }
}

/// The set to write in `directory`, which is made if it is not there; another one than ours must
/// not be there, or neither could be read.
pub(crate) fn new_set_in(directory: &Path) -> Result<PathBuf, CommandError> {
    fs::create_dir_all(directory).map_err(|source| CommandError::Write {
        path: directory.to_path_buf(),
        source,
    })?;
    let ours = directory.join(SET_NAME);
    let others = sets_in(directory)?.into_iter().filter(|set| *set != ours);
    match others.count() {
        0 => Ok(ours),
        others => Err(CommandError::NotOneSet {
            path: directory.to_path_buf(),
            manifests: others,
        }),
    }
}

/// The set whose manifest stands in `directory`.
pub(crate) fn set_in(directory: &Path) -> Result<PathBuf, CommandError> {
    let sets = sets_in(directory)?;
    match &sets[..] {
        [set] => Ok(set.clone()),
        _ => Err(CommandError::NotOneSet {
            path: directory.to_path_buf(),
            manifests: sets.len(),
        }),
    }
}

/// The sets whose manifests stand in `directory`.
fn sets_in(directory: &Path) -> Result<Vec<PathBuf>, CommandError> {
    let failed = |source| CommandError::Read {
        path: directory.to_path_buf(),
        source,
    };
    let mut sets = Vec::new();
    for entry in fs::read_dir(directory).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.extension().is_some_and(|kind| kind == "manifest") {
            sets.push(path.with_extension(""));
        }
    }
    sets.sort();
    Ok(sets)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directory_must_hold_one_manifest() {
        let folder = tempfile::tempdir().unwrap();
        let count = |expected| match Dump::open(folder.path()) {
            Err(CommandError::NotOneSet { manifests, .. }) => assert_eq!(manifests, expected),
            other => panic!("{other:?}"),
        };
        count(0);
        fs::write(folder.path().join("a.manifest"), "").unwrap();
        assert_eq!(set_in(folder.path()).unwrap(), folder.path().join("a"));
        fs::write(folder.path().join("b.manifest"), "").unwrap();
        count(2);
        new_set_in(folder.path()).unwrap_err();
    }
}
