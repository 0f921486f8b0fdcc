//! One history: what fails, and what is found to be wrong then.

use aligned_io::{Faults, VolatileDisk};
use tempfile::TempDir;

use crate::scenario::Scenario;

/// A scenario, on a disk whose power fails.
pub(crate) struct History<'a> {
    pub(crate) scenario: &'a dyn Scenario,
    pub(crate) disk: VolatileDisk,
    pub(crate) faults: Faults,
    /// Which fsync has no effect, counted from where the power may fail.
    pub(crate) lost: Option<u64>,
}

/// The versions that are written: the first before anything fails, and then one after the other.
pub(crate) const OLD: u8 = 1;
pub(crate) const NEW: u8 = 2;
pub(crate) const NEXT: u8 = 3;

impl<'a> History<'a> {
    /// Version [`OLD`] stands, durably.
    pub(crate) fn begin(scenario: &'a dyn Scenario, directory: &TempDir, seed: u64) -> Self {
        scenario.write(None, OLD).unwrap();
        let disk = VolatileDisk::new(directory.path(), seed).unwrap();
        scenario.prepare(&disk);
        let faults = Faults {
            seed,
            short_per_mille: [0, 200][usize::from(seed.is_multiple_of(2))],
            interrupted_per_mille: [0, 100][usize::from(seed.is_multiple_of(3))],
            disk: Some(disk.clone()),
            ..Faults::default()
        };
        Self {
            scenario,
            disk,
            faults,
            lost: None,
        }
    }

    /// From here on the power fails at `step`, and an fsync may have no effect.
    pub(crate) fn arm(&self, step: u64) {
        self.disk.fail_at(self.disk.steps() + step);
        if let Some(lost) = self.lost {
            self.disk.lose_sync(self.disk.syncs() + lost);
        }
    }

    /// Writes a version. An error must have a cause, and what failed must be an error.
    pub(crate) fn write(&self, version: u8) -> Result<bool, String> {
        match self.scenario.write(Some(&self.faults), version) {
            Ok(()) => Ok(true),
            Err(_) if self.disk.is_off() => Ok(false),
            Err(error) => Err(format!("{error:?} without a cause")),
        }
    }

    /// Looks at what is there after a crash: one of `versions`, and room for the next one.
    pub(crate) fn check(&self, versions: &[u8]) -> Result<u8, String> {
        let found = self.scenario.recover()?;
        if !versions.contains(&found) {
            return Err(format!("version {found} where {versions:?} were written"));
        }
        let again = self.scenario.write(None, NEXT + 1);
        again.map_err(|error| error.to_string())?;
        if self.scenario.recover()? != NEXT + 1 {
            return Err("the next version is not there".to_owned());
        }
        Ok(found)
    }
}
