//! Bugs planted in the table are found.

use dash_table::Bug;
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;

use super::few_bits::FewHashes;
use super::pair::Pair;
use super::step::steps;

#[test]
fn each_planted_bug_is_found() {
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
