//! Walks over the instances of one replica, and over records, in either direction.

use std::fmt;

use crate::codec::{Kind, decode_instance, open};
use crate::error::StoreError;
use crate::instance::{Instance, InstanceId, ReplicaId};
use crate::key::{instance_from_key, instance_key};
use crate::view::Raw;

/// The instances of one replica in the order of their indices.
///
/// The iterator stands between two instances, or before the first, where it starts, or after the
/// last. [`next`](Self::next) and [`prev`](Self::prev) give the instance that they step over, so
/// one after the other gives the same instance twice. Seeking costs a search; each step after it
/// is one step of the engine.
///
/// What it sees is the state when it was made, with the transaction's own writes if it is one's.
pub struct InstanceIter<'a> {
    rows: Raw<'a>,
    /// The first instance that may be seen.
    lower: InstanceId,
    gap: Gap,
    /// The instance that the engine's position is at; none if it must be sought.
    at: Option<InstanceId>,
}

/// A place between instances.
#[derive(Clone, Copy, Debug)]
enum Gap {
    Front,
    Back,
    Before(InstanceId),
    After(InstanceId),
}

impl<'a> InstanceIter<'a> {
    pub(crate) fn new(rows: Raw<'a>, lower: InstanceId) -> Self {
        Self {
            rows,
            lower,
            gap: Gap::Front,
            at: None,
        }
    }

    /// The replica whose instances these are.
    pub fn replica(&self) -> ReplicaId {
        self.lower.replica
    }

    /// Steps before the first instance with at least this index: it is the next.
    pub fn seek(&mut self, index: u64) {
        self.gap = Gap::Before(self.id(index.max(self.lower.index)));
        self.at = None;
    }

    /// Steps after the last instance with at most this index: it is the previous.
    pub fn seek_for_prev(&mut self, index: u64) {
        self.gap = Gap::After(self.id(index));
        self.at = None;
    }

    /// Steps before the first instance.
    pub fn seek_to_first(&mut self) {
        self.gap = Gap::Front;
        self.at = None;
    }

    /// Steps after the last instance.
    pub fn seek_to_last(&mut self) {
        self.gap = Gap::Back;
        self.at = None;
    }

    /// Steps over the next instance and gives it; none at the end.
    ///
    /// # Errors
    ///
    /// [`StoreError::Corruption`] for stored bytes that are wrong, [`StoreError::Engine`] when
    /// RocksDB cannot read on. A further step goes past the wrong instance.
    #[expect(
        clippy::should_implement_trait,
        reason = "it goes both ways and can be sought, unlike what is called an iterator there"
    )]
    pub fn next(&mut self) -> Result<Option<Instance>, StoreError> {
        match self.gap {
            Gap::Front => self.rows.seek(&instance_key(self.lower)),
            Gap::Back => return Ok(None),
            Gap::Before(id) if self.at == Some(id) => {}
            Gap::Before(id) => self.rows.seek(&instance_key(id)),
            Gap::After(id) if self.at == Some(id) => self.rows.forward(),
            Gap::After(id) => {
                let Some(index) = id.index.checked_add(1) else {
                    self.gap = Gap::Back;
                    return Ok(None);
                };
                self.rows.seek(&instance_key(self.id(index)));
            }
        }
        self.give(Gap::Back, Gap::After)
    }

    /// Steps back over the previous instance and gives it; none at the start.
    ///
    /// # Errors
    ///
    /// As [`next`](Self::next).
    pub fn prev(&mut self) -> Result<Option<Instance>, StoreError> {
        match self.gap {
            Gap::Front => return Ok(None),
            // Not to the end of everything: others may have more.
            Gap::Back => self.rows.seek_for_prev(&instance_key(self.id(u64::MAX))),
            Gap::After(id) if self.at == Some(id) => {}
            Gap::After(id) => self.rows.seek_for_prev(&instance_key(id)),
            Gap::Before(id) if self.at == Some(id) => self.rows.backward(),
            Gap::Before(id) => {
                let Some(index) = id.index.checked_sub(1) else {
                    self.gap = Gap::Front;
                    return Ok(None);
                };
                self.rows.seek_for_prev(&instance_key(self.id(index)));
            }
        }
        self.give(Gap::Front, Gap::Before)
    }

    /// The instance at the engine's position; the gap is then beyond it, or at the end.
    fn give(
        &mut self,
        end: Gap,
        beyond: fn(InstanceId) -> Gap,
    ) -> Result<Option<Instance>, StoreError> {
        let item = self.rows.item()?;
        let found = item.map(|(key, _)| instance_from_key(key)).transpose()?;
        // A transaction's own writes do not know of bounds.
        let within = found.filter(|id| id.replica == self.lower.replica && *id >= self.lower);
        let (Some((key, value)), Some(id)) = (item, within) else {
            self.gap = end;
            self.at = None;
            return Ok(None);
        };
        self.gap = beyond(id);
        self.at = Some(id);
        decode_instance(key, value).map(Some)
    }

    fn id(&self, index: u64) -> InstanceId {
        InstanceId {
            replica: self.lower.replica,
            index,
        }
    }
}

impl fmt::Debug for InstanceIter<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("InstanceIter")
            .field("lower", &self.lower)
            .field("gap", &self.gap)
            .finish_non_exhaustive()
    }
}

/// In which order records are read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Order {
    /// By key, the lowest first.
    Ascending,
    /// By key, the highest first.
    Descending,
}

/// Records in the order of their keys' bytes; each item is a key and its value, or what is wrong
/// with one. After a failure of the engine it ends.
pub struct RecordIter<'a> {
    rows: Raw<'a>,
    /// The lowest key, and the one above the highest, if there is an end.
    bounds: (Vec<u8>, Option<Vec<u8>>),
    order: Order,
    state: State,
}

#[derive(Debug, Eq, PartialEq)]
enum State {
    Before,
    At,
    Ended,
}

impl<'a> RecordIter<'a> {
    pub(crate) fn new(rows: Raw<'a>, start: &[u8], end: Option<&[u8]>, order: Order) -> Self {
        Self {
            rows,
            bounds: (start.to_vec(), end.map(<[u8]>::to_vec)),
            order,
            state: State::Before,
        }
    }

    fn step(&mut self) {
        let (start, end) = &self.bounds;
        match (&self.state, self.order, end) {
            (State::Ended, ..) => {}
            (State::Before, Order::Ascending, _) => self.rows.seek(start),
            (State::Before, Order::Descending, None) => self.rows.seek_to_last(),
            (State::Before, Order::Descending, Some(end)) => {
                self.rows.seek_for_prev(end);
                let is_at_end = matches!(self.rows.item(), Ok(Some((key, _))) if key == *end);
                if is_at_end {
                    self.rows.backward();
                }
            }
            (State::At, Order::Ascending, _) => self.rows.forward(),
            (State::At, Order::Descending, _) => self.rows.backward(),
        }
        self.state = State::At;
    }

    fn is_within(&self, key: &[u8]) -> bool {
        let (start, end) = &self.bounds;
        key >= start.as_slice() && end.as_ref().is_none_or(|end| key < end.as_slice())
    }
}

impl Iterator for RecordIter<'_> {
    type Item = Result<(Vec<u8>, Vec<u8>), StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.state == State::Ended {
            return None;
        }
        self.step();
        match self.rows.item() {
            // A transaction's own writes do not know of bounds.
            Ok(Some((key, value))) if self.is_within(key) => {
                let record = open(Kind::Record, key, value);
                Some(record.map(|contents| (key.to_vec(), contents.to_vec())))
            }
            Ok(_) => {
                self.state = State::Ended;
                None
            }
            Err(error) => {
                self.state = State::Ended;
                Some(Err(error))
            }
        }
    }
}

impl fmt::Debug for RecordIter<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("RecordIter")
            .field("order", &self.order)
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}
