//! A history of an object beside a collection of `std` that goes through the same.

use forkless::{Object, Text};
use proptest::prelude::*;
use rdb_format::Value as Owned;

use crate::contents::{contents, weighs_as_if_new};
use crate::view::Kept;

/// A collection of `std`, or more of them, that an object is held against.
pub(crate) trait Model {
    /// One of so many items, before anything is done to it.
    fn filled(items: u16) -> Self;

    /// An object that holds the same.
    fn object(&self) -> Object;

    /// What the object is when it is decoded.
    fn owned(&self) -> Owned;

    /// Does the action, the history's `number`th, to both, and asserts that both say the same.
    fn apply(&mut self, object: &mut Object, action: Action, number: usize);
}

/// Goes through the actions; asserts that the object is then what the model is, weighs what it
/// should, and that views show what was there when they were made.
pub(crate) fn run<M: Model>(filled: u16, actions: Vec<Action>) {
    let mut model = M::filled(filled);
    let mut object = model.object();
    let mut kept = Vec::new();
    for (number, action) in actions.into_iter().enumerate() {
        if let Action::Freeze = action {
            kept.push(Kept::new(&object, model.owned(), number));
        }
        model.apply(&mut object, action, number);
    }
    weighs_as_if_new(&object);
    assert_eq!(contents(&object), model.owned());
    for kept in kept {
        kept.check(&object);
    }
}

/// What is done to a collection, whatever its type makes of it.
#[derive(Debug, Clone)]
pub(crate) enum Action {
    Put { key: u16, len: usize },
    Take { key: u16 },
    First,
    Last,
    TakeMany { key: u16, count: usize },
    Freeze,
}

pub(crate) fn actions() -> impl Strategy<Value = (u16, Vec<Action>)> {
    let len = prop_oneof![6 => 0..40_usize, 2 => 100..400_usize, 1 => 7000..20_000_usize];
    let key = 0..3000_u16;
    let action = prop_oneof![
        8 => (key.clone(), len).prop_map(|(key, len)| Action::Put { key, len }),
        4 => key.clone().prop_map(|key| Action::Take { key }),
        2 => Just(Action::First),
        2 => Just(Action::Last),
        1 => (key, 1..400_usize).prop_map(|(key, count)| Action::TakeMany { key, count }),
        1 => Just(Action::Freeze),
    ];
    let filled = prop_oneof![Just(0_u16), 1..100_u16, 1000..3000_u16];
    (filled, prop::collection::vec(action, 1..300))
}

/// How many histories each data type goes through.
pub(crate) fn config() -> ProptestConfig {
    ProptestConfig::with_cases(60)
}

pub(crate) fn bytes(key: u16, len: usize) -> Vec<u8> {
    let mut bytes = key.to_string().into_bytes();
    bytes.resize(bytes.len().max(len), b'.');
    bytes
}

pub(crate) fn text(bytes: &[u8]) -> Text {
    Text::from(bytes)
}
