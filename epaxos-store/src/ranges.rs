//! All records in ranges of keys, for several readers at a time.

use std::collections::VecDeque;

use crate::codec::Kind;
use crate::error::StoreError;
use crate::snapshot::Snapshot;
use crate::view::Raw;

/// Records from `start` on, up to but without `end`, if there is one.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RecordRange {
    /// The first key.
    pub start: Vec<u8>,
    /// The key after the last; none if there is none.
    pub end: Option<Vec<u8>>,
}

impl Snapshot {
    /// Splits all records into at most so many ranges, one after the other. None is empty, and
    /// there are fewer only if there are fewer records.
    ///
    /// How many records a range has is not known. Each split takes the middle of the keys' bytes
    /// between two that are there, so ranges of evenly spread keys, or of numbers written out,
    /// have about as many. Costs three searches for each range.
    ///
    /// # Errors
    ///
    /// [`StoreError::Engine`] when RocksDB cannot read.
    pub fn record_ranges(&self, ranges_max: usize) -> Result<Vec<RecordRange>, StoreError> {
        let mut rows = self.view().rows(Kind::Record, &[], None)?;
        let mut spans = VecDeque::from_iter(Span::all(&mut rows)?);
        let mut starts = Vec::new();
        // Those that came first are the widest.
        while starts.len().saturating_add(spans.len()) < ranges_max {
            let Some(span) = spans.pop_front() else {
                break;
            };
            match span.split(&mut rows)? {
                Some(halves) => spans.extend(halves),
                None => starts.push(span.first),
            }
        }
        starts.extend(spans.into_iter().map(|span| span.first));
        starts.sort_unstable();
        let ends = starts.iter().skip(1).cloned().map(Some).chain([None]);
        let ranges = starts.iter().cloned().zip(ends);
        Ok(ranges
            .map(|(start, end)| RecordRange { start, end })
            .collect())
    }

    /// How many records a range has. Reads their keys, and values without looking at them.
    ///
    /// # Errors
    ///
    /// [`StoreError::Engine`] when RocksDB cannot read.
    pub fn count_records(&self, range: &RecordRange) -> Result<u64, StoreError> {
        let end = range.end.as_deref();
        let mut rows = self.view().rows(Kind::Record, &range.start, end)?;
        rows.seek(&range.start);
        let mut count = 0_u64;
        while rows.item()?.is_some() {
            count = count.saturating_add(1);
            rows.forward();
        }
        Ok(count)
    }
}

/// Records between two that are there, both included.
#[derive(Debug)]
struct Span {
    first: Vec<u8>,
    last: Vec<u8>,
}

impl Span {
    fn all(rows: &mut Raw<'_>) -> Result<Option<Self>, StoreError> {
        rows.seek(&[]);
        let first = key(rows)?;
        rows.seek_to_last();
        let last = key(rows)?;
        Ok(first.zip(last).map(|(first, last)| Self { first, last }))
    }

    /// Two halves, in order; none for a single record.
    fn split(&self, rows: &mut Raw<'_>) -> Result<Option<[Self; 2]>, StoreError> {
        if self.first == self.last {
            return Ok(None);
        }
        rows.seek(&middle(&self.first, &self.last));
        let Some(second) = key(rows)? else {
            return Ok(None);
        };
        rows.backward();
        Ok(key(rows)?.map(|before| {
            let half = |first: &Vec<u8>, last: &Vec<u8>| Self {
                first: first.clone(),
                last: last.clone(),
            };
            [half(&self.first, &before), half(&second, &self.last)]
        }))
    }
}

/// The key at the position.
fn key(rows: &Raw<'_>) -> Result<Option<Vec<u8>>, StoreError> {
    Ok(rows.item()?.map(|(key, _)| key.to_vec()))
}

/// Bytes above `first` and not above `last`, about in the middle; `first` is below `last`.
fn middle(first: &[u8], last: &[u8]) -> Vec<u8> {
    let shared = first.iter().zip(last).take_while(|(one, two)| one == two);
    let shared = shared.count();
    let number = |key: &[u8]| {
        let mut bytes = [0; 8];
        let rest = key.get(shared..).unwrap_or_default();
        for (byte, from) in bytes.iter_mut().zip(rest) {
            *byte = *from;
        }
        u64::from_be_bytes(bytes)
    };
    let (low, high) = (number(first), number(last));
    let half = high.saturating_sub(low).div_ceil(2);
    let mut middle = last.get(..shared).unwrap_or_default().to_vec();
    middle.extend_from_slice(&low.saturating_add(half).to_be_bytes());
    if first < middle.as_slice() && middle.as_slice() <= last {
        middle
    } else {
        last.to_vec()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;
    use crate::iter::Order;
    use crate::options::Options;
    use crate::store::Store;

    /// The ranges of a store with these keys, and how many records each has.
    fn ranges(keys: &BTreeSet<Vec<u8>>, ranges_max: usize) -> Vec<(RecordRange, u64)> {
        let folder = tempfile::tempdir().unwrap();
        let options = Options::new(crate::ReplicaId(1));
        let store = Store::open(folder.path(), &options).unwrap();
        let options = crate::TxnOptions::buffered();
        let set = |txn: &mut crate::Txn| keys.iter().try_for_each(|key| txn.set_kv(key, b"v"));
        store.transact(options, set).unwrap();
        let snapshot = store.snapshot();
        let ranges = snapshot.record_ranges(ranges_max).unwrap();
        let mut found = BTreeSet::new();
        let counted = ranges.into_iter().map(|range| {
            let records = snapshot
                .records(&range.start, range.end.as_deref(), Order::Ascending)
                .unwrap();
            let before = found.len();
            for record in records {
                assert!(found.insert(record.unwrap().0), "in two ranges");
            }
            let count = snapshot.count_records(&range).unwrap();
            assert_eq!(count, (found.len() - before) as u64);
            (range, count)
        });
        let counted = counted.collect();
        assert_eq!(found, *keys);
        counted
    }

    #[test]
    fn numbers_written_out_are_spread_over_all_ranges() {
        let keys = (0..10_000).map(|number| format!("user:{number:07}").into_bytes());
        let ranges = ranges(&keys.collect(), 16);
        assert_eq!(ranges.len(), 16);
        let most = ranges.iter().map(|(_, count)| *count).max().unwrap();
        assert!(most <= 10_000 / 16 * 4, "{most} in one");
    }

    proptest! {
        // A store for each.
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn every_record_is_in_one_range_and_none_is_empty(
            keys in proptest::collection::btree_set(
                proptest::collection::vec(prop_oneof![Just(0), Just(255), any::<u8>()], 0..12),
                0..40,
            ),
            ranges_max in 1..50_usize,
        ) {
            let ranges = ranges(&keys, ranges_max);
            prop_assert_eq!(ranges.len(), keys.len().min(ranges_max));
            prop_assert!(ranges.iter().all(|(_, count)| *count > 0));
        }
    }

    proptest! {
        #[test]
        fn the_middle_is_above_the_first_and_not_above_the_last(
            one in proptest::collection::vec(0..3_u8, 0..12),
            two in proptest::collection::vec(0..3_u8, 0..12),
        ) {
            let (first, last) = if one < two { (one, two) } else { (two, one) };
            if first < last {
                let middle = middle(&first, &last);
                prop_assert!(first < middle && middle <= last);
            }
        }
    }
}
