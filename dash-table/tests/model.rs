//! The table against `std`'s `HashMap`.

use std::collections::HashMap;
use std::hash::{BuildHasher, BuildHasherDefault, Hasher};

use dash_table::DashTable;
use proptest::prelude::*;

/// Keeps the lowest `BITS` bits of an integer key, so that keys collide.
#[derive(Default)]
struct LowBits<const BITS: u32>(u64);

impl<const BITS: u32> Hasher for LowBits<BITS> {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _: &[u8]) {
        unreachable!("keys are u16");
    }

    fn write_u16(&mut self, key: u16) {
        self.0 = u64::from(key) & ((1 << BITS) - 1);
    }
}

#[derive(Clone, Debug)]
enum Step {
    Insert(u16, u32),
    Remove(u16),
    Change(u16, u32),
    Get(u16),
    Retain(u16),
    Reserve(u16),
    RemoveMost(u16),
    ShrinkToFit,
    Clear,
}

fn steps(keys: u16, length: usize) -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        120 => (0..keys, any::<u32>()).prop_map(|(key, value)| Step::Insert(key, value)),
        40 => (0..keys).prop_map(Step::Remove),
        20 => (0..keys, any::<u32>()).prop_map(|(key, value)| Step::Change(key, value)),
        20 => (0..keys).prop_map(Step::Get),
        2 => (2_u16..9).prop_map(Step::Retain),
        1 => (0_u16..400).prop_map(Step::Reserve),
        2 => (2_u16..9).prop_map(Step::RemoveMost),
        1 => Just(Step::ShrinkToFit),
        1 => Just(Step::Clear),
    ];
    prop::collection::vec(step, 0..length)
}

fn agrees<S: BuildHasher + Default>(steps: &[Step]) {
    let mut table: DashTable<u16, u32, S> = DashTable::default();
    let mut model = HashMap::new();
    for step in steps {
        match *step {
            Step::Insert(key, value) => {
                assert_eq!(table.insert(key, value), model.insert(key, value));
            }
            Step::Remove(key) => assert_eq!(table.remove_entry(&key), model.remove_entry(&key)),
            Step::Change(key, value) => {
                let changed = table.get_mut(&key).map(|old| std::mem::replace(old, value));
                assert_eq!(
                    changed,
                    model.get_mut(&key).map(|old| std::mem::replace(old, value))
                );
            }
            Step::Get(key) => {
                assert_eq!(table.get_key_value(&key), model.get_key_value(&key));
                assert_eq!(table.contains_key(&key), model.contains_key(&key));
            }
            Step::Retain(divisor) => {
                let keep = |key: &u16, value: &mut u32| {
                    *value = value.wrapping_add(1);
                    !key.is_multiple_of(divisor)
                };
                table.retain(keep);
                model.retain(keep);
            }
            Step::RemoveMost(divisor) => {
                for key in 0..900_u16 {
                    if !key.is_multiple_of(divisor) {
                        assert_eq!(table.remove(&key), model.remove(&key));
                    }
                }
            }
            Step::ShrinkToFit => {
                table.shrink_to_fit();
                assert_eq!(table.memory_usage() == 0, model.is_empty());
            }
            Step::Reserve(additional) => table.reserve(usize::from(additional)),
            Step::Clear => {
                table.clear();
                model.clear();
            }
        }
        assert_eq!(table.len(), model.len());
    }
    assert_eq!(table.iter().len(), model.len());
    assert_eq!(
        table
            .iter()
            .map(|(&key, &value)| (key, value))
            .collect::<HashMap<_, _>>(),
        model
    );
    for (key, value) in &model {
        assert_eq!(table.get(key), Some(value));
    }
    let stats = table.stats();
    assert_eq!(stats.entries, model.len());
    assert_eq!(stats.buckets, table.bucket_count());
    assert!(stats.probes >= stats.entries);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn with_the_default_hasher(steps in steps(900, 3000)) {
        agrees::<dash_table::DefaultHashBuilder>(&steps);
    }

    #[test]
    fn with_the_identity(steps in steps(900, 3000)) {
        agrees::<BuildHasherDefault<LowBits<16>>>(&steps);
    }

    #[test]
    fn with_few_different_hashes(steps in steps(900, 2000)) {
        agrees::<BuildHasherDefault<LowBits<4>>>(&steps);
    }

    #[test]
    fn with_equal_hashes(steps in steps(300, 1000)) {
        agrees::<BuildHasherDefault<LowBits<0>>>(&steps);
    }
}
