//! A table as a map of `serde`, behind the feature `serde`.

use core::fmt;
use core::hash::{BuildHasher, Hash};
use core::marker::PhantomData;

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::observer::Observer;
use crate::table::DashTable;

/// As a map, its entries in no particular order.
impl<K: Serialize, V: Serialize, S, O> Serialize for DashTable<K, V, S, O> {
    fn serialize<To: Serializer>(&self, serializer: To) -> Result<To::Ok, To::Error> {
        serializer.collect_map(self)
    }
}

/// From a map; of equal keys the last one's value stays.
///
/// The length that the input claims is a hint: room for no more than a MiB of entries is made
/// before the entries come.
impl<'de, K, V, S, O> Deserialize<'de> for DashTable<K, V, S, O>
where
    K: Deserialize<'de> + Hash + Eq,
    V: Deserialize<'de>,
    S: BuildHasher + Default,
    O: Observer<K, V> + Default,
{
    fn deserialize<From: Deserializer<'de>>(deserializer: From) -> Result<Self, From::Error> {
        deserializer.deserialize_map(Entries(PhantomData))
    }
}

/// What makes a table of a map's entries.
struct Entries<K, V, S, O>(PhantomData<DashTable<K, V, S, O>>);

impl<'de, K, V, S, O> Visitor<'de> for Entries<K, V, S, O>
where
    K: Deserialize<'de> + Hash + Eq,
    V: Deserialize<'de>,
    S: BuildHasher + Default,
    O: Observer<K, V> + Default,
{
    type Value = DashTable<K, V, S, O>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a map")
    }

    fn visit_map<From: MapAccess<'de>>(self, mut map: From) -> Result<Self::Value, From::Error> {
        let mut table = DashTable::default();
        let trusted = TRUSTED_BYTES / size_of::<(K, V)>().max(1);
        table.reserve(map.size_hint().unwrap_or(0).min(trusted));
        while let Some((key, value)) = map.next_entry()? {
            table.insert(key, value);
        }
        Ok(table)
    }
}

/// Room for so many bytes of entries is made because the input says so.
const TRUSTED_BYTES: usize = 1 << 20;
