//! One way to read, whether inside of a transaction or from a snapshot.

use rocksdb::{
    DBPinnableSlice, DBRawIteratorWithThreadMode, ReadOptions, SnapshotWithThreadMode, Transaction,
};

use crate::codec::{Kind, decode_instance, open, open_number};
use crate::database::{Database, Engine, Namespace};
use crate::error::StoreError;
use crate::instance::{Instance, InstanceId};
use crate::iter::{InstanceIter, Order, RecordIter};
use crate::key::{StatusKey, instance_key};
use crate::options::Isolation;

/// What is read from.
#[derive(Clone, Copy)]
pub(crate) enum Source<'a> {
    Transaction(&'a Transaction<'a, Engine>, Isolation),
    Snapshot(&'a SnapshotWithThreadMode<'a, Engine>),
}

/// One namespace of a database, as a transaction or a snapshot sees it.
#[derive(Clone, Copy)]
pub(crate) struct View<'a> {
    pub(crate) database: &'a Database,
    pub(crate) namespace: Namespace,
    pub(crate) source: Source<'a>,
}

/// A key and its value, as they are stored.
pub(crate) type Row<'a> = (&'a [u8], &'a [u8]);

/// A position among the rows of one column family.
pub(crate) enum Raw<'a> {
    Transaction(DBRawIteratorWithThreadMode<'a, Transaction<'a, Engine>>),
    Snapshot(DBRawIteratorWithThreadMode<'a, Engine>),
}

impl<'a> View<'a> {
    /// The value of a row, as it is stored.
    pub(crate) fn row(
        &self,
        kind: Kind,
        key: &[u8],
    ) -> Result<Option<DBPinnableSlice<'a>>, StoreError> {
        let family = self.database.family(&self.namespace.family(kind))?;
        Ok(match self.source {
            Source::Transaction(transaction, isolation) => {
                let options = read_options(transaction, isolation);
                transaction.get_pinned_cf_opt(&family, key, &options)?
            }
            Source::Snapshot(snapshot) => {
                snapshot.get_pinned_cf_opt(&family, key, ReadOptions::default())?
            }
        })
    }

    /// The rows of a column family from `lower` on, up to but without `upper`.
    pub(crate) fn rows(
        &self,
        kind: Kind,
        lower: &[u8],
        upper: Option<&[u8]>,
    ) -> Result<Raw<'a>, StoreError> {
        let family = self.database.family(&self.namespace.family(kind))?;
        let mut options = match self.source {
            Source::Transaction(transaction, isolation) => read_options(transaction, isolation),
            Source::Snapshot(_) => ReadOptions::default(),
        };
        // Bounds, not a prefix: that lets neighbours through inside of a transaction.
        options.set_iterate_lower_bound(lower);
        if let Some(upper) = upper {
            options.set_iterate_upper_bound(upper);
        }
        Ok(match self.source {
            Source::Transaction(transaction, _) => {
                Raw::Transaction(transaction.raw_iterator_cf_opt(&family, options))
            }
            Source::Snapshot(snapshot) => {
                Raw::Snapshot(snapshot.raw_iterator_cf_opt(&family, options))
            }
        })
    }

    pub(crate) fn record(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let Some(value) = self.row(Kind::Record, key)? else {
            return Ok(None);
        };
        open(Kind::Record, key, &value).map(|contents| Some(contents.to_vec()))
    }

    pub(crate) fn instance(&self, id: InstanceId) -> Result<Option<Instance>, StoreError> {
        let key = instance_key(id);
        let Some(value) = self.row(Kind::Instance, &key)? else {
            return Ok(None);
        };
        decode_instance(&key, &value).map(Some)
    }

    pub(crate) fn status(&self, key: StatusKey) -> Result<Option<u64>, StoreError> {
        let key = key.to_bytes();
        let Some(value) = self.row(Kind::Status, &key)? else {
            return Ok(None);
        };
        open_number(&key, &value).map(Some)
    }

    pub(crate) fn records(
        &self,
        start: &[u8],
        end: Option<&[u8]>,
        order: Order,
    ) -> Result<RecordIter<'a>, StoreError> {
        let rows = self.rows(Kind::Record, start, end)?;
        Ok(RecordIter::new(rows, start, end, order))
    }

    /// The instances of `from`'s replica, from `from` on.
    pub(crate) fn instances(&self, from: InstanceId) -> Result<InstanceIter<'a>, StoreError> {
        let lower = instance_key(from);
        let upper = upper_bound(from);
        let rows = self.rows(
            Kind::Instance,
            &lower,
            upper.as_ref().map(<[u8; 16]>::as_slice),
        )?;
        Ok(InstanceIter::new(rows, from))
    }
}

/// The first key after all of an instance's replica; none if there can be no such key.
pub(crate) fn upper_bound(of: InstanceId) -> Option<[u8; 16]> {
    let replica = of.replica.to_ordered().checked_add(1)?;
    let replica = crate::instance::ReplicaId::from_ordered(replica);
    Some(instance_key(InstanceId { replica, index: 0 }))
}

/// Options that read what the transaction is to see. RocksDB looks at a transaction's snapshot
/// only if they carry it, and crashes if asked for one that was never taken.
pub(crate) fn read_options(
    transaction: &Transaction<'_, Engine>,
    isolation: Isolation,
) -> ReadOptions {
    let mut options = ReadOptions::default();
    if isolation == Isolation::Snapshot {
        options.set_snapshot(&transaction.snapshot());
    }
    options
}

impl Raw<'_> {
    pub(crate) fn seek(&mut self, key: &[u8]) {
        match self {
            Self::Transaction(raw) => raw.seek(key),
            Self::Snapshot(raw) => raw.seek(key),
        }
    }

    pub(crate) fn seek_for_prev(&mut self, key: &[u8]) {
        match self {
            Self::Transaction(raw) => raw.seek_for_prev(key),
            Self::Snapshot(raw) => raw.seek_for_prev(key),
        }
    }

    pub(crate) fn seek_to_last(&mut self) {
        match self {
            Self::Transaction(raw) => raw.seek_to_last(),
            Self::Snapshot(raw) => raw.seek_to_last(),
        }
    }

    pub(crate) fn forward(&mut self) {
        match self {
            Self::Transaction(raw) => raw.next(),
            Self::Snapshot(raw) => raw.next(),
        }
    }

    pub(crate) fn backward(&mut self) {
        match self {
            Self::Transaction(raw) => raw.prev(),
            Self::Snapshot(raw) => raw.prev(),
        }
    }

    /// The row at the position; none before the first and after the last.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the end is none, but a failure.
    pub(crate) fn item(&self) -> Result<Option<Row<'_>>, StoreError> {
        let (item, status) = match self {
            Self::Transaction(raw) => (raw.item(), raw.status()),
            Self::Snapshot(raw) => (raw.item(), raw.status()),
        };
        if item.is_none() {
            status?;
        }
        Ok(item)
    }
}
