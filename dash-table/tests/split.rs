//! Growth: what splits, what is chained instead, and what it costs.

use std::hash::{BuildHasher, BuildHasherDefault, Hasher};

use dash_table::DashTable;

/// Hashes an integer to itself.
#[derive(Default)]
struct Identity(u64);

impl Hasher for Identity {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _: &[u8]) {
        unreachable!("keys are u32");
    }

    fn write_u32(&mut self, key: u32) {
        self.0 = u64::from(key);
    }
}

/// Gives every key the same hash.
#[derive(Default)]
struct Constant;

impl Hasher for Constant {
    fn finish(&self) -> u64 {
        7
    }

    fn write(&mut self, _: &[u8]) {}
}

type Table<H> = DashTable<u32, u32, BuildHasherDefault<H>>;

fn holds<S: BuildHasher>(table: &DashTable<u32, u32, S>, keys: std::ops::Range<u32>) {
    assert_eq!(table.len(), keys.len());
    assert_eq!(table.iter().count(), keys.len());
    for key in keys {
        assert_eq!(table.get(&key), Some(&(key * 2)));
    }
}

#[test]
fn a_new_table_owns_no_memory() {
    let table: Table<Identity> = DashTable::default();
    assert_eq!(table.memory_usage(), 0);
    assert_eq!(table.bucket_count(), 0);
}

#[test]
fn each_split_adds_one_segment() {
    let mut table: Table<Identity> = DashTable::default();
    for key in 0..20_000 {
        table.insert(key, key * 2);
        let stats = table.stats();
        assert_eq!(stats.segments as u64, stats.splits + 1);
        assert!(stats.directory_entries.is_power_of_two());
        assert_eq!(stats.chain_entries, 0, "these keys can be told apart");
    }
    holds(&table, 0..20_000);
    assert!(table.stats().segments > 20);
}

#[test]
fn segments_displace_and_stash_before_they_split() {
    let mut table: Table<Identity> = DashTable::default();
    let (mut fill_max, mut stash_entries_max) = (0, 0);
    for key in 0.. {
        table.insert(key, key * 2);
        let stats = table.stats();
        fill_max = fill_max.max(100 * stats.entries / stats.slots);
        stash_entries_max = stash_entries_max.max(stats.stash_entries);
        if stats.segments == 10 {
            assert!(stats.displacements > 0);
            assert!(stats.guest_entries > 0);
            break;
        }
    }
    assert!(stash_entries_max > 0);
    assert!(fill_max > 70, "{fill_max} per cent");
}

#[test]
fn equal_hashes_are_chained_instead_of_split() {
    let mut table: Table<Constant> = DashTable::default();
    table.insert(0, 0);
    let slots = table.stats().slots;
    for key in 0..3_000 {
        table.insert(key, key * 2);
    }
    holds(&table, 0..3_000);
    let stats = table.stats();
    assert_eq!((stats.segments, stats.directory_entries), (1, 2));
    assert!(stats.chain_entries > 2_000);
    // A home, its neighbour and the stash are full; so is every link of the chain but the last.
    assert!(stats.slots < 3_000 + slots + 14, "{stats:?}");
}

#[test]
fn an_emptied_chain_is_given_back() {
    let mut table: Table<Constant> = DashTable::default();
    table.insert(0, 0);
    let buckets = table.bucket_count();
    for key in 0..500 {
        table.insert(key, key * 2);
    }
    assert!(table.bucket_count() > buckets);
    for key in 0..500 {
        assert_eq!(table.remove(&key), Some(key * 2));
    }
    assert_eq!(table.bucket_count(), buckets);
    assert!(table.is_empty());
}

#[test]
fn reserved_room_is_filled_without_splits() {
    let mut table: Table<Identity> = DashTable::default();
    table.reserve(40_000);
    let reserved = table.stats();
    assert!(reserved.slots >= 40_000);
    for key in 0..20_000 {
        table.insert(key, key * 2);
    }
    holds(&table, 0..20_000);
    let filled = table.stats();
    assert!(
        filled.segments - reserved.segments <= reserved.segments / 10,
        "{filled:?}"
    );
}

#[test]
fn reserving_keeps_what_is_there() {
    let mut table: Table<Identity> = DashTable::default();
    for key in 0..1_000 {
        table.insert(key, key * 2);
    }
    table.reserve(50_000);
    holds(&table, 0..1_000);
}

#[test]
fn clearing_keeps_the_segments_and_frees_the_slots() {
    let mut table: Table<Identity> = DashTable::default();
    for key in 0..5_000 {
        table.insert(key, key * 2);
    }
    let segments = table.stats().segments;
    table.clear();
    assert!(table.is_empty());
    assert_eq!(table.iter().next(), None);
    assert_eq!(table.stats().segments, segments);
    for key in 0..5_000 {
        table.insert(key, key * 2);
    }
    holds(&table, 0..5_000);
    // The entries come in another order, so one or another segment may be full before its time.
    let more = table.stats().segments - segments;
    assert!(more * 20 <= segments, "{more} more than {segments}");
}

#[test]
fn large_values_never_pass_over_the_stack() {
    // A segment of these is far larger than a thread's stack.
    let mut table: DashTable<u32, [u64; 1500]> = DashTable::new();
    for key in 0..20 {
        table.insert(key, [u64::from(key); 1500]);
    }
    assert!(
        table
            .iter()
            .all(|(key, value)| value[1499] == u64::from(*key))
    );
}
