//! Tables that databases had before they were emptied.

use super::{Keyspace, Table};
use crate::error::SnapshotError;
use crate::value::Value;

impl<V: Value> Keyspace<V> {
    /// Empties database `number`, and gives back the table it had, to drop. O(1).
    ///
    /// If snapshots under way still need the table, it is kept aside for them: `None`, and
    /// [`take_retired`](Self::take_retired) gives it back later. No later snapshot sees it. Streams
    /// end with [`TableGone`](SnapshotError::TableGone): to tell that its keys are gone they would
    /// have to name them all.
    pub fn retire(&mut self, number: u32) -> Option<Table<V>> {
        if self.databases.contains_key(&number) {
            self.end_feeds(|| SnapshotError::TableGone { database: number });
        }
        let table = self.databases.remove(&number)?;
        if table.open_cuts().is_empty() {
            return Some(table);
        }
        self.retired.push(table);
        None
    }

    /// The tables that were [retired](Self::retire) while snapshots needed them, and that none
    /// needs any more.
    pub fn take_retired(&mut self) -> Vec<Table<V>> {
        let free = |table: &mut Table<V>| table.open_cuts().is_empty();
        self.retired.extract_if(.., free).collect()
    }
}

#[cfg(test)]
mod tests {
    use rdb_format::Value as Stored;

    use super::*;
    use crate::key::Key;
    use crate::owned::Owned;

    fn filled() -> Keyspace<Owned> {
        let mut keyspace = Keyspace::new();
        for number in [0, 3] {
            let value = Owned::new(Stored::String(b"value".to_vec()), None);
            keyspace
                .database(number)
                .insert(Key::from(&b"key"[..]), value);
        }
        keyspace
    }

    #[test]
    fn table_that_nobody_needs_is_given_back_at_once() {
        let mut keyspace = filled();
        assert_eq!(keyspace.retire(3).map(|table| table.len()), Some(1));
        assert!(keyspace.retire(3).is_none() && keyspace.retire(7).is_none());
        assert_eq!((keyspace.len(), keyspace.database(3).len()), (1, 0));
    }

    #[test]
    fn table_that_a_cut_needs_is_kept_aside_until_it_is_closed() {
        let mut keyspace = filled();
        let cut = keyspace.database(0).cut();
        assert!(keyspace.retire(0).is_none());
        assert_eq!((keyspace.len(), keyspace.databases().count()), (1, 1));
        assert!(keyspace.take_retired().is_empty());
        keyspace.retired[0].close(cut);
        assert_eq!(keyspace.take_retired().len(), 1);
        assert!(keyspace.take_retired().is_empty());
    }
}
