//! A table goes through `serde` and comes back.
#![cfg(feature = "serde")]

use std::collections::BTreeMap;

use dash_table::DashTable;
use serde::Deserialize;
use serde::de::value::{Error, MapDeserializer};

type Table = DashTable<String, Vec<u32>>;

#[test]
fn a_table_comes_back_as_it_was() {
    let table: Table = (0..2_000).map(|n| (n.to_string(), vec![n; 3])).collect();
    let text = serde_json::to_string(&table).unwrap();
    assert_eq!(serde_json::from_str::<Table>(&text).unwrap(), table);
}

#[test]
fn it_is_a_map_like_any_other() {
    let table = DashTable::from([("one", 1), ("two", 2)]);
    let text = serde_json::to_string(&table).unwrap();
    let map: BTreeMap<String, u32> = serde_json::from_str(&text).unwrap();
    assert_eq!(map, BTreeMap::from([("one".into(), 1), ("two".into(), 2)]));
    assert_eq!(
        serde_json::from_str::<DashTable<String, u32>>("{}").unwrap(),
        DashTable::new()
    );
}

#[test]
fn of_equal_keys_the_last_value_stays() {
    let table: DashTable<String, u32> = serde_json::from_str(r#"{"a":1,"b":2,"a":3}"#).unwrap();
    assert_eq!((table.len(), table["a"]), (2, 3));
}

#[test]
fn what_is_no_map_is_refused() {
    assert!(serde_json::from_str::<Table>("[1,2]").is_err());
    assert!(serde_json::from_str::<Table>(r#"{"a":[1]"#).is_err());
}

/// Says that it has more entries than any memory holds, and has one.
struct Boaster(Option<(u32, u32)>);

impl Iterator for Boaster {
    type Item = (u32, u32);

    fn next(&mut self) -> Option<(u32, u32)> {
        self.0.take()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (usize::MAX, Some(usize::MAX))
    }
}

#[test]
fn the_claimed_length_is_not_believed() {
    let map = MapDeserializer::<_, Error>::new(Boaster(Some((1, 2))));
    let table: DashTable<u32, u32> = DashTable::deserialize(map).unwrap();
    assert_eq!((table.len(), table[&1]), (1, 2));
    assert!(table.memory_usage() < 8 << 20, "{}", table.memory_usage());
}
