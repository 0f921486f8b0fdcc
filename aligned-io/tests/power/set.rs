//! A set of files: two members and their manifest.

use std::fs;
use std::io::Write;
use std::path::PathBuf;

use aligned_io::{Faults, FileSet, FileSetWriter, VolatileDisk, WriteError, remove_set_leftovers};
use xxhash_rust::xxh3::xxh3_64;

use crate::scenario::{Scenario, content, names, options, written};

struct Set {
    path: PathBuf,
    renaming: Renaming,
}

/// How many steps it takes to give a file a name that must be new.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Renaming {
    OneStep,
    TwoSteps,
}

impl Scenario for Set {
    fn steps(&self) -> u64 {
        match self.renaming {
            Renaming::OneStep => 23,
            Renaming::TwoSteps => 25,
        }
    }

    fn prepare(&self, disk: &VolatileDisk) {
        if self.renaming == Renaming::TwoSteps {
            disk.forbid_rename_new();
        }
    }

    fn write(&self, faults: Option<&Faults>, version: u8) -> Result<(), WriteError> {
        let set = match faults {
            None => FileSetWriter::begin(&self.path)?,
            Some(faults) => FileSetWriter::begin_faulty(&self.path, faults)?,
        };
        let mut finished = Vec::new();
        for member in 0..2 {
            let mut writer = set.create(&member.to_string(), &options())?;
            written(writer.write_all(&content(version, member)))?;
            finished.push(writer.finish()?);
        }
        set.commit(finished, &version.to_string()).map(drop)
    }

    fn recover(&self) -> Result<u8, String> {
        let removed = remove_set_leftovers(&self.path).map_err(|error| format!("{error:?}"));
        removed?;
        let set = FileSet::open(&self.path).map_err(|error| error.to_string())?;
        let version = set.manifest().note().parse().unwrap();
        let mut expected = vec![".dump.lock".to_owned(), "dump.manifest".to_owned()];
        for ((member, path), number) in set.members().zip(0..) {
            let found = fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))?;
            if found != content(version, number) || xxh3_64(&found) != member.xxh3 {
                return Err(format!("{} is broken", path.display()));
            }
            expected.push(path.file_name().unwrap().to_str().unwrap().to_owned());
        }
        expected.sort();
        let found = names(self.path.parent().unwrap());
        if found != expected {
            return Err(format!("{found:?} is there, {expected:?} should be"));
        }
        Ok(version)
    }
}

pub(crate) fn set(path: PathBuf) -> Box<dyn Scenario> {
    let renaming = Renaming::OneStep;
    Box::new(Set { path, renaming })
}

pub(crate) fn set_renamed_in_two_steps(path: PathBuf) -> Box<dyn Scenario> {
    let renaming = Renaming::TwoSteps;
    Box::new(Set { path, renaming })
}
