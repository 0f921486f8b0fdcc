//! A line of releases of a server, and the files that it loads.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A server program that is here.
#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) program: PathBuf,
    maker: Maker,
    /// Major and minor.
    version: (u32, u32),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Maker {
    Redis,
    Valkey,
}

/// What a server can hold that others cannot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ability {
    Functions,
    FieldExpiry,
    VectorSets,
}

impl Line {
    /// The programs of `folder`, one folder each, and that of the system; oldest first.
    pub(crate) fn all(folder: &Path) -> Vec<Self> {
        let entries = std::fs::read_dir(folder)
            .unwrap_or_else(|error| panic!("FORKLESS_SERVERS: {}: {error}", folder.display()));
        let fetched = entries.flat_map(|entry| {
            let entry = entry.unwrap().path();
            ["redis-server", "valkey-server"].map(|name| entry.join(name))
        });
        let mut lines: Vec<_> = fetched
            .filter(|program| program.is_file())
            .chain([PathBuf::from("redis-server")])
            .map(Self::of)
            .collect();
        lines.sort_by_key(|line| (line.maker == Maker::Valkey, line.version));
        lines
    }

    /// Asks the program who it is.
    fn of(program: PathBuf) -> Self {
        let output = Command::new(&program).arg("--version").output();
        let output = output.unwrap_or_else(|error| panic!("{}: {error}", program.display()));
        let said = String::from_utf8(output.stdout).unwrap();
        let maker = if said.starts_with("Valkey") {
            Maker::Valkey
        } else {
            Maker::Redis
        };
        let mut numbers = said.split("v=").nth(1).unwrap().split('.');
        let mut number = || numbers.next().unwrap().parse().unwrap();
        let version = (number(), number());
        Self {
            program,
            maker,
            version,
        }
    }

    /// The version of the files that it saves.
    pub(crate) fn saves(&self) -> u32 {
        match (self.maker, self.version) {
            (Maker::Redis, version) if version < (7, 0) => 9,
            (Maker::Redis, version) if version < (7, 2) => 10,
            (Maker::Redis, version) if version >= (7, 4) => 12,
            (Maker::Valkey, version) if version >= (9, 0) => 80,
            _ => 11,
        }
    }

    /// Whether it loads files of this version.
    pub(crate) fn loads(&self, rdb_version: u32) -> bool {
        match rdb_version {
            80 => self.saves() == 80,
            12 => self.saves() == 12,
            older => older <= self.saves(),
        }
    }

    pub(crate) fn can(&self, ability: Ability) -> bool {
        match ability {
            Ability::Functions => self.version >= (7, 0),
            Ability::FieldExpiry => matches!(self.saves(), 12 | 80),
            Ability::VectorSets => self.maker == Maker::Redis && self.version >= (8, 0),
        }
    }

    /// What it calls the encoding of small hashes and sorted sets.
    pub(crate) fn small_encoding(&self) -> &'static str {
        if self.version < (7, 0) {
            "ziplist"
        } else {
            "listpack"
        }
    }
}

impl fmt::Display for Line {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (major, minor) = self.version;
        write!(out, "{:?} {major}.{minor}", self.maker)
    }
}
