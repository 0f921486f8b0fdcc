//! The oracle: rebuilds the state at the cut from what the writers did, and holds the file
//! against it, key by key.

use std::fs::File;
use std::path::Path;

use rdb_format::{ChecksumState, DecodeError, Element, Event, Family, Reader};
use snapshot::{Key, shard_hash};

use crate::command::demo::workload::{self, FILLED, Operation, Plan};

/// How the file differs from the state at the cut.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Mismatch {
    #[error("cannot read the file back")]
    Read(#[from] std::io::Error),
    #[error("the file is damaged")]
    Decode(#[from] DecodeError),
    #[error("the file carries no checksum")]
    NoChecksum,
    #[error("the cut tore operation {number} of writer {writer} from a later one")]
    Torn { writer: u32, number: u64 },
    #[error("key {key:?} was not there at the cut, or stands twice in the file")]
    Unexpected { key: Key },
    #[error("key {key:?} has another value than at the cut")]
    Value { key: Key },
    #[error("key {key:?} was there at the cut and is missing, and so are {more} others")]
    Missing { key: Key, more: usize },
}

/// The state at the cut: for each id the version that the snapshot must hold.
#[derive(Debug)]
pub(crate) struct Oracle {
    plan: Plan,
    // Indexed by id; None: no such key.
    versions: Vec<Option<u64>>,
}

impl Oracle {
    /// Replays the writers' operations up to the cut.
    ///
    /// `at_cut[shard][writer]` is the number of the writer's last operation that the shard had
    /// applied. A writer sends an operation only when the one before is applied, so at one
    /// moment across all shards the applied operations are a prefix of what it sent: a gap
    /// means that the shards were cut at different moments.
    pub(crate) fn new(
        plan: Plan,
        at_cut: &[Vec<u64>],
        shard_of: impl Fn(u64) -> usize,
    ) -> Result<Self, Mismatch> {
        let filled = |id| (id < plan.keys).then_some(FILLED);
        let mut versions: Vec<Option<u64>> = (0..plan.ids()).map(filled).collect();
        for writer in 0..plan.writers {
            let applied = |shard: usize| at_cut[shard][writer as usize];
            let last = (0..at_cut.len()).map(applied).max().unwrap_or(0);
            for (number, operation) in plan.operations(writer) {
                if number > last {
                    break;
                }
                let version = match operation {
                    Operation::Get(_) => continue,
                    Operation::Set(_) => Some(number),
                    Operation::Delete(_) => None,
                };
                let id = operation.id();
                let shard = shard_of(shard_hash(workload::key(id).as_bytes()));
                if applied(shard) < number {
                    return Err(Mismatch::Torn { writer, number });
                }
                versions[id as usize] = version;
            }
        }
        Ok(Self { plan, versions })
    }

    /// Compares the file at `path`; how many keys were found equal.
    pub(crate) fn verify(
        mut self,
        path: &Path,
        mut each_thousand: impl FnMut(),
    ) -> Result<u64, Mismatch> {
        let mut reader = Reader::new(File::open(path)?);
        let mut keys = 0;
        let mut key = Key::from(&b""[..]);
        let mut expected = Vec::new();
        let mut equal = false;
        while let Some(event) = reader.next_event()? {
            match event {
                Event::Key(head) => {
                    key = Key::from(head.key);
                    self.expect(&key, head.value_type.family(), &mut expected)?;
                    equal = false;
                    keys += 1;
                    if keys % 1000 == 0 {
                        each_thousand();
                    }
                }
                Event::Element(Element::Item(bytes)) => equal = bytes == expected,
                Event::KeyEnd { .. } if !equal => return Err(Mismatch::Value { key }),
                Event::End {
                    checksum: ChecksumState::Verified(_),
                } => {}
                Event::End { .. } => return Err(Mismatch::NoChecksum),
                _ => {}
            }
        }
        let mut missing = (0..)
            .zip(&self.versions)
            .filter(|(_, version)| version.is_some());
        match missing.next() {
            None => Ok(keys),
            Some((id, _)) => Err(Mismatch::Missing {
                key: workload::key(id),
                more: missing.count(),
            }),
        }
    }

    /// Puts the value that `key` must have into `expected`, and strikes it off.
    fn expect(
        &mut self,
        key: &Key,
        family: Family,
        expected: &mut Vec<u8>,
    ) -> Result<(), Mismatch> {
        let unexpected = || Mismatch::Unexpected { key: key.clone() };
        let id = workload::id(key.as_bytes()).ok_or_else(unexpected)?;
        let version = self.versions.get_mut(id as usize).and_then(Option::take);
        let version = version.ok_or_else(unexpected)?;
        if family != Family::String {
            return Err(Mismatch::Value { key: key.clone() });
        }
        self.plan.value(id, version, expected);
        Ok(())
    }
}
