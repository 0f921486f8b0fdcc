//! A panic in foreign code leaves a valid table, and every value is dropped exactly once.

use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::hash::{BuildHasherDefault, Hash, Hasher};
use std::panic::{AssertUnwindSafe, catch_unwind};

use dash_table::{Bucket, Cursor, Cut, DashTable, Observer, Traversal};

thread_local! {
    /// Calls of foreign code left until one panics; none if it is `None`.
    static FUSE: Cell<Option<u32>> = const { Cell::new(None) };
    /// The values that live.
    static LIVE: RefCell<HashSet<u32>> = RefCell::new(HashSet::new());
}

fn burn() {
    let Some(left) = FUSE.get() else { return };
    if left == 0 {
        FUSE.set(None);
        // Silent, unlike `panic!`.
        std::panic::resume_unwind(Box::new("the fuse has burnt down"));
    }
    FUSE.set(Some(left - 1));
}

#[derive(Clone, Debug)]
struct Key(u32);

impl Hash for Key {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        burn();
        self.0.hash(hasher);
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        burn();
        self.0 == other.0
    }
}

impl Eq for Key {}

#[derive(Debug)]
struct Value(u32);

impl Value {
    fn new(id: u32) -> Self {
        assert!(LIVE.with_borrow_mut(|live| live.insert(id)));
        Self(id)
    }
}

impl Drop for Value {
    fn drop(&mut self) {
        assert!(
            LIVE.with_borrow_mut(|live| live.remove(&self.0)),
            "{} dropped twice",
            self.0
        );
        burn();
    }
}

struct Fragile;

impl Observer<Key, Value> for Fragile {
    fn deliver(&mut self, _: Cut, _: Bucket<'_, Key, Value>) {
        burn();
    }
}

/// Keeps two bits of the key, so that keys collide and chains form.
#[derive(Default)]
struct TwoBits(u64);

impl Hasher for TwoBits {
    fn finish(&self) -> u64 {
        self.0 & 3
    }

    fn write(&mut self, _: &[u8]) {
        unreachable!("keys are u32");
    }

    fn write_u32(&mut self, key: u32) {
        self.0 = u64::from(key);
    }
}

type Table<S> = DashTable<Key, Value, S, Fragile>;

/// Runs one operation with longer and longer fuses, until it gets through; the table must be whole
/// after every attempt.
fn survives<S>(entries: u32, fuse_step: usize, operation: impl Fn(&mut Table<S>, u32))
where
    S: std::hash::BuildHasher + Default,
{
    for fuse in (0..).step_by(fuse_step) {
        let mut table: Table<S> = DashTable::with_observer(Fragile);
        for id in 0..entries {
            table.insert(Key(id), Value::new(id));
        }
        table.cut();
        FUSE.set(Some(fuse));
        let outcome = catch_unwind(AssertUnwindSafe(|| operation(&mut table, entries)));
        let is_through = FUSE.take().is_some();
        assert!(outcome.is_ok() == is_through);

        assert_eq!(table.iter().count(), table.len());
        let keys: Vec<Key> = table.iter().map(|(key, _)| key.clone()).collect();
        for key in &keys {
            assert!(table.contains_key(key), "{key:?} is lost, fuse {fuse}");
        }
        let lives = LIVE.with_borrow(|live| table.iter().all(|(_, value)| live.contains(&value.0)));
        assert!(lives, "a dropped value is still in the table, fuse {fuse}");
        for key in keys {
            assert!(table.remove(&key).is_some());
        }
        assert!(table.is_empty());
        drop(table);
        assert!(
            LIVE.with_borrow(HashSet::is_empty),
            "a value has leaked, fuse {fuse}"
        );
        if is_through {
            return;
        }
    }
}

fn operations<S>(entries: u32)
where
    S: std::hash::BuildHasher + Default,
{
    survives::<S>(entries, 1, |table, entries| {
        // Enough to split at least once, whatever the fill.
        for id in entries..entries + 40 {
            table.insert(Key(id), Value::new(id));
        }
    });
    survives::<S>(entries, 1, |table, entries| {
        table.insert(Key(0), Value::new(entries));
    });
    survives::<S>(entries, 1, |table, _| {
        table.remove(&Key(0));
        table.get_mut(&Key(1));
    });
    survives::<S>(entries, 1, |table, _| table.clear());
    survives::<S>(entries, 1, |table, _| {
        table.retain(|key, _| {
            burn();
            key.0 % 3 == 0
        });
    });
    survives::<S>(entries, 1, |table, _| table.reserve(3_000));
    survives::<S>(entries, 7, |table, entries| {
        // Merges on the way, and delivers what that moves.
        for id in 0..entries - 5 {
            table.remove(&Key(id));
        }
        table.shrink_to_fit();
    });
    survives::<S>(entries, 1, |table, _| {
        let cut = table.open_cuts()[0];
        let mut cursor = Cursor::start();
        while table.traverse(cut, &mut cursor, 7) == Traversal::More {}
    });
}

#[test]
fn with_the_default_hasher() {
    operations::<dash_table::DefaultHashBuilder>(90);
}

#[test]
fn with_few_different_hashes() {
    operations::<BuildHasherDefault<TwoBits>>(70);
}

#[test]
fn a_split_that_panics_loses_nothing() {
    // The normal geometry splits somewhere in here; the tiny one has done so many times.
    survives::<dash_table::DefaultHashBuilder>(780, 11, |table, entries| {
        for id in entries..entries + 70 {
            table.insert(Key(id), Value::new(id));
        }
    });
}

/// What else a map can do.
fn map_operations<S>(entries: u32)
where
    S: std::hash::BuildHasher + Default,
{
    survives::<S>(entries, 1, |table, entries| {
        for id in entries..entries + 20 {
            table.entry(Key(id)).or_insert_with(|| Value::new(id));
        }
        table
            .entry(Key(entries))
            .insert_entry(Value::new(entries + 20));
        table
            .entry(Key(1))
            .and_modify(|_| burn())
            .or_insert_with(|| {
                unreachable!("the key is there");
            });
    });
    survives::<S>(entries, 1, |table, _| {
        table.iter_mut().for_each(|_| burn());
    });
    survives::<S>(entries, 1, |table, _| {
        let chosen = table.extract_if(|key, _| {
            burn();
            key.0 % 3 == 0
        });
        chosen.for_each(drop);
    });
    survives::<S>(entries, 1, |table, _| {
        table.drain().take(20).for_each(drop);
    });
}

#[test]
fn with_the_default_hasher_and_the_rest_of_the_api() {
    map_operations::<dash_table::DefaultHashBuilder>(60);
}

#[test]
fn with_few_different_hashes_and_the_rest_of_the_api() {
    map_operations::<BuildHasherDefault<TwoBits>>(60);
}
