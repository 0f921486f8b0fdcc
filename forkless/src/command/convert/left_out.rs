//! What a conversion leaves out, told line by line.

use std::collections::BTreeSet;
use std::fmt::Display;
use std::path::Path;

use crate::command::input::say;

/// How many lines are said one by one; the rest is only counted.
const LINES_MAX: u64 = 100;

/// How many names of facts are remembered.
const NAMES_MAX: usize = 16;

/// What was left out so far, and the words about it on stderr.
#[derive(Debug)]
pub(crate) struct LeftOut<'a> {
    path: &'a Path,
    records: u64,
    losses: u64,
    facts: BTreeSet<Vec<u8>>,
}

impl<'a> LeftOut<'a> {
    pub(crate) fn new(path: &'a Path) -> Self {
        Self {
            path,
            records: 0,
            losses: 0,
            facts: BTreeSet::new(),
        }
    }

    /// What follows is of the file at `path`.
    pub(crate) fn set_path(&mut self, path: &'a Path) {
        self.path = path;
    }

    /// A key or another record is left out, for this reason.
    pub(crate) fn record(&mut self, reason: &dyn Display) {
        self.records += 1;
        if self.records <= LINES_MAX {
            say(&format!("{}: skipped: {reason}", self.path.display()));
        }
    }

    /// A key is written without something.
    pub(crate) fn loss(&mut self, key: &[u8], loss: &dyn Display) {
        self.losses += 1;
        if self.losses <= LINES_MAX {
            let (path, key) = (self.path.display(), key.escape_ascii());
            say(&format!("{path}: key \"{key}\" is written without {loss}"));
        }
    }

    /// A fact of this name is not known.
    pub(crate) fn fact(&mut self, name: &[u8]) {
        if self.facts.len() < NAMES_MAX && !self.facts.contains(name) {
            self.facts.insert(name.to_vec());
        }
    }

    /// Keys and other records that were left out.
    pub(crate) fn records(&self) -> u64 {
        self.records
    }

    /// How often something of a key was left out.
    pub(crate) fn losses(&self) -> u64 {
        self.losses
    }

    /// Says what was only counted, with `untold` losses that nobody named.
    pub(crate) fn close(&mut self, untold: u64) {
        self.losses += untold;
        let path = self.path.display();
        let more = |count: u64| count.checked_sub(LINES_MAX).filter(|more| *more > 0);
        if let Some(more) = more(self.records) {
            say(&format!("{path}: skipped: {more} more"));
        }
        if let Some(more) = more(self.losses) {
            say(&format!("{path}: {more} more times something is left out"));
        }
        if !self.facts.is_empty() {
            let names: Vec<String> = self
                .facts
                .iter()
                .map(|n| n.escape_ascii().to_string())
                .collect();
            let names = names.join(", ");
            say(&format!(
                "{path}: warning: unknown aux fields are left out: {names}"
            ));
        }
    }
}
