//! The store against a plain map, step by step: transactions, reopening, purging, iterators both
//! ways, and two transactions that are in each other's way.
//!
//! `FORKLESS_TEST_SEEDS` says how many histories are tried.

#![expect(
    clippy::unwrap_used,
    reason = "a failure outside a test function fails the test too"
)]

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use epaxos_store::{
    Ballot, Command, Instance, InstanceId, Options, Order, ReplicaId, Store, StoreError, Txn,
    TxnOptions,
};
use proptest::prelude::*;
use tempfile::TempDir;

const ME: ReplicaId = ReplicaId(1);
const REPLICAS: [ReplicaId; 3] = [ReplicaId(-1), ME, ReplicaId(2)];

fn histories() -> u32 {
    let chosen = std::env::var("FORKLESS_TEST_SEEDS").ok();
    chosen.map_or(24, |chosen| chosen.parse().unwrap())
}

/// One thing that is done to the store and to the model.
#[derive(Clone, Debug)]
enum Step {
    SetKv(u8, u8),
    DeleteKv(u8),
    Lock(u8),
    SetInstance(Instance),
    UpdateInstance(Instance),
    MarkExecuted(InstanceId),
    Savepoint,
    RollbackToSavepoint,
    Commit,
    Rollback,
    Walk(ReplicaId, u64, Vec<bool>),
}

/// What happens between transactions.
#[derive(Clone, Debug)]
enum Event {
    /// Transaction 0 or 1 takes a step.
    Step(bool, Step),
    Reopen,
    Announce(ReplicaId, u64),
    Tick(u64),
}

/// What is committed, or what a transaction sees.
#[derive(Clone, Debug, Default, PartialEq)]
struct Model {
    records: BTreeMap<u8, u8>,
    instances: BTreeMap<InstanceId, Instance>,
}

/// A key or an instance, which one transaction has locked.
type Row = Result<u8, InstanceId>;

/// Records that are written; none is a deletion.
type Records = BTreeMap<u8, Option<u8>>;

type Instances = BTreeMap<InstanceId, Instance>;

/// A transaction, and what it should be.
struct Open {
    txn: Txn,
    /// What it wrote.
    records: Records,
    instances: Instances,
    /// Rows it locked, with the savepoint that it did so after.
    locks: BTreeMap<Row, usize>,
    savepoints: Vec<(Records, Instances)>,
}

/// The store and the model beside it.
struct Bench {
    folder: TempDir,
    store: Option<Store>,
    committed: Model,
    max: BTreeMap<ReplicaId, u64>,
    announced: BTreeMap<ReplicaId, u64>,
    open: [Option<Open>; 2],
    minute: u64,
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

/// What the rules say, told otherwise than in the store.
fn is_allowed(old: &Instance, new: &Instance) -> bool {
    let is_same = (&old.commands, &old.dependencies) == (&new.commands, &new.dependencies);
    match (old.committed, new.committed) {
        (true, true) => is_same,
        (true, false) => false,
        (false, true) => true,
        (false, false) => {
            new.ballot >= old.ballot
                && new.vote_ballot >= old.vote_ballot
                && (old.vote_ballot.is_none() || new.vote_ballot != old.vote_ballot || is_same)
        }
    }
}

fn merged(old: Option<&Instance>, new: &Instance) -> Instance {
    let mut merged = new.clone();
    if let Some(old) = old {
        merged.ballot = merged.ballot.max(old.ballot);
        merged.vote_ballot = merged.vote_ballot.max(old.vote_ballot);
        merged.executed |= old.executed;
    }
    merged
}

impl Bench {
    fn new() -> Self {
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

    fn store(&self) -> &Store {
        self.store.as_ref().unwrap()
    }

    fn floor(&self, replica: ReplicaId) -> Option<u64> {
        self.store().watermarks(replica).deleted_upto
    }

    fn event(&mut self, event: Event) {
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

    /// Locks a row as the store should; true if that is possible.
    fn lock(&self, which: usize, open: &mut Open, row: Row) -> bool {
        let other = self.open[1 - which].as_ref();
        if other.is_some_and(|other| other.locks.contains_key(&row)) {
            return false;
        }
        let depth = open.savepoints.len();
        open.locks.entry(row).or_insert(depth);
        true
    }

    fn write(&self, which: usize, open: &mut Open, step: Step) {
        match step {
            Step::SetKv(key, value) => {
                let outcome = open.txn.set_kv(&[key], &[value]);
                if expect_lock(self.lock(which, open, Ok(key)), outcome) {
                    open.records.insert(key, Some(value));
                }
            }
            Step::DeleteKv(key) => {
                let outcome = open.txn.delete_kv(&[key]);
                if expect_lock(self.lock(which, open, Ok(key)), outcome) {
                    open.records.insert(key, None);
                }
            }
            Step::Lock(key) => {
                let outcome = open.txn.get_kv_for_update(&[key]);
                let is_free = self.lock(which, open, Ok(key));
                let seen = outcome.as_ref().ok().cloned();
                if expect_lock(is_free, outcome.map(drop)) {
                    let expected = self.record(open, key).map(|value| vec![value]);
                    assert_eq!(seen.unwrap(), expected);
                }
            }
            Step::SetInstance(new) => self.replace(which, open, &new, Replace::Any),
            Step::UpdateInstance(new) => self.replace(which, open, &new, Replace::Existing),
            Step::MarkExecuted(id) => {
                let old = self.instance(open, id);
                let is_deleted = Some(id.index) <= self.floor(id.replica);
                let outcome = open.txn.mark_executed(id);
                if !self.lock(which, open, Err(id)) {
                    assert!(matches!(outcome, Err(StoreError::LockTimeout { .. })));
                    return;
                }
                match (old, outcome) {
                    (_, Err(StoreError::Purged { .. })) => assert!(is_deleted),
                    (None, Err(StoreError::NotFound { .. })) => {}
                    (Some(old), Err(StoreError::NotCommitted { .. })) => assert!(!old.committed),
                    (Some(old), Ok(())) if old.committed => {
                        if !old.executed {
                            let executed = Instance {
                                executed: true,
                                ..old
                            };
                            open.instances.insert(id, executed);
                        }
                    }
                    (old, outcome) => panic!("{old:?} gave {outcome:?}"),
                }
            }
            step => panic!("{step:?} writes nothing"),
        }
    }

    fn replace(&self, which: usize, open: &mut Open, new: &Instance, how: Replace) {
        let id = new.id;
        let old = self.instance(open, id);
        let outcome = match how {
            Replace::Any => open.txn.set_instance(new),
            Replace::Existing => open.txn.update_instance(new),
        };
        if !self.lock(which, open, Err(id)) {
            assert!(matches!(outcome, Err(StoreError::LockTimeout { .. })));
            return;
        }
        let is_deleted = Some(id.index) <= self.floor(id.replica);
        let is_missing = how == Replace::Existing && old.is_none();
        let is_right = new.check().is_ok() && old.as_ref().is_none_or(|old| is_allowed(old, new));
        match outcome {
            Ok(()) => {
                assert!(is_right && !is_deleted && !is_missing, "{new:?}");
                let merged = merged(old.as_ref(), new);
                if old.as_ref() != Some(&merged) {
                    open.instances.insert(id, merged);
                }
            }
            Err(StoreError::Purged { .. }) => assert!(is_deleted),
            Err(StoreError::NotFound { .. }) => assert!(is_missing),
            Err(error) => assert!(error.is_refusal() && !is_right, "{error} for {new:?}"),
        }
    }

    fn record(&self, open: &Open, key: u8) -> Option<u8> {
        let own = open.records.get(&key).copied();
        own.unwrap_or_else(|| self.committed.records.get(&key).copied())
    }

    fn instance(&self, open: &Open, id: InstanceId) -> Option<Instance> {
        let own = open.instances.get(&id);
        own.or_else(|| self.committed.instances.get(&id)).cloned()
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

#[derive(Clone, Copy, PartialEq)]
enum Replace {
    Any,
    Existing,
}

/// True if the lock was free and had; fails if the store thinks otherwise.
fn expect_lock(is_free: bool, outcome: Result<(), StoreError>) -> bool {
    match outcome {
        Ok(()) => assert!(is_free, "a lock was given twice"),
        Err(StoreError::LockTimeout { .. }) => assert!(!is_free, "a free lock was not given"),
        Err(error) => panic!("{error}"),
    }
    is_free
}

fn ids() -> impl Strategy<Value = InstanceId> {
    let replicas = proptest::sample::select(REPLICAS.to_vec());
    (replicas, 0..6_u64).prop_map(|(replica, index)| InstanceId { replica, index })
}

fn instances() -> impl Strategy<Value = Instance> {
    let ballot = |number| Ballot {
        number,
        replica: ME,
    };
    let fields = (0..3_i32, proptest::option::of(0..3_i32), 0..2_u8);
    let flags = proptest::sample::select(vec![(false, false), (true, false), (true, true)]);
    (ids(), fields, flags, any::<bool>()).prop_map(move |(id, fields, flags, is_known)| {
        let (number, vote, value) = fields;
        Instance {
            id,
            ballot: ballot(number),
            vote_ballot: vote.map(ballot),
            commands: vec![Command::Get { key: vec![value] }],
            dependencies: is_known.then(Vec::new),
            committed: flags.0,
            executed: flags.1,
        }
    })
}

/// Instances as they mostly come: decided and executed in order, so that some can be purged.
fn executed() -> impl Strategy<Value = Instance> {
    ids().prop_map(|id| Instance {
        dependencies: Some(Vec::new()),
        committed: true,
        executed: true,
        ..Instance::promised(
            id,
            Ballot {
                number: 0,
                replica: ME,
            },
        )
    })
}

fn steps() -> impl Strategy<Value = Step> {
    let walks = (
        proptest::sample::select(REPLICAS.to_vec()),
        0..7_u64,
        proptest::collection::vec(any::<bool>(), 0..12),
    );
    prop_oneof![
        3 => (0..4_u8, any::<u8>()).prop_map(|(key, value)| Step::SetKv(key, value)),
        1 => (0..4_u8).prop_map(Step::DeleteKv),
        2 => (0..4_u8).prop_map(Step::Lock),
        4 => instances().prop_map(Step::SetInstance),
        6 => executed().prop_map(Step::SetInstance),
        2 => instances().prop_map(Step::UpdateInstance),
        2 => ids().prop_map(Step::MarkExecuted),
        1 => Just(Step::Savepoint),
        1 => Just(Step::RollbackToSavepoint),
        5 => Just(Step::Commit),
        1 => Just(Step::Rollback),
        3 => walks.prop_map(|(replica, from, steps)| Step::Walk(replica, from, steps)),
    ]
}

fn events() -> impl Strategy<Value = Event> {
    let replicas = proptest::sample::select(REPLICAS.to_vec());
    prop_oneof![
        40 => (any::<bool>(), steps()).prop_map(|(which, step)| Event::Step(which, step)),
        1 => Just(Event::Reopen),
        2 => (replicas, 0..6_u64).prop_map(|(replica, upto)| Event::Announce(replica, upto)),
        4 => (0..4_u64).prop_map(Event::Tick),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: histories(),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn the_store_agrees_with_a_map(
        history in proptest::collection::vec(events(), 1..120),
    ) {
        let mut bench = Bench::new();
        for event in history {
            bench.event(event);
        }
    }
}
