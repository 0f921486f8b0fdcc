//! What was done to a file or to names since the last fsync, and may be lost.

use std::collections::BTreeMap;
use std::ffi::OsString;

use crate::split_mix::SplitMix;

/// What a disk writes as one, in bytes: a write may be torn between two of these.
const SECTOR_BYTES: usize = 512;

/// One file.
#[derive(Debug, Default)]
pub(crate) struct Content {
    pub(crate) durable: Vec<u8>,
    /// What was done since it was synced, in order.
    pub(crate) pending: Vec<Change>,
}

#[derive(Debug)]
pub(crate) enum Change {
    Write { offset: usize, bytes: Vec<u8> },
    Cut { length: usize },
}

#[derive(Debug)]
pub(crate) enum NameChange {
    Add {
        name: OsString,
        file: usize,
    },
    Remove {
        name: OsString,
        file: usize,
    },
    Rename {
        from: OsString,
        to: OsString,
        file: usize,
    },
}

impl Content {
    /// The content as the process sees it.
    pub(crate) fn seen(&self) -> Vec<u8> {
        let mut content = self.durable.clone();
        for change in &self.pending {
            change.apply(&mut content);
        }
        content
    }

    /// Keeps any subset of what was not synced, and calls that durable.
    pub(crate) fn lose_power(&mut self, random: &mut SplitMix) {
        for change in self.pending.drain(..) {
            match random.below(4) {
                0 => {}
                1 => change.torn(random).apply(&mut self.durable),
                _ => change.apply(&mut self.durable),
            }
        }
    }
}

impl Change {
    /// What is left of a write when the power fails while it is written: a part of its sectors,
    /// from the front or from the back.
    fn torn(self, random: &mut SplitMix) -> Self {
        let Self::Write { offset, mut bytes } = self else {
            return self;
        };
        let sectors = bytes.len().div_ceil(SECTOR_BYTES);
        let at = usize_of(random.below(sectors as u64 + 1)) * SECTOR_BYTES;
        let at = at.min(bytes.len());
        if random.below(2) == 0 {
            bytes.truncate(at);
            return Self::Write { offset, bytes };
        }
        let bytes = bytes.split_off(at);
        let offset = offset + at;
        Self::Write { offset, bytes }
    }

    pub(crate) fn apply(&self, content: &mut Vec<u8>) {
        match self {
            Self::Write { offset, bytes } => {
                let end = offset + bytes.len();
                if content.len() < end && !bytes.is_empty() {
                    content.resize(end, 0);
                }
                if let Some(place) = content.get_mut(*offset..end) {
                    place.copy_from_slice(bytes);
                }
            }
            Self::Cut { length } => content.resize(*length, 0),
        }
    }
}

impl NameChange {
    /// Each change is done to its own file, whatever became of the changes before it.
    pub(crate) fn apply(&self, names: &mut BTreeMap<OsString, usize>) {
        let mut remove = |name: &OsString, file| {
            if names.get(name) == Some(file) {
                names.remove(name);
            }
        };
        match self {
            Self::Add { name, file } => {
                names.insert(name.clone(), *file);
            }
            Self::Remove { name, file } => remove(name, file),
            Self::Rename { from, to, file } => {
                remove(from, file);
                names.insert(to.clone(), *file);
            }
        }
    }
}

/// A size in memory; what is larger could not be held here anyway.
pub(crate) fn usize_of(size: u64) -> usize {
    usize::try_from(size).unwrap_or(usize::MAX)
}
