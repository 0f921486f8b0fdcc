//! The store and the model beside it, step by step.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use epaxos_store::{Instance, InstanceId, Options, Order, ReplicaId, Store, Txn, TxnOptions};
use tempfile::TempDir;

use crate::history::{Event, Step};
use crate::{ME, REPLICAS};

/// What is committed, or what a transaction sees.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Model {
    pub(crate) records: BTreeMap<u8, u8>,
    pub(crate) instances: BTreeMap<InstanceId, Instance>,
}

/// A key or an instance, which one transaction has locked.
pub(crate) type Row = Result<u8, InstanceId>;

/// Records that are written; none is a deletion.
type Records = BTreeMap<u8, Option<u8>>;

type Instances = BTreeMap<InstanceId, Instance>;

/// A transaction, and what it should be.
pub(crate) struct Open {
    pub(crate) txn: Txn,
    /// What it wrote.
    pub(crate) records: Records,
    pub(crate) instances: Instances,
    /// Rows it locked, with the savepoint that it did so after.
    pub(crate) locks: BTreeMap<Row, usize>,
    pub(crate) savepoints: Vec<(Records, Instances)>,
}

/// The store and the model beside it.
pub(crate) struct Bench {
    pub(crate) folder: TempDir,
    pub(crate) store: Option<Store>,
    pub(crate) committed: Model,
    pub(crate) max: BTreeMap<ReplicaId, u64>,
    pub(crate) announced: BTreeMap<ReplicaId, u64>,
    pub(crate) open: [Option<Open>; 2],
    pub(crate) minute: u64,
}

fn options() -> Options {
    Options {
        retention: Duration::from_mins(3),
        purge_instances_max: 2,
        write_buffer_bytes: 1 << 20,
        cache_bytes: 1 << 20,
        ..Options::new(ME)
    }
}

impl Bench {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path(), &options()).unwrap();
        Self {
            folder,
            store: Some(store),
            committed: Model::default(),
            max: BTreeMap::new(),
            announced: BTreeMap::new(),
            open: [None, None],
            minute: 0,
        }
    }

    pub(crate) fn store(&self) -> &Store {
        self.store.as_ref().unwrap()
    }

    pub(crate) fn floor(&self, replica: ReplicaId) -> Option<u64> {
        self.store().watermarks(replica).deleted_upto
    }

    pub(crate) fn event(&mut self, event: Event) {
        match event {
            Event::Step(which, step) => self.step(usize::from(which), step),
            Event::Reopen => {
                self.open = [None, None];
                self.store = None;
                self.store = Some(Store::open(self.folder.path(), &options()).unwrap());
            }
            Event::Announce(replica, upto) => {
                if self.store().note_purged(replica, upto).is_ok() {
                    let announced = self.announced.entry(replica).or_default();
                    *announced = upto.max(*announced);
                }
            }
            Event::Tick(minutes) => self.tick(minutes),
        }
        self.compare();
    }

    fn tick(&mut self, minutes: u64) {
        self.minute += minutes;
        let now: SystemTime = UNIX_EPOCH + Duration::from_mins(self.minute);
        let before = REPLICAS.map(|replica| self.floor(replica));
        self.store().gc_tick(now).unwrap();
        for (replica, before) in REPLICAS.into_iter().zip(before) {
            let floor = self.floor(replica);
            assert!(floor >= before);
            if floor == before {
                continue;
            }
            if replica != ME {
                assert!(floor <= self.announced.get(&replica).copied());
            }
            // Only what is executed without a gap; and it is deleted for good.
            for index in 0..=floor.unwrap() {
                let id = InstanceId { replica, index };
                let gone = self.committed.instances.remove(&id);
                let was_deleted = Some(index) <= before;
                assert_eq!(gone.is_some_and(|gone| gone.executed), !was_deleted, "{id}");
            }
        }
    }

    fn step(&mut self, which: usize, step: Step) {
        let store = self.store.clone().unwrap();
        let mut open = self.open[which].take().unwrap_or_else(|| Open {
            txn: store.begin(TxnOptions {
                lock_timeout: Duration::from_millis(1),
                ..TxnOptions::buffered()
            }),
            records: BTreeMap::new(),
            instances: BTreeMap::new(),
            locks: BTreeMap::new(),
            savepoints: Vec::new(),
        });
        match step {
            Step::Commit => {
                open.txn.commit().unwrap();
                for (key, value) in open.records {
                    match value {
                        Some(value) => self.committed.records.insert(key, value),
                        None => self.committed.records.remove(&key),
                    };
                }
                for (id, instance) in open.instances {
                    if Some(id.index) <= self.floor(id.replica) {
                        continue;
                    }
                    let max = self.max.entry(id.replica).or_default();
                    *max = id.index.max(*max);
                    self.committed.instances.insert(id, instance);
                }
                return;
            }
            Step::Rollback => {
                open.txn.rollback();
                return;
            }
            Step::Savepoint => {
                open.txn.set_savepoint();
                let state = (open.records.clone(), open.instances.clone());
                open.savepoints.push(state);
            }
            Step::RollbackToSavepoint => match open.savepoints.pop() {
                Some((records, instances)) => {
                    open.txn.rollback_to_savepoint().unwrap();
                    open.records = records;
                    open.instances = instances;
                    let depth = open.savepoints.len();
                    open.locks.retain(|_, taken| *taken <= depth);
                }
                None => assert!(open.txn.rollback_to_savepoint().is_err()),
            },
            Step::Walk(replica, from, steps) => self.walk(&open, replica, from, &steps),
            step => self.write(which, &mut open, step),
        }
        self.open[which] = Some(open);
    }

    /// Goes forward and back, as an index into a list would.
    fn walk(&self, open: &Open, replica: ReplicaId, from: u64, steps: &[bool]) {
        let mut seen = self.committed.instances.clone();
        seen.extend(open.instances.clone());
        let list = seen
            .into_values()
            .filter(|instance| instance.id.replica == replica)
            .filter(|instance| Some(instance.id.index) > self.floor(replica))
            .collect::<Vec<_>>();
        let mut gap = list.partition_point(|instance| instance.id.index < from);
        let mut iter = open.txn.get_instance_iter(replica).unwrap();
        iter.seek(from);
        for forward in steps {
            if *forward {
                assert_eq!(iter.next().unwrap().as_ref(), list.get(gap));
                gap = (gap + 1).min(list.len());
            } else {
                let before = gap.checked_sub(1);
                let expected = before.and_then(|before| list.get(before));
                assert_eq!(iter.prev().unwrap().as_ref(), expected);
                gap = before.unwrap_or(0);
            }
        }
        let max = list.last().map(|last| last.id.index);
        let max = max.max(self.max.get(&replica).copied());
        let found = open.txn.get_max_instance_id(replica);
        assert_eq!(found.map(|id| id.index), max);
    }

    fn compare(&self) {
        let snapshot = self.store().snapshot();
        let records = snapshot.records(b"", None, Order::Ascending).unwrap();
        let records = records.map(|record| {
            let (key, value) = record.unwrap();
            (key[0], value[0])
        });
        assert!(records.eq(self.committed.records.clone()));
        let mut instances = BTreeMap::new();
        for replica in REPLICAS {
            let mut iter = snapshot.get_instance_iter(replica).unwrap();
            while let Some(instance) = iter.next().unwrap() {
                instances.insert(instance.id, instance);
            }
            let max = self.store().get_max_instance_id(replica);
            let expected = self.max.get(&replica).copied();
            assert_eq!(max.map(|id| id.index), expected);
            let marks = self.store().watermarks(replica);
            let all = |index: &u64| {
                let id = InstanceId {
                    replica,
                    index: *index,
                };
                let stored = self.committed.instances.get(&id);
                Some(*index) <= marks.deleted_upto || stored.is_some_and(|it| it.executed)
            };
            assert_eq!(marks.executed_upto, (0..100).take_while(all).last());
            let in_snapshot = snapshot.watermarks().unwrap();
            let in_snapshot = in_snapshot.get(&replica).copied().unwrap_or_default();
            assert_eq!(in_snapshot.executed_upto, marks.executed_upto);
            assert_eq!(in_snapshot.max, marks.max);
        }
        assert_eq!(instances, self.committed.instances);
    }
}
