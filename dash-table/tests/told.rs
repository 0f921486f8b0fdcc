//! Whoever follows a relaxed cut and looks up what was told has in the end what the table has.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::{BTreeMap, BTreeSet};

use dash_table::{Bucket, Cursor, Cut, DashTable, DefaultHashBuilder, Observer, Traversal};

/// What has been delivered and told since the follower looked last.
#[derive(Debug, Default)]
struct Heard {
    delivered: Vec<(u32, u32)>,
    told: BTreeSet<u32>,
}

impl Observer<u32, u32> for Heard {
    fn deliver(&mut self, _: Cut, bucket: Bucket<'_, u32, u32>) {
        for (&key, &value) in bucket.iter() {
            self.told.remove(&key);
            self.delivered.push((key, value));
        }
    }

    fn before_write(&mut self, _: Cut, key: &u32, _: Option<&u32>) {
        self.told.insert(*key);
    }
}

type Table = DashTable<u32, u32, DefaultHashBuilder, Heard>;

/// How a follower looks up a key that it was told of.
type LookUp = fn(&Table, u32, Cut) -> Option<u32>;

/// Writes to a table while a follower walks through it; whether that has the same in the end.
fn follows(seed: u64, look_up: LookUp) -> bool {
    let mut random = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut below = move |bound: u32| {
        random = random.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
        u32::try_from(random >> 40).unwrap() % bound
    };
    let mut table = Table::with_observer(Heard::default());
    for key in 0..900 {
        table.insert(key, key);
    }
    let cut = table.cut_relaxed();
    let (mut cursor, mut copy) = (Cursor::start(), BTreeMap::new());
    let mut is_done = false;
    while !is_done {
        for _ in 0..100 {
            let key = below(1900);
            if table.remove(&key).is_none() {
                table.insert(key, below(1000));
            }
        }
        // What stands where the traversal does leaves and comes back more than once.
        if below(8) == 0 {
            is_done = table.traverse(cut, &mut cursor, 1) == Traversal::Done;
        }
        let heard = std::mem::take(table.observer_mut());
        copy.extend(heard.delivered);
        for key in heard.told {
            match look_up(&table, key, cut) {
                Some(value) => drop(copy.insert(key, value)),
                None => drop(copy.remove(&key)),
            }
        }
    }
    copy == table.iter().map(|(&key, &value)| (key, value)).collect()
}

#[test]
fn follower_that_leaves_what_is_to_be_delivered_has_the_same_in_the_end() {
    let delivered: LookUp = |table, key, cut| table.get_delivered(&key, cut).copied();
    assert!((0..20).all(|seed| follows(seed, delivered)));
}

#[test]
fn follower_that_takes_it_ahead_may_keep_what_has_left() {
    let any: LookUp = |table, key, _| table.get(&key).copied();
    // Tables hash differently each time, so any number of seeds may go well; hardly ever this many.
    assert!(!(0..10_000).all(|seed| follows(seed, any)));
}
