//! What is done through an `Entry`.

use std::collections::HashMap;
use std::collections::hash_map::Entry as StdEntry;
use std::hash::{BuildHasher, Hash};

use dash_table::{DashTable, Entry};

use super::cuts::Ledger;
use super::kind::Kind;
use super::pair::Pair;
use super::step::Step;

impl<K, V, S> Pair<K, V, S>
where
    K: Kind + Hash + Eq,
    V: Kind,
    S: BuildHasher + Default + Clone,
{
    pub(crate) fn entry(&mut self, step: &Step) {
        let (table, model) = (&mut self.table, &mut self.model);
        match *step {
            Step::OrInsert(key, value) => assert_eq!(
                table.entry(K::make(key)).or_insert(V::make(value)),
                model.entry(K::make(key)).or_insert(V::make(value))
            ),
            Step::OrInsertWithKey(key) => {
                let make = |made: &K| V::make(u32::from(*made == K::make(key)));
                assert_eq!(
                    table.entry(K::make(key)).or_insert_with_key(make),
                    model.entry(K::make(key)).or_insert_with_key(make)
                );
            }
            Step::AndModifyOrDefault(key) => assert_eq!(
                table.entry(K::make(key)).and_modify(V::change).or_default(),
                model.entry(K::make(key)).and_modify(V::change).or_default()
            ),
            Step::InsertEntry(key, value) => {
                let entry = table.entry(K::make(key)).insert_entry(V::make(value));
                assert_eq!((entry.key(), entry.get()), (&K::make(key), &V::make(value)));
                model.insert(K::make(key), V::make(value));
            }
            _ => Self::chosen_entry(table, model, step),
        }
    }

    /// What is done through an `Entry` that is there, or not.
    fn chosen_entry(
        table: &mut DashTable<K, V, S, Ledger<K, V>>,
        model: &mut HashMap<K, V>,
        step: &Step,
    ) {
        let (Step::OccupiedInsert(key, _) | Step::OccupiedRemove(key) | Step::IntoMut(key)) = step
        else {
            unreachable!("not by entry: {step:?}");
        };
        let key = K::make(*key);
        assert_eq!(table.entry(key.clone()).key(), &key);
        match (table.entry(key.clone()), model.entry(key.clone())) {
            (Entry::Occupied(mut mine), StdEntry::Occupied(mut theirs)) => match *step {
                Step::OccupiedInsert(_, value) => {
                    assert_eq!(mine.insert(V::make(value)), theirs.insert(V::make(value)));
                    mine.get_mut().change();
                    theirs.get_mut().change();
                }
                Step::OccupiedRemove(number) if number % 2 == 0 => {
                    assert_eq!(mine.remove(), theirs.remove());
                }
                Step::OccupiedRemove(_) => {
                    assert_eq!(mine.remove_entry(), theirs.remove_entry());
                }
                _ => {
                    assert_eq!(mine.get(), theirs.get());
                    mine.into_mut().change();
                    theirs.into_mut().change();
                }
            },
            (Entry::Vacant(mine), StdEntry::Vacant(theirs)) => match *step {
                Step::OccupiedInsert(_, value) => {
                    mine.insert(V::make(value)).change();
                    theirs.insert(V::make(value)).change();
                }
                _ => assert_eq!(mine.into_key(), key),
            },
            _ => panic!("only one of them has {key:?}"),
        }
    }
}
