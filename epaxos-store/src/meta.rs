//! What a store knows of itself: whose it is, and whether it may vote.

use std::hash::{BuildHasher, RandomState};

use crate::codec::{Kind, open, seal};
use crate::database::{Batch, Database, Namespace};
use crate::error::StoreError;
use crate::instance::ReplicaId;
use crate::options::Durability;
use crate::view::View;

const UUID: &[u8] = b"uuid";
const REPLICA: &[u8] = b"replica";
const INCARNATION: &[u8] = b"incarnation";
const LEARNER: &[u8] = b"learner";
const CLOCK: &[u8] = b"clock";

/// The facts of a store that are not about instances.
///
/// | key of `meta` | contents |
/// |---|---|
/// | `uuid` | 16 random bytes, made with the store |
/// | `replica` | its replica, 8 bytes, big-endian, its sign bit flipped |
/// | `incarnation` | how often it was opened, 8 bytes, big-endian |
/// | `learner` | 1 byte: 1 while the replica may not vote |
/// | `clock` | seconds of the store's clock, then of the system's when it was set, 8 bytes each |
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Meta {
    pub(crate) uuid: [u8; 16],
    pub(crate) replica: ReplicaId,
    pub(crate) incarnation: u64,
    pub(crate) is_learner: bool,
}

/// The store's own clock, which never goes back and never leaps.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Clock {
    /// What it shows, in seconds; at first what the system's showed.
    pub(crate) shown_secs: u64,
    /// What the system's showed then, in seconds since the Unix epoch.
    pub(crate) system_secs: u64,
}

impl Meta {
    /// The facts of a new store.
    pub(crate) fn new(replica: ReplicaId) -> Self {
        let random = || RandomState::new().hash_one(0).to_be_bytes();
        let mut uuid = [0; 16];
        for (half, random) in uuid.chunks_exact_mut(8).zip([random(), random()]) {
            half.copy_from_slice(&random);
        }
        Self {
            uuid,
            replica,
            incarnation: 0,
            is_learner: false,
        }
    }

    /// The facts that are stored; none in a store that was never opened.
    pub(crate) fn read(view: &View<'_>) -> Result<Option<Self>, StoreError> {
        let Some(uuid) = field::<16>(view, UUID)? else {
            return Ok(None);
        };
        let missing = |key: &[u8]| StoreError::Corruption {
            family: Kind::Meta.name(),
            key: key.to_vec(),
            what: "the row is missing",
        };
        let replica = field(view, REPLICA)?.ok_or_else(|| missing(REPLICA))?;
        let incarnation = field(view, INCARNATION)?.ok_or_else(|| missing(INCARNATION))?;
        let [learner] = field(view, LEARNER)?.ok_or_else(|| missing(LEARNER))?;
        Ok(Some(Self {
            uuid,
            replica: ReplicaId::from_ordered(u64::from_be_bytes(replica)),
            incarnation: u64::from_be_bytes(incarnation),
            is_learner: learner != 0,
        }))
    }

    /// Whose store it is whose rows `row` gives.
    pub(crate) fn replica_in(
        row: impl FnOnce(&[u8]) -> Result<Option<Vec<u8>>, StoreError>,
    ) -> Result<ReplicaId, StoreError> {
        let wrong = |what| StoreError::Corruption {
            family: Kind::Meta.name(),
            key: REPLICA.to_vec(),
            what,
        };
        let value = row(REPLICA)?.ok_or_else(|| wrong("the row is missing"))?;
        let contents = open(Kind::Meta, REPLICA, &value)?;
        let contents = contents
            .try_into()
            .map_err(|_| wrong("the contents have another length"))?;
        Ok(ReplicaId::from_ordered(u64::from_be_bytes(contents)))
    }

    /// Stores the facts, on disk before it returns.
    pub(crate) fn write(&self, to: &Database, namespace: Namespace) -> Result<(), StoreError> {
        let mut batch = Batch::default();
        let family = to.family(&namespace.family(Kind::Meta))?;
        let mut put = |key: &[u8], contents: &[u8]| {
            batch.put_cf(&family, key, seal(Kind::Meta, key, contents));
        };
        put(UUID, &self.uuid);
        put(REPLICA, &self.replica.to_ordered().to_be_bytes());
        put(INCARNATION, &self.incarnation.to_be_bytes());
        put(LEARNER, &[u8::from(self.is_learner)]);
        to.write(batch, Durability::Sync)
    }
}

impl Clock {
    pub(crate) fn read(view: &View<'_>) -> Result<Option<Self>, StoreError> {
        let Some(bytes) = field::<16>(view, CLOCK)? else {
            return Ok(None);
        };
        let [shown, system] = [bytes.first_chunk::<8>(), bytes.last_chunk::<8>()]
            .map(|half| half.map_or(0, |half| u64::from_be_bytes(*half)));
        Ok(Some(Self {
            shown_secs: shown,
            system_secs: system,
        }))
    }

    /// Adds the clock to what is written together.
    pub(crate) fn put(
        self,
        batch: &mut Batch,
        database: &Database,
        namespace: Namespace,
    ) -> Result<(), StoreError> {
        let family = database.family(&namespace.family(Kind::Meta))?;
        let contents = [self.shown_secs, self.system_secs].map(u64::to_be_bytes);
        batch.put_cf(
            &family,
            CLOCK,
            seal(Kind::Meta, CLOCK, contents.as_flattened()),
        );
        Ok(())
    }

    /// The clock once the system's shows `system_secs`: ahead by what that is ahead, but by no
    /// more than `step_secs_max`, and never back.
    pub(crate) fn advanced(self, system_secs: u64, step_secs_max: u64) -> Self {
        let step = system_secs.saturating_sub(self.system_secs);
        Self {
            shown_secs: self.shown_secs.saturating_add(step.min(step_secs_max)),
            system_secs,
        }
    }
}

fn field<const N: usize>(view: &View<'_>, key: &[u8]) -> Result<Option<[u8; N]>, StoreError> {
    let Some(value) = view.row(Kind::Meta, key)? else {
        return Ok(None);
    };
    let contents = open(Kind::Meta, key, &value)?;
    let array = contents.try_into().map_err(|_| StoreError::Corruption {
        family: Kind::Meta.name(),
        key: key.to_vec(),
        what: "the contents have another length",
    })?;
    Ok(Some(array))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_neither_leaps_nor_goes_back() {
        let clock = Clock {
            shown_secs: 1000,
            system_secs: 1000,
        };
        let clock = clock.advanced(1060, 600);
        assert_eq!(clock.shown_secs, 1060);
        let clock = clock.advanced(1_000_000, 600);
        assert_eq!(clock.shown_secs, 1660);
        let clock = clock.advanced(500, 600);
        assert_eq!((clock.shown_secs, clock.system_secs), (1660, 500));
        assert_eq!(clock.advanced(530, 600).shown_secs, 1690);
    }

    #[test]
    fn stores_have_different_names() {
        let [one, other] = [0, 0].map(|_| Meta::new(ReplicaId(1)).uuid);
        assert_ne!(one, other);
    }
}
