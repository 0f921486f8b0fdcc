//! What a file holds, counted by database and type.

use std::collections::BTreeMap;

use hdrhistogram::Histogram;
use rdb_format::Encoding;
use serde_json::{Map, Value, json};

use crate::command::inspect::biggest::Biggest;
use crate::command::inspect::json_bytes;
use crate::command::inspect::key::{Expiry, Key};

/// Databases counted apart; the keys of any others share one group for each type, so that a file
/// with a million databases takes no more memory than one with these.
const DATABASES_APART: usize = 64;

/// Decimal digits to which quantiles of sizes are exact.
const QUANTILE_DIGITS: u8 = 2;

/// The keys of a file, counted in constant memory.
#[derive(Debug)]
pub(crate) struct Summary {
    databases: Vec<u32>,
    groups: BTreeMap<(Database, &'static str), Group>,
    total: Group,
    biggest: Biggest,
}

/// Which database a group of keys is from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Database {
    Number(u32),
    /// One of those that are not counted apart.
    Other,
}

/// Keys counted together.
#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) keys: u64,
    /// Keys that are to expire, be that in the past.
    pub(crate) expiring: u64,
    /// Bytes of all keys in the file; of each from its type byte to the end of its value.
    pub(crate) encoded_bytes: u64,
    /// How many keys are in each encoding, in the order in which these were met.
    pub(crate) encodings: Vec<(Encoding, u64)>,
    /// Bytes of the biggest of the keys.
    pub(crate) biggest_bytes: u64,
    sizes: Histogram<u64>,
}

impl Summary {
    /// A summary of nothing yet, that will know its `top` biggest keys.
    pub(crate) fn new(top: usize) -> Self {
        Self {
            databases: Vec::new(),
            groups: BTreeMap::new(),
            total: Group::new(),
            biggest: Biggest::new(top),
        }
    }

    /// Counts a key.
    pub(crate) fn add(&mut self, key: Key) {
        let group = (self.database(key.database), key.family.name());
        self.groups
            .entry(group)
            .or_insert_with(Group::new)
            .add(&key);
        self.total.add(&key);
        self.biggest.offer(key);
    }

    /// All groups, by database, then by name of the type.
    pub(crate) fn groups(&self) -> impl Iterator<Item = (Database, &'static str, &Group)> {
        self.groups
            .iter()
            .map(|((database, family), group)| (*database, *family, group))
    }

    /// All keys as one group.
    pub(crate) fn total(&self) -> &Group {
        &self.total
    }

    /// The biggest keys, the biggest first.
    pub(crate) fn biggest(&self) -> impl Iterator<Item = &Key> {
        self.biggest.descending()
    }

    /// All of it, as the object that a program reads.
    pub(crate) fn json(&self) -> Map<String, Value> {
        let groups = self.groups().map(|(database, family, group)| {
            let mut json = group.json();
            let database = match database {
                Database::Number(number) => Value::from(number),
                Database::Other => Value::Null,
            };
            json.insert("db".to_owned(), database);
            json.insert("type".to_owned(), family.into());
            Value::from(json)
        });
        let biggest = self.biggest().map(|key| {
            json!({
                "db": key.database,
                "key": json_bytes::value(&key.name),
                "type": key.family.name(),
                "encoding": key.encoding.name(),
                "elements": key.elements,
                "encoded_bytes": key.encoded_bytes,
                "offset": key.offset,
            })
        });
        let mut json = self.total.json();
        json.insert("groups".to_owned(), groups.collect());
        json.insert("biggest".to_owned(), biggest.collect());
        json
    }

    fn database(&mut self, number: u32) -> Database {
        match self.databases.binary_search(&number) {
            Ok(_) => Database::Number(number),
            Err(place) if self.databases.len() < DATABASES_APART => {
                self.databases.insert(place, number);
                Database::Number(number)
            }
            Err(_) => Database::Other,
        }
    }
}

impl Group {
    fn new() -> Self {
        let sizes = Histogram::new(QUANTILE_DIGITS);
        let sizes = sizes.unwrap_or_else(|error| unreachable!("digits are in range: {error}"));
        Self {
            keys: 0,
            expiring: 0,
            encoded_bytes: 0,
            encodings: Vec::new(),
            biggest_bytes: 0,
            sizes,
        }
    }

    fn add(&mut self, key: &Key) {
        self.keys += 1;
        self.expiring += u64::from(key.expiry == Expiry::Set);
        self.encoded_bytes += key.encoded_bytes;
        match self
            .encodings
            .iter_mut()
            .find(|(encoding, _)| *encoding == key.encoding)
        {
            Some((_, keys)) => *keys += 1,
            None => self.encodings.push((key.encoding, 1)),
        }
        self.biggest_bytes = self.biggest_bytes.max(key.encoded_bytes);
        let recorded = self.sizes.record(key.encoded_bytes);
        assert!(recorded.is_ok(), "a histogram that grows takes every size");
    }

    /// The size that this share of the keys does not exceed, in bytes.
    ///
    /// Exact to 1 %, and never above the biggest.
    pub(crate) fn size_at(&self, share: f64) -> u64 {
        self.sizes.value_at_quantile(share).min(self.biggest_bytes)
    }

    fn json(&self) -> Map<String, Value> {
        let encodings: Map<String, Value> = self
            .encodings
            .iter()
            .map(|(encoding, keys)| (encoding.name().to_owned(), Value::from(*keys)))
            .collect();
        let json = [
            ("keys", Value::from(self.keys)),
            ("expiring", Value::from(self.expiring)),
            ("encoded_bytes", Value::from(self.encoded_bytes)),
            ("encodings", Value::from(encodings)),
            ("p50_bytes", Value::from(self.size_at(0.5))),
            ("p90_bytes", Value::from(self.size_at(0.9))),
            ("p99_bytes", Value::from(self.size_at(0.99))),
            ("max_bytes", Value::from(self.biggest_bytes)),
        ];
        json.into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use rdb_format::Family;

    use super::*;

    fn key(database: u32, number: u64, encoded_bytes: u64) -> Key {
        Key {
            database,
            name: format!("key:{number}").into_bytes(),
            family: Family::Hash,
            encoding: if number.is_multiple_of(2) {
                Encoding::Hashtable
            } else {
                Encoding::Listpack
            },
            expiry: if number < 3 {
                Expiry::Set
            } else {
                Expiry::Never
            },
            offset: number,
            elements: 1,
            encoded_bytes,
        }
    }

    #[test]
    fn keys_are_counted_in_their_group_and_in_all() {
        let mut summary = Summary::new(1);
        for number in 0..10 {
            summary.add(key(u32::from(number == 9), number, 100 + number));
        }
        let groups: Vec<_> = summary
            .groups()
            .map(|(db, name, g)| (db, name, g.keys))
            .collect();
        let (first, second) = (Database::Number(0), Database::Number(1));
        assert_eq!(groups, [(first, "hash", 9), (second, "hash", 1)]);
        let total = summary.total();
        assert_eq!(
            (total.keys, total.expiring, total.encoded_bytes),
            (10, 3, 1045)
        );
        assert_eq!(
            total.encodings,
            [(Encoding::Hashtable, 5), (Encoding::Listpack, 5)]
        );
        assert_eq!(
            summary.biggest().map(|key| key.offset).collect::<Vec<_>>(),
            [9]
        );
    }

    #[test]
    fn quantiles_are_exact_to_one_percent_and_the_biggest_is_exact() {
        let mut summary = Summary::new(0);
        for size in 1..=100_000 {
            summary.add(key(0, size, size * 10));
        }
        let total = summary.total();
        for (share, exact) in [(0.5, 500_000), (0.9, 900_000), (0.99, 990_000)] {
            let size = total.size_at(share);
            assert!(size.abs_diff(exact) * 100 <= exact, "{size} is not {exact}");
        }
        assert_eq!(total.biggest_bytes, 1_000_000);
    }

    #[test]
    fn one_key_is_every_quantile() {
        let mut summary = Summary::new(0);
        summary.add(key(0, 0, 123_457));
        for share in [0.5, 0.9, 0.99] {
            assert_eq!(
                summary.total().size_at(share),
                summary.total().biggest_bytes
            );
        }
    }

    #[test]
    fn any_size_is_counted() {
        let mut summary = Summary::new(0);
        summary.add(key(0, 0, 0));
        summary.add(key(0, 1, u64::MAX));
        let total = summary.total();
        assert_eq!((total.keys, total.biggest_bytes), (2, u64::MAX));
    }

    #[test]
    fn databases_beyond_the_bound_share_a_group() {
        let mut summary = Summary::new(0);
        for number in 0..1000 {
            summary.add(key(number % 500, u64::from(number), 1));
        }
        assert_eq!(summary.groups().count(), DATABASES_APART + 1);
        let (last, _, others) = summary.groups().last().unwrap();
        assert_eq!(
            (last, others.keys),
            (Database::Other, 1000 - 2 * DATABASES_APART as u64)
        );
        assert_eq!(summary.total().keys, 1000);
    }
}
