//! What is done to one entry by its key.

use std::hash::{BuildHasher, Hash};

use super::kind::Kind;
use super::pair::Pair;
use super::step::Step;

impl<K, V, S> Pair<K, V, S>
where
    K: Kind + Hash + Eq,
    V: Kind,
    S: BuildHasher + Default + Clone,
{
    pub(crate) fn single(&mut self, step: &Step) {
        let (table, model) = (&mut self.table, &mut self.model);
        match *step {
            Step::Insert(key, value) => assert_eq!(
                table.insert(K::make(key), V::make(value)),
                model.insert(K::make(key), V::make(value))
            ),
            Step::Remove(key) => {
                let key = K::make(key);
                assert_eq!(table.remove(&key), model.remove(&key));
            }
            Step::RemoveEntry(key) => {
                let key = K::make(key);
                assert_eq!(table.remove_entry(&key), model.remove_entry(&key));
            }
            Step::Change(key) => {
                let key = K::make(key);
                assert_eq!(
                    table.get_mut(&key).map(V::change),
                    model.get_mut(&key).map(V::change)
                );
            }
            Step::Look(key) => {
                let key = K::make(key);
                assert_eq!(table.get(&key), model.get(&key));
                assert_eq!(table.get_key_value(&key), model.get_key_value(&key));
                assert_eq!(table.contains_key(&key), model.contains_key(&key));
                if model.contains_key(&key) {
                    assert_eq!(table[&key], model[&key]);
                }
            }
            _ => unreachable!("not by key: {step:?}"),
        }
    }
}
