//! What transactions write, or are refused: the rules, told otherwise than in the store.

use epaxos_store::{Instance, InstanceId, StoreError};

use crate::bench::{Bench, Open, Row};
use crate::history::Step;

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

    pub(crate) fn write(&self, which: usize, open: &mut Open, step: Step) {
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

    pub(crate) fn record(&self, open: &Open, key: u8) -> Option<u8> {
        let own = open.records.get(&key).copied();
        own.unwrap_or_else(|| self.committed.records.get(&key).copied())
    }

    pub(crate) fn instance(&self, open: &Open, id: InstanceId) -> Option<Instance> {
        let own = open.instances.get(&id);
        own.or_else(|| self.committed.instances.get(&id)).cloned()
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
