//! A table beside its model, and the cuts that are open in both.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hash};

use dash_table::DashTable;

use super::cuts::{Expected, Ledger};
use super::kind::Kind;
use super::step::Step;

/// A table beside its model.
pub(crate) struct Pair<K, V, S> {
    pub(crate) table: DashTable<K, V, S, Ledger<K, V>>,
    pub(crate) model: HashMap<K, V>,
    pub(crate) cuts: Vec<Expected<K, V>>,
}

impl<K, V, S> Pair<K, V, S>
where
    K: Kind + Hash + Eq,
    V: Kind,
    S: BuildHasher + Default + Clone,
{
    pub(crate) fn new() -> Self {
        Self {
            table: DashTable::default(),
            model: HashMap::new(),
            cuts: Vec::new(),
        }
    }

    pub(crate) fn apply(&mut self, step: &Step) -> Result<(), &'static str> {
        match step {
            Step::Open => self.open(),
            Step::Traverse(cut, most) => return self.traverse(*cut, *most),
            Step::Close(cut) => self.close(*cut),
            Step::OrInsert(..)
            | Step::OrInsertWithKey(_)
            | Step::AndModifyOrDefault(_)
            | Step::InsertEntry(..)
            | Step::OccupiedInsert(..)
            | Step::OccupiedRemove(_)
            | Step::IntoMut(_) => self.entry(step),
            Step::Insert(..)
            | Step::Remove(_)
            | Step::RemoveEntry(_)
            | Step::Change(_)
            | Step::Look(_) => self.single(step),
            _ => self.whole(step),
        }
        assert_eq!(self.table.len(), self.model.len());
        Ok(())
    }

    /// Takes every cut to its end, and the table apart in every way there is.
    pub(crate) fn finish(mut self) -> Result<(), &'static str> {
        while !self.cuts.is_empty() {
            self.traverse(0, 50)?;
        }
        if !self.table.observer().0.is_empty() {
            return Err("something was delivered to a closed cut");
        }
        let (table, model) = (self.table, self.model);
        let entries = |(key, value): (&K, &V)| (key.clone(), value.clone());
        assert_eq!(table.iter().map(entries).collect::<HashMap<_, _>>(), model);
        assert_eq!(table.iter().len(), model.len());
        assert!(table.keys().all(|key| model.contains_key(key)));
        assert_eq!(table.keys().count(), model.len());
        assert_eq!(table.values().count(), model.len());
        for (key, value) in &model {
            assert_eq!(table.get(key), Some(value));
        }
        let again: DashTable<K, V, S> = table.iter().map(entries).collect();
        assert_eq!(again.into_keys().count(), model.len());
        assert_eq!(table.clone().into_values().len(), model.len());
        let mut entries = table.into_iter();
        if let Some((key, value)) = entries.next() {
            assert_eq!(model.get(&key), Some(&value));
            assert_eq!(
                entries.len(),
                model.len() - 1,
                "the others are dropped unseen"
            );
        }
        Ok(())
    }
}
