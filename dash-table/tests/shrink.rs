//! Shrinking: what merges, what does not, and that neither goes back and forth.

use std::hash::BuildHasher;

use dash_table::DashTable;

type Table = DashTable<u64, u64, foldhash::fast::FixedState>;

fn filled(entries: u64) -> Table {
    let mut table = Table::default();
    for key in 0..entries {
        table.insert(key, key * 2);
    }
    table
}

fn holds<S: BuildHasher>(table: &DashTable<u64, u64, S>, keys: std::ops::Range<u64>) {
    assert_eq!(table.len() as u64, keys.end - keys.start);
    for key in keys {
        assert_eq!(table.get(&key), Some(&(key * 2)));
    }
}

#[test]
fn an_emptied_table_becomes_as_small_as_a_new_one() {
    let mut table = filled(60_000);
    let (full, splits) = (table.memory_usage(), table.stats().splits);
    for key in 0..59_900 {
        assert_eq!(table.remove(&key), Some(key * 2));
    }
    holds(&table, 59_900..60_000);
    let stats = table.stats();
    assert!(stats.merges > splits * 9 / 10, "{stats:?}");
    assert!(
        stats.directory_entries <= 8 * stats.segments.max(1),
        "{stats:?}"
    );
    assert!(table.memory_usage() * 10 < full);
}

#[test]
fn shrinking_to_fit_leaves_no_segment_that_could_merge() {
    let mut table = filled(60_000);
    table.retain(|key, _| key % 20 == 0);
    assert_eq!(table.stats().merges, 0, "retain keeps the room");
    table.shrink_to_fit();
    let stats = table.stats();
    assert!(stats.entries * 2 > stats.slots / 2, "{stats:?}");
    assert!(table.iter().all(|(key, _)| key % 20 == 0));
    assert_eq!(table.iter().count(), 3_000);
    table.clear();
    table.shrink_to_fit();
    assert_eq!(table.memory_usage(), 0);
    table.insert(1, 2);
    holds(&table, 1..2);
}

#[test]
fn reserved_room_is_not_merged_away() {
    let mut table = Table::default();
    table.reserve(50_000);
    let segments = table.stats().segments;
    for key in 0..1_000 {
        table.insert(key, key * 2);
    }
    for key in 0..1_000 {
        table.remove(&key);
    }
    assert_eq!(table.stats().segments, segments);
    table.insert(1, 2);
    table.shrink_to_fit();
    assert_eq!(table.stats().segments, 1);
}

#[test]
fn a_table_that_breathes_does_not_split_and_merge_every_time() {
    let mut table = filled(50_000);
    let before = table.stats();
    for breath in 0..20 {
        // A tenth of the entries go, and others come.
        for key in breath * 5_000..(breath + 1) * 5_000 {
            table.remove(&key);
            table.insert(key + 50_000, (key + 50_000) * 2);
        }
    }
    let after = table.stats();
    holds(&table, 100_000..150_000);
    let reshaped = after.splits - before.splits + after.merges - before.merges;
    assert!(reshaped < before.splits / 2, "{before:?} {after:?}");
}

#[test]
fn a_split_never_follows_a_merge_before_many_inserts() {
    let mut table = filled(20_000);
    let (mut merges, mut since) = (0, u64::MAX);
    for round in 0..6 {
        for key in 100..20_000 {
            table.remove(&key);
        }
        merges = table.stats().merges.max(merges);
        let splits = table.stats().splits;
        for key in 100..20_000 {
            table.insert(key, key * 2);
            if table.stats().splits > splits {
                since = since.min(key - 100);
                break;
            }
        }
        for key in 100..20_000 {
            table.insert(key, key * 2);
        }
        holds(&table, 0..20_000);
        assert!(merges > 10 * round, "it merges every time");
    }
    // What has just been merged is at most two fifths full.
    assert!(since > 300, "{since} inserts");
}
