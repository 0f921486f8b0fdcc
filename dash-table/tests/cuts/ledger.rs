//! What is delivered to a cut, and what a replica makes of it.

use std::collections::{BTreeSet, HashMap};

use dash_table::{Bucket, Cut, Observer};

/// Keeps everything that is delivered.
#[derive(Default)]
pub(crate) struct Ledger {
    pub(crate) entries: HashMap<Cut, Vec<(u32, u32)>>,
    pub(crate) replicas: HashMap<Cut, Replica>,
    pub(crate) buckets: usize,
    pub(crate) empty_buckets: usize,
}

/// What somebody has who follows a relaxed cut.
#[derive(Default)]
pub(crate) struct Replica {
    pub(crate) state: HashMap<u32, u32>,
    /// Keys that were told of, and not looked up since.
    told: BTreeSet<u32>,
    pub(crate) fault: Option<&'static str>,
}

impl Replica {
    /// Looks up what the changes came to.
    pub(crate) fn catch_up(&mut self, model: &HashMap<u32, u32>) {
        for key in std::mem::take(&mut self.told) {
            match model.get(&key) {
                Some(value) => drop(self.state.insert(key, *value)),
                None => drop(self.state.remove(&key)),
            }
        }
    }
}

impl Observer<u32, u32> for Ledger {
    fn deliver(&mut self, cut: Cut, bucket: Bucket<'_, u32, u32>) {
        self.buckets += 1;
        self.empty_buckets += usize::from(bucket.is_empty());
        if let Some(replica) = self.replicas.get_mut(&cut) {
            for (key, value) in bucket.iter() {
                // A key that left, which was told, and came back to a bucket that is still needed.
                replica.told.remove(key);
                replica.state.insert(*key, *value);
            }
            return;
        }
        self.entries
            .entry(cut)
            .or_default()
            .extend(bucket.iter().map(|(key, value)| (*key, *value)));
    }

    fn before_write(&mut self, cut: Cut, key: &u32, value: Option<&u32>) {
        let Some(replica) = self.replicas.get_mut(&cut) else {
            unreachable!("{cut:?} is not relaxed");
        };
        let untold = !replica.told.contains(key);
        if untold && replica.state.get(key) != value {
            replica.fault = Some("told of a change to what it did not have");
        }
        replica.told.insert(*key);
    }
}
