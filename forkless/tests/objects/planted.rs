//! Bugs planted in what collections tell of their changes are found.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::panic::catch_unwind;

use forkless::Bug;
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;

use crate::delta::run;
use crate::history::{Action, Model, actions};
use crate::sorted_set::Board;

/// A bug must be found by one of this many histories.
const HISTORIES_MAX: usize = 300;

const BUGS: [Bug; 4] = [
    Bug::DeltaBeginsLate,
    Bug::DeltaEndsEarly,
    Bug::NameOutlivesState,
    Bug::TrimKeepsPlaces,
];

/// How many histories it takes to find the bug.
fn histories_to_find<M: Model>(bug: Bug) -> Option<usize> {
    let mut runner = TestRunner::deterministic();
    (1..=HISTORIES_MAX).find(|_| {
        let tree = actions().new_tree(&mut runner).unwrap();
        let (filled, actions): (u16, Vec<Action>) = tree.current();
        bug.during(|| catch_unwind(|| run::<M>(filled, actions)).is_err())
    })
}

#[test]
fn bugs_in_deltas_are_found() {
    // What a bug leads to is not worth a word; that none is found is.
    std::panic::set_hook(Box::new(|_| {}));
    let found = BUGS.map(|bug| {
        let found = [
            ("list", histories_to_find::<VecDeque<Vec<u8>>>(bug)),
            ("set", histories_to_find::<BTreeSet<Vec<u8>>>(bug)),
            ("hash", histories_to_find::<BTreeMap<Vec<u8>, Vec<u8>>>(bug)),
            ("sorted set", histories_to_find::<Board>(bug)),
        ];
        (bug, found)
    });
    // Its changes are no log that could be trimmed.
    let found_in_strings = BUGS[..3]
        .iter()
        .map(|bug| histories_to_find::<Vec<u8>>(*bug));
    let found_in_strings: Vec<_> = found_in_strings.collect();
    drop(std::panic::take_hook());
    let is_found = found_in_strings.iter().all(Option::is_some);
    assert!(is_found, "string: {found_in_strings:?}");
    let mut all = found.iter().flat_map(|(_, found)| found);
    assert!(all.all(|(_, histories)| histories.is_some()), "{found:?}");
}
