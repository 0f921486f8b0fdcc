//! Every row of a store, read and checked.

use std::path::Path;

use rocksdb::DB;

use crate::codec::{Kind, decode_instance, open, open_number};
use crate::database::engine_options;
use crate::error::StoreError;
use crate::folder::Folder;
use crate::instance::{InstanceId, ReplicaId};
use crate::key::{StatusField, StatusKey};
use crate::meta::Meta;
use crate::options::{Missing, Options};
use crate::snapshot::Snapshot;
use crate::store::Store;

/// What a [verification](Snapshot::verify) went through.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct VerifyReport {
    /// Records.
    pub records: u64,
    /// Instances, those included that are deleted but not gone yet.
    pub instances: u64,
    /// Rows of `status` and `meta`.
    pub others: u64,
    /// Bytes of keys and values.
    pub bytes: u64,
}

impl Snapshot {
    /// Reads every row and checks its form and its checksum, and that what is said to be executed
    /// throughout is there and executed. `progress` is told from time to time.
    ///
    /// Takes as long as reading everything.
    ///
    /// # Errors
    ///
    /// The first thing that is wrong: [`StoreError::Corruption`],
    /// [`StoreError::UnsupportedFormat`], [`StoreError::StatusKeyLength`] and the like, or
    /// [`StoreError::EngineCorruption`] if RocksDB cannot read.
    pub fn verify(
        &self,
        mut progress: impl FnMut(&VerifyReport),
    ) -> Result<VerifyReport, StoreError> {
        const ROWS_PER_WORD: u64 = 4096;
        let mut report = VerifyReport::default();
        for kind in Kind::ALL {
            let mut rows = self.view().rows(kind, &[], None)?;
            rows.seek(&[]);
            while let Some((key, value)) = rows.item()? {
                verify_row(kind, key, value)?;
                let count = match kind {
                    Kind::Record => &mut report.records,
                    Kind::Instance => &mut report.instances,
                    Kind::Status | Kind::Meta => &mut report.others,
                };
                *count = count.saturating_add(1);
                let bytes = key.len().saturating_add(value.len());
                report.bytes = report.bytes.saturating_add(bytes as u64);
                if report.instances.saturating_add(report.records) % ROWS_PER_WORD == 0 {
                    progress(&report);
                }
                rows.forward();
            }
        }
        for (replica, marks) in self.watermarks()? {
            let mut expected = marks.deleted_upto;
            let mut iter = self.get_instance_iter(replica)?;
            while expected < marks.executed_upto {
                let index = crate::watermark::after(expected).unwrap_or(u64::MAX);
                let id = InstanceId { replica, index };
                let found = iter
                    .next()?
                    .filter(|found| found.id == id && found.executed);
                if found.is_none() {
                    return Err(StoreError::Corruption {
                        family: Kind::Instance.name(),
                        key: crate::key::instance_key(id).to_vec(),
                        what: "it is said to be executed, and is not there or not executed",
                    });
                }
                expected = Some(index);
            }
        }
        progress(&report);
        Ok(report)
    }
}

fn verify_row(kind: Kind, key: &[u8], value: &[u8]) -> Result<(), StoreError> {
    match kind {
        Kind::Record | Kind::Meta => open(kind, key, value).map(drop),
        Kind::Instance => decode_instance(key, value).map(drop),
        Kind::Status => match StatusKey::from_bytes(key)?.field {
            StatusField::LastBallot => open(kind, key, value).map(drop),
            _ => open_number(key, value).map(drop),
        },
    }
}

impl Store {
    /// The replica that the store in the folder `path` belongs to. Changes nothing.
    ///
    /// # Errors
    ///
    /// [`StoreError::NoStore`], [`StoreError::InUse`], and as [`Store::open`].
    pub fn owner(path: &Path) -> Result<ReplicaId, StoreError> {
        let folder = Folder::open(path, Missing::Refuse)?;
        // Whoever it is: nothing is read by this name.
        let options = engine_options(&Options::new(ReplicaId(0)));
        let name = Kind::Meta.name();
        let is_strict = false;
        let engine = DB::open_cf_for_read_only(&options, folder.engine_path(), [name], is_strict)?;
        let family = engine.cf_handle(name).ok_or_else(|| StoreError::Engine {
            message: format!("column family {name} is missing"),
        })?;
        Meta::replica_in(|key| Ok(engine.get_cf(family, key)?))
    }
}
