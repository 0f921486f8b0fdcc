//! Everything that a map can do, beside `std`'s `HashMap`, while cuts are open: each cut gets the
//! state of its moment, every entry exactly once.
//!
//! With `--cfg planted`, the same schedules must find a bug planted in the iteration.

use std::collections::HashMap;
use std::collections::hash_map::Entry as StdEntry;
use std::fmt::Debug;
use std::hash::{BuildHasher, BuildHasherDefault, Hash, Hasher};
use std::mem::ManuallyDrop;
#[cfg(not(planted))]
use std::rc::Rc;

use dash_table::{Bucket, Cursor, Cut, DashTable, Entry, Observer, Traversal};
use proptest::prelude::*;

/// Mixes what it is given badly, and keeps `BITS` bits of it.
#[derive(Default)]
struct FewBits<const BITS: u32>(u64);

impl<const BITS: u32> Hasher for FewBits<BITS> {
    fn finish(&self) -> u64 {
        self.0 & ((1 << BITS) - 1)
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.wrapping_mul(31).wrapping_add(u64::from(*byte));
        }
    }
}

type FewHashes = BuildHasherDefault<FewBits<3>>;
#[cfg(not(planted))]
type EqualHashes = BuildHasherDefault<FewBits<0>>;

/// A kind of key or value: as many different ones as it can have.
trait Kind: Clone + PartialEq + Debug + Default {
    fn make(number: u32) -> Self;

    /// Becomes another one, the same for equal ones.
    fn change(&mut self);
}

impl Kind for u64 {
    fn make(number: u32) -> Self {
        u64::from(number) << 20
    }

    fn change(&mut self) {
        *self = self.wrapping_mul(3).wrapping_add(1);
    }
}

impl Kind for String {
    fn make(number: u32) -> Self {
        format!("{number:>3}")
    }

    fn change(&mut self) {
        self.push('+');
        if self.len() > 12 {
            self.clear();
        }
    }
}

impl Kind for () {
    fn make(_: u32) -> Self {}

    fn change(&mut self) {}
}

#[cfg(not(planted))]
thread_local! {
    static LIFE: Rc<()> = Rc::new(());
}

/// A value whose drops are counted, by the references that are left.
#[cfg(not(planted))]
#[derive(Clone, PartialEq, Eq, Debug)]
struct Counted {
    number: u64,
    life: Rc<()>,
}

#[cfg(not(planted))]
impl Default for Counted {
    fn default() -> Self {
        Self::make(0)
    }
}

#[cfg(not(planted))]
impl Kind for Counted {
    fn make(number: u32) -> Self {
        Self {
            number: u64::from(number),
            life: LIFE.with(Rc::clone),
        }
    }

    fn change(&mut self) {
        self.number.change();
    }
}

/// What is done to the table; numbers choose keys, and how many entries an iterator is asked for.
#[derive(Clone, Debug)]
enum Step {
    Insert(u32, u32),
    Remove(u32),
    RemoveEntry(u32),
    Change(u32),
    OrInsert(u32, u32),
    OrInsertWithKey(u32),
    AndModifyOrDefault(u32),
    InsertEntry(u32, u32),
    OccupiedInsert(u32, u32),
    OccupiedRemove(u32),
    IntoMut(u32),
    Look(u32),
    Retain(usize),
    ExtractIf(usize, usize),
    Drain(usize),
    DrainAndForget(usize),
    IterMut(usize),
    ValuesMut,
    Extend(Vec<u32>),
    Reserve(usize),
    ShrinkToFit,
    Clone,
    Clear,
    Open,
    Traverse(usize, usize),
    Close(usize),
}

fn steps(keys: u32, length: usize) -> impl Strategy<Value = Vec<Step>> {
    let key = move || 0..keys;
    let count = || 0_usize..400;
    let single = prop_oneof![
        60 => (key(), any::<u32>()).prop_map(|(key, value)| Step::Insert(key, value)),
        20 => key().prop_map(Step::Remove),
        10 => key().prop_map(Step::RemoveEntry),
        10 => key().prop_map(Step::Change),
        20 => (key(), any::<u32>()).prop_map(|(key, value)| Step::OrInsert(key, value)),
        10 => key().prop_map(Step::OrInsertWithKey),
        10 => key().prop_map(Step::AndModifyOrDefault),
        10 => (key(), any::<u32>()).prop_map(|(key, value)| Step::InsertEntry(key, value)),
        10 => (key(), any::<u32>()).prop_map(|(key, value)| Step::OccupiedInsert(key, value)),
        10 => key().prop_map(Step::OccupiedRemove),
        10 => key().prop_map(Step::IntoMut),
        10 => key().prop_map(Step::Look),
    ];
    let whole = prop_oneof![
        3 => (2_usize..9).prop_map(Step::Retain),
        3 => (1_usize..9, count()).prop_map(|(divisor, count)| Step::ExtractIf(divisor, count)),
        1 => count().prop_map(Step::Drain),
        1 => count().prop_map(Step::DrainAndForget),
        3 => count().prop_map(Step::IterMut),
        1 => Just(Step::ValuesMut),
        9 => prop::collection::vec(key(), 0..200).prop_map(Step::Extend),
        1 => count().prop_map(Step::Reserve),
        2 => Just(Step::ShrinkToFit),
        1 => Just(Step::Clone),
        1 => Just(Step::Clear),
    ];
    let cut = prop_oneof![
        3 => Just(Step::Open),
        9 => (any::<usize>(), 0_usize..60).prop_map(|(cut, most)| Step::Traverse(cut, most)),
        1 => any::<usize>().prop_map(Step::Close),
    ];
    prop::collection::vec(prop_oneof![20 => single, 1 => whole, 2 => cut], 0..length)
}

/// Keeps everything that is delivered.
struct Ledger<K, V>(HashMap<Cut, Vec<(K, V)>>);

impl<K, V> Default for Ledger<K, V> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<K, V> Clone for Ledger<K, V> {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl<K: Clone, V: Clone> Observer<K, V> for Ledger<K, V> {
    fn deliver(&mut self, cut: Cut, bucket: Bucket<'_, K, V>) {
        let entries = bucket
            .iter()
            .map(|(key, value)| (key.clone(), value.clone()));
        self.0.entry(cut).or_default().extend(entries);
    }
}

/// An open cut, and what it must get.
struct Expected<K, V> {
    cut: Cut,
    state: HashMap<K, V>,
    cursor: Cursor,
}

/// A table beside its model.
struct Pair<K, V, S> {
    table: DashTable<K, V, S, Ledger<K, V>>,
    model: HashMap<K, V>,
    cuts: Vec<Expected<K, V>>,
}

impl<K, V, S> Pair<K, V, S>
where
    K: Kind + Hash + Eq,
    V: Kind,
    S: BuildHasher + Default + Clone,
{
    fn new() -> Self {
        Self {
            table: DashTable::default(),
            model: HashMap::new(),
            cuts: Vec::new(),
        }
    }

    fn apply(&mut self, step: &Step) -> Result<(), &'static str> {
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

    /// What is done to one entry by its key.
    fn single(&mut self, step: &Step) {
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

    /// What is done through an `Entry`.
    fn entry(&mut self, step: &Step) {
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

    /// What is done to many entries.
    fn whole(&mut self, step: &Step) {
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

    fn open(&mut self) {
        if self.cuts.len() < 4 {
            self.cuts.push(Expected {
                cut: self.table.cut(),
                state: self.model.clone(),
                cursor: Cursor::start(),
            });
        }
    }

    fn traverse(&mut self, index: usize, most: usize) -> Result<(), &'static str> {
        let count = self.cuts.len().max(1);
        let Some(open) = self.cuts.get_mut(index % count) else {
            return Ok(());
        };
        if self.table.traverse(open.cut, &mut open.cursor, most) == Traversal::More {
            return Ok(());
        }
        let Expected { cut, state, .. } = self.cuts.remove(index % count);
        self.table.close(cut);
        let got = self.table.observer_mut().0.remove(&cut).unwrap_or_default();
        let delivered = got.len();
        let unique: HashMap<K, V> = got.into_iter().collect();
        if unique.len() != delivered {
            return Err("an entry was delivered twice");
        }
        if unique == state {
            Ok(())
        } else {
            Err("not the state at the cut")
        }
    }

    fn close(&mut self, index: usize) {
        if !self.cuts.is_empty() {
            let Expected { cut, .. } = self.cuts.remove(index % self.cuts.len());
            self.table.close(cut);
            self.table.observer_mut().0.remove(&cut);
        }
    }

    /// Takes every cut to its end, and the table apart in every way there is.
    fn finish(mut self) -> Result<(), &'static str> {
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

/// A number to divide by, the same for equal keys.
fn weight<K: Debug>(key: &K) -> usize {
    format!("{key:?}").bytes().map(usize::from).sum()
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

#[cfg(not(planted))]
fn agrees<K, V, S>(steps: &[Step]) -> Result<(), TestCaseError>
where
    K: Kind + Hash + Eq,
    V: Kind,
    S: BuildHasher + Default + Clone,
{
    let mut pair = Pair::<K, V, S>::new();
    for step in steps {
        pair.apply(step).map_err(TestCaseError::fail)?;
    }
    pair.finish().map_err(TestCaseError::fail)?;
    prop_assert_eq!(LIFE.with(Rc::strong_count), 1, "values have leaked");
    Ok(())
}

#[cfg(not(planted))]
proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn of_numbers(steps in steps(2_000, 1_500)) {
        agrees::<u64, u64, dash_table::DefaultHashBuilder>(&steps)?;
    }

    #[test]
    fn of_strings_to_counted_values(steps in steps(900, 1_500)) {
        agrees::<String, Counted, dash_table::DefaultHashBuilder>(&steps)?;
    }

    #[test]
    fn of_numbers_without_values(steps in steps(900, 1_500)) {
        agrees::<u64, (), dash_table::DefaultHashBuilder>(&steps)?;
    }

    #[test]
    fn of_one_possible_key(steps in steps(3, 400)) {
        agrees::<(), String, dash_table::DefaultHashBuilder>(&steps)?;
    }

    #[test]
    fn with_few_different_hashes(steps in steps(600, 1_000)) {
        agrees::<u64, Counted, FewHashes>(&steps)?;
    }

    #[test]
    fn with_equal_hashes(steps in steps(200, 800)) {
        agrees::<String, u64, EqualHashes>(&steps)?;
    }
}

#[cfg(planted)]
#[test]
fn each_planted_bug_is_found() {
    use dash_table::Bug;
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;

    for bug in [
        Bug::SkipDeliveryOnIterMut,
        Bug::SkipDeliveryOnRetain,
        Bug::SkipDeliveryOnGetMut,
        Bug::SkipDeliveryOnRemove,
    ] {
        let mut runner = TestRunner::deterministic();
        let is_found = (0..300).any(|_| {
            let Ok(tree) = steps(900, 1_500).new_tree(&mut runner) else {
                return false;
            };
            let mut pair = Pair::<u64, u64, FewHashes>::new();
            pair.table.plant(Some(bug));
            let outcome = tree.current().iter().try_for_each(|step| pair.apply(step));
            outcome.is_err() || pair.finish().is_err()
        });
        assert!(is_found, "{bug:?} was not found");
    }
}
