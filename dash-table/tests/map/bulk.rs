//! What is done to many entries.

use std::collections::HashMap;
use std::fmt::Debug;
use std::hash::{BuildHasher, Hash};
use std::mem::ManuallyDrop;

use super::kind::{Kind, weight};
use super::pair::Pair;
use super::step::Step;

impl<K, V, S> Pair<K, V, S>
where
    K: Kind + Hash + Eq,
    V: Kind,
    S: BuildHasher + Default + Clone,
{
    pub(crate) fn whole(&mut self, step: &Step) {
        let (table, model) = (&mut self.table, &mut self.model);
        match step {
            Step::Retain(divisor) => {
                let keep = |key: &K, value: &mut V| {
                    value.change();
                    !weight(key).is_multiple_of(*divisor)
                };
                table.retain(keep);
                model.retain(keep);
            }
            Step::ExtractIf(divisor, count) => {
                let mut tested = Vec::new();
                let chosen = table.extract_if(|key, value| {
                    value.change();
                    tested.push((key.clone(), value.clone()));
                    weight(key).is_multiple_of(*divisor)
                });
                let taken: Vec<_> = chosen.take(*count).collect();
                for (key, value) in tested {
                    model.get_mut(&key).unwrap_or(&mut V::default()).change();
                    assert_eq!(model.get(&key), Some(&value));
                }
                remove_all(model, taken);
            }
            Step::Drain(count) => {
                let mut drain = table.drain();
                let taken: Vec<_> = drain.by_ref().take(*count).collect();
                assert_eq!(drain.len(), model.len() - taken.len());
                drop(drain);
                remove_all(model, taken);
                model.clear();
            }
            Step::DrainAndForget(count) => {
                let mut drain = ManuallyDrop::new(table.drain());
                let taken: Vec<_> = drain.by_ref().take(*count).collect();
                remove_all(model, taken);
            }
            _ => self.iterate(step),
        }
    }

    fn iterate(&mut self, step: &Step) {
        let (table, model) = (&mut self.table, &mut self.model);
        match step {
            Step::IterMut(count) => {
                let mut entries = table.iter_mut();
                for left in (0..model.len()).rev().take(*count) {
                    let (key, value) = entries.next().unwrap_or_else(|| panic!("{left} are left"));
                    assert_eq!(entries.len(), left);
                    value.change();
                    model.get_mut(key).unwrap_or(&mut V::default()).change();
                }
            }
            Step::ValuesMut => {
                assert_eq!(table.values_mut().map(V::change).count(), model.len());
                model.values_mut().for_each(V::change);
            }
            Step::Extend(keys) => {
                let entries = || keys.iter().map(|key| (K::make(*key), V::make(*key)));
                table.extend(entries());
                model.extend(entries());
            }
            Step::Reserve(room) => {
                table.reserve(*room);
                assert!(table.try_reserve(*room).is_ok());
            }
            Step::ShrinkToFit => table.shrink_to_fit(),
            Step::Clone => {
                let copy = table.clone();
                assert!(copy == *table && copy.open_cuts().is_empty());
                let entries: HashMap<K, V> = copy.into_iter().collect();
                assert_eq!(entries, *model);
            }
            Step::Clear => {
                table.clear();
                model.clear();
            }
            _ => unreachable!("not about many: {step:?}"),
        }
    }
}

/// Removes what came out of the table, which must be what the model has.
fn remove_all<K: Hash + Eq + Debug, V: PartialEq + Debug>(
    model: &mut HashMap<K, V>,
    taken: Vec<(K, V)>,
) {
    for (key, value) in taken {
        assert_eq!(model.remove(&key), Some(value));
    }
}
