//! Tables of every kind of keys and values agree with their models.

use std::hash::{BuildHasher, Hash};

use dash_table::DefaultHashBuilder;
use proptest::prelude::*;

use super::counted::{Counted, living};
use super::few_bits::{EqualHashes, FewHashes};
use super::kind::Kind;
use super::pair::Pair;
use super::step::{Step, steps};

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
    prop_assert_eq!(living(), 0, "values have leaked");
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn of_numbers(steps in steps(2_000, 1_500)) {
        agrees::<u64, u64, DefaultHashBuilder>(&steps)?;
    }

    #[test]
    fn of_strings_to_counted_values(steps in steps(900, 1_500)) {
        agrees::<String, Counted, DefaultHashBuilder>(&steps)?;
    }

    #[test]
    fn of_numbers_without_values(steps in steps(900, 1_500)) {
        agrees::<u64, (), DefaultHashBuilder>(&steps)?;
    }

    #[test]
    fn of_one_possible_key(steps in steps(3, 400)) {
        agrees::<(), String, DefaultHashBuilder>(&steps)?;
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
