//! A moment of the store, to be read for as long as it is held.

use std::collections::BTreeMap;

use crate::codec::{Kind, is_executed, open_number};
use crate::database::{Database, Namespace};
use crate::error::StoreError;
use crate::instance::{Instance, InstanceId, ReplicaId};
use crate::iter::{InstanceIter, Order, RecordIter};
use crate::key::{StatusField, StatusKey, instance_from_key, instance_key};
use crate::owned::OwnedSnapshot;
use crate::sync::Arc;
use crate::view::{Source, View, upper_bound};
use crate::watermark::{Tracker, Watermarks, after};

/// The store as it was at one moment: nothing that happens later is seen, deletions included.
///
/// It holds on to what is deleted meanwhile, so it should be dropped before long.
///
/// # Example
///
/// ```
/// use epaxos_store::{Options, ReplicaId, Store};
///
/// # let folder = tempfile::tempdir().unwrap();
/// let store = Store::open(folder.path(), &Options::new(ReplicaId(1)))?;
/// let before = store.snapshot();
/// store.engine().set_kv(b"k", b"v")?;
/// assert_eq!(before.get_kv(b"k")?, None);
/// # Ok::<(), epaxos_store::StoreError>(())
/// ```
#[derive(Debug)]
pub struct Snapshot {
    moment: OwnedSnapshot,
    namespace: Namespace,
    pub(crate) uuid: [u8; 16],
    pub(crate) replica: ReplicaId,
}

impl Snapshot {
    pub(crate) fn take(
        database: Arc<Database>,
        namespace: Namespace,
        uuid: [u8; 16],
        replica: ReplicaId,
    ) -> Self {
        Self {
            moment: OwnedSnapshot::take(database),
            namespace,
            uuid,
            replica,
        }
    }

    pub(crate) fn view(&self) -> View<'_> {
        View {
            database: self.moment.database(),
            namespace: self.namespace,
            source: Source::Snapshot(self.moment.as_ref()),
        }
    }

    /// Its place among all writes to the engine.
    pub fn sequence(&self) -> u64 {
        self.moment.as_ref().sequence_number()
    }

    /// The value of a key; none if it has none.
    ///
    /// # Errors
    ///
    /// [`StoreError::Corruption`] for stored bytes that are wrong, [`StoreError::Engine`] when
    /// RocksDB cannot read.
    pub fn get_kv(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.view().record(key)
    }

    /// Records from `start` on, up to but without `end`, if there is one.
    ///
    /// # Errors
    ///
    /// As [`get_kv`](Self::get_kv).
    pub fn records(
        &self,
        start: &[u8],
        end: Option<&[u8]>,
        order: Order,
    ) -> Result<RecordIter<'_>, StoreError> {
        self.view().records(start, end, order)
    }

    /// An instance; none if nothing is stored of it.
    ///
    /// # Errors
    ///
    /// [`StoreError::Purged`] if it was deleted by then; otherwise as [`get_kv`](Self::get_kv).
    pub fn get_instance(&self, id: InstanceId) -> Result<Option<Instance>, StoreError> {
        let found = self.view().instance(id)?;
        match self.floor(id.replica)? {
            Some(floor) if id.index <= floor => Err(StoreError::Purged { id, floor }),
            _ => Ok(found),
        }
    }

    /// The instances of `replica` that were not deleted by then.
    ///
    /// # Errors
    ///
    /// As [`get_kv`](Self::get_kv).
    pub fn get_instance_iter(&self, replica: ReplicaId) -> Result<InstanceIter<'_>, StoreError> {
        let index = after(self.floor(replica)?).unwrap_or(u64::MAX);
        self.view().instances(InstanceId { replica, index })
    }

    /// How far each replica's instances had come.
    ///
    /// Reads a few bytes of each instance above those that are known to be executed.
    ///
    /// # Errors
    ///
    /// As [`get_kv`](Self::get_kv).
    pub fn watermarks(&self) -> Result<BTreeMap<ReplicaId, Watermarks>, StoreError> {
        let trackers = self.trackers()?;
        Ok(trackers
            .into_iter()
            .map(|(replica, tracker)| (replica, tracker.marks()))
            .collect())
    }

    fn floor(&self, replica: ReplicaId) -> Result<Option<u64>, StoreError> {
        let field = StatusField::DeletedUpto;
        self.view().status(StatusKey { replica, field })
    }

    /// What is in memory beside a store in this state.
    pub(crate) fn trackers(&self) -> Result<BTreeMap<ReplicaId, Tracker>, StoreError> {
        let mut trackers = self.stored_trackers()?;
        let mut rows = self.view().rows(Kind::Instance, &[], None)?;
        let mut from = InstanceId {
            replica: ReplicaId(i64::MIN),
            index: 0,
        };
        loop {
            rows.seek(&instance_key(from));
            let Some((key, _)) = rows.item()? else {
                return Ok(trackers);
            };
            let replica = instance_from_key(key)?.replica;
            let tracker = trackers.entry(replica).or_default();
            if let Some(index) = after(tracker.marks().executed_upto) {
                self.follow(InstanceId { replica, index }, tracker)?;
            }
            let Some(next) = upper_bound(InstanceId { replica, index: 0 }) else {
                return Ok(trackers);
            };
            from = instance_from_key(&next)?;
        }
    }

    /// What `status` says of each replica.
    fn stored_trackers(&self) -> Result<BTreeMap<ReplicaId, Tracker>, StoreError> {
        let mut trackers = BTreeMap::<ReplicaId, Tracker>::new();
        let mut rows = self.view().rows(Kind::Status, &[], None)?;
        rows.seek(&[]);
        while let Some((key, value)) = rows.item()? {
            let StatusKey { replica, field } = StatusKey::from_bytes(key)?;
            let raise = match field {
                StatusField::Max => Some(Tracker::saw as fn(&mut Tracker, u64)),
                StatusField::ExecutedMax => Some(Tracker::executed as _),
                StatusField::ExecutedUpto => Some(Tracker::executed_upto as _),
                StatusField::PurgedUpto => Some(Tracker::purged as _),
                StatusField::DeletedUpto => Some(Tracker::deleted as _),
                StatusField::LastBallot | StatusField::ExecutedUptoAt { .. } => None,
            };
            if let Some(raise) = raise {
                let number = open_number(key, value)?;
                raise(trackers.entry(replica).or_default(), number);
            }
            rows.forward();
        }
        Ok(trackers)
    }

    /// Takes note of all instances of a replica from `from` on.
    fn follow(&self, from: InstanceId, tracker: &mut Tracker) -> Result<(), StoreError> {
        let lower = instance_key(from);
        let upper = upper_bound(from);
        let upper = upper.as_ref().map(<[u8; 16]>::as_slice);
        let mut rows = self.view().rows(Kind::Instance, &lower, upper)?;
        rows.seek(&lower);
        while let Some((key, value)) = rows.item()? {
            let index = instance_from_key(key)?.index;
            if is_executed(value) {
                tracker.executed(index);
            } else {
                tracker.saw(index);
            }
            rows.forward();
        }
        Ok(())
    }
}
