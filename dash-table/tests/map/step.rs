//! What is done to the table, one step after the other.

use proptest::prelude::*;

/// What is done to the table; numbers choose keys, and how many entries an iterator is asked for.
#[derive(Clone, Debug)]
pub(crate) enum Step {
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

pub(crate) fn steps(keys: u32, length: usize) -> impl Strategy<Value = Vec<Step>> {
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
