//! One file.

use std::fs;
use std::io::Write;
use std::path::PathBuf;

use aligned_io::{Faults, WriteError, remove_leftovers};

use crate::scenario::{Scenario, content, names, options, written};

struct OneFile {
    path: PathBuf,
}

impl Scenario for OneFile {
    fn steps(&self) -> u64 {
        9
    }

    fn write(&self, faults: Option<&Faults>, version: u8) -> Result<(), WriteError> {
        let mut writer = match faults {
            None => options().create(&self.path)?,
            Some(faults) => options().create_faulty(&self.path, faults)?,
        };
        written(writer.write_all(&content(version, 3)))?;
        writer.publish().map(drop)
    }

    fn recover(&self) -> Result<u8, String> {
        let removed = remove_leftovers(&self.path).map_err(|error| error.to_string());
        removed?;
        let directory = self.path.parent().unwrap();
        if names(directory) != ["dump"] {
            return Err(format!("{:?} is there", names(directory)));
        }
        let found = fs::read(&self.path).unwrap();
        let version = (0..=u8::MAX).find(|&version| found == content(version, 3));
        version.ok_or_else(|| format!("a broken file of {} bytes", found.len()))
    }
}

pub(crate) fn one_file(path: PathBuf) -> Box<dyn Scenario> {
    Box::new(OneFile { path })
}
