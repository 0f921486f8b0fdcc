//! The life of an instance after its execution: executed, purged at its leader, deleted.
//!
//! A leader purges an instance once it was executed for the retention time. The times are not
//! kept instance by instance: once a minute it is written down up to where all are executed.
//! Others delete what its leader says it purged and they have executed themselves.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::codec::{Kind, open_number, seal_number};
use crate::database::Batch;
use crate::error::StoreError;
use crate::failpoint;
use crate::instance::{InstanceId, ReplicaId};
use crate::key::{StatusField, StatusKey, instance_from_key, instance_key};
use crate::meta::Clock;
use crate::options::Durability;
use crate::status::raise_status;
use crate::store::Store;
use crate::watermark::{Tracker, after};

/// Instances deleted by one write.
const BATCH: u64 = 1000;

const MINUTE_SECS: u64 = 60;

/// What one [tick](Store::gc_tick) did.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct GcReport {
    /// Instances deleted.
    pub deleted: u64,
    /// True if more could be deleted at once, by another tick.
    pub has_more: bool,
}

impl Store {
    /// Takes note that `replica` needs its instances up to `upto` no more, nor does anyone: it
    /// announced its [`purged_upto`](crate::Watermarks::purged_upto).
    ///
    /// They are deleted here once they are executed here, too. A lower announcement, late or
    /// repeated, changes nothing.
    ///
    /// # Errors
    ///
    /// [`StoreError::OwnReplica`], and what [`Txn::commit`](crate::Txn::commit) returns.
    pub fn note_purged(&self, replica: ReplicaId, upto: u64) -> Result<(), StoreError> {
        if replica == self.replica() {
            return Err(StoreError::OwnReplica { replica });
        }
        let entry = (replica, StatusField::PurgedUpto, upto);
        raise_status(
            self.database(),
            self.space(),
            &[entry],
            Durability::Buffered,
        )?;
        self.raise(replica, |tracker| tracker.purged(upto));
        Ok(())
    }

    /// Marks what was executed long enough as purged, and deletes what may be deleted, at most
    /// [`purge_instances_max`](crate::Options::purge_instances_max) instances.
    ///
    /// `now` moves the store's own clock: ahead by at most
    /// [`clock_step_max`](crate::Options::clock_step_max) each time, never back. To be called
    /// every minute or so, by a [`Collector`](crate::Collector) or by whoever has a clock.
    /// Transactions go on meanwhile, and what iterators and snapshots see stays.
    ///
    /// # Errors
    ///
    /// What [`Txn::commit`](crate::Txn::commit) returns, and [`StoreError::Corruption`] for
    /// stored bytes that are wrong.
    pub fn gc_tick(&self, now: SystemTime) -> Result<GcReport, StoreError> {
        self.collect(now, self.options().purge_instances_max)
    }

    /// [`gc_tick`](Self::gc_tick) with another limit.
    pub(crate) fn collect(
        &self,
        now: SystemTime,
        instances_max: u64,
    ) -> Result<GcReport, StoreError> {
        let _one_at_a_time = self.collecting().lock();
        self.mark(now)?;
        let mut report = GcReport::default();
        for replica in self.replicas() {
            let left = instances_max.saturating_sub(report.deleted);
            self.advance_floor(replica, left)?;
            report.deleted = report.deleted.saturating_add(self.reclaim(replica, left)?);
            report.has_more |= self.has_more(replica);
        }
        self.database()
            .counters
            .instances_purged
            .add(report.deleted);
        if report.deleted > 0 {
            tracing::debug!(
                deleted = report.deleted,
                more = report.has_more,
                "instances deleted"
            );
        }
        Ok(report)
    }

    /// Moves the clock, writes down what is executed by now, and purges what was executed the
    /// retention time ago.
    fn mark(&self, now: SystemTime) -> Result<(), StoreError> {
        let snapshot = self.snapshot();
        let view = snapshot.view();
        let system_secs = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let clock = match Clock::read(&view)? {
            Some(clock) => clock.advanced(system_secs, self.options().clock_step_max.as_secs()),
            None => Clock {
                shown_secs: system_secs,
                system_secs,
            },
        };
        let mut batch = Batch::default();
        clock.put(&mut batch, self.database(), self.space())?;
        let family = self.database().family(&self.space().family(Kind::Status))?;
        let own = self.replica();
        let minute_key = |minute| StatusKey {
            replica: own,
            field: StatusField::ExecutedUptoAt { minute },
        };

        // What was executed when each minute ended that is old enough by now.
        let aged_secs = clock
            .shown_secs
            .saturating_sub(self.options().retention.as_secs());
        let ripe_minute = aged_secs / MINUTE_SECS;
        let mut purged = None;
        let lower = minute_key(0).to_bytes();
        let upper = minute_key(ripe_minute).to_bytes();
        let mut rows = view.rows(Kind::Status, &lower, Some(&upper))?;
        rows.seek(&lower);
        while let Some((key, value)) = rows.item()? {
            purged = purged.max(Some(open_number(key, value)?));
            batch.delete_cf(&family, key);
            rows.forward();
        }
        let mut put = |key: StatusKey, number| {
            let key = key.to_bytes();
            batch.put_cf(&family, &key, seal_number(&key, number));
        };
        if let Some(purged) = purged {
            let field = StatusField::PurgedUpto;
            put(
                StatusKey {
                    replica: own,
                    field,
                },
                purged,
            );
        }
        for replica in self.replicas() {
            let Some(executed) = self.watermarks(replica).executed_upto else {
                continue;
            };
            let field = StatusField::ExecutedUpto;
            put(StatusKey { replica, field }, executed);
            if replica == own && self.watermarks(own).purged_upto < Some(executed) {
                put(minute_key(clock.shown_secs / MINUTE_SECS), executed);
            }
        }
        self.database().write(batch, Durability::Buffered)?;
        if let Some(purged) = purged {
            self.raise(own, |tracker| tracker.purged(purged));
        }
        Ok(())
    }

    /// Lets readers know that instances are deleted, before they are. On disk first, or a
    /// crash could forget executions that the deleted instances were the log of, or ids.
    fn advance_floor(&self, replica: ReplicaId, instances_max: u64) -> Result<(), StoreError> {
        let marks = self.watermarks(replica);
        let Some(upto) = marks.purged_upto.min(marks.executed_upto) else {
            return Ok(());
        };
        let Some(first) = after(marks.deleted_upto) else {
            return Ok(());
        };
        let Some(last) = first.saturating_add(instances_max).checked_sub(1) else {
            return Ok(());
        };
        let floor = upto.min(last);
        if Some(floor) <= marks.deleted_upto {
            return Ok(());
        }
        failpoint::pass("purge.begin");
        let status = [
            (replica, StatusField::Max, marks.max.unwrap_or(floor)),
            (replica, StatusField::ExecutedUpto, upto),
            (replica, StatusField::DeletedUpto, floor),
        ];
        raise_status(self.database(), self.space(), &status, Durability::Sync)?;
        failpoint::pass("purge.marked");
        self.raise(replica, |tracker| tracker.deleted(floor));
        Ok(())
    }

    /// Deletes the instances up to the floor that are still there; how many.
    fn reclaim(&self, replica: ReplicaId, instances_max: u64) -> Result<u64, StoreError> {
        let Some((first, floor)) = self.unreclaimed(replica)? else {
            return Ok(0);
        };
        let family = self
            .database()
            .family(&self.space().family(Kind::Instance))?;
        let mut next = first;
        let end = floor.min(first.saturating_add(instances_max.saturating_sub(1)));
        while next <= end && instances_max > 0 {
            let last = end.min(next.saturating_add(BATCH - 1));
            let mut batch = Batch::default();
            for index in next..=last {
                batch.delete_cf(&family, instance_key(InstanceId { replica, index }));
            }
            match self.database().write(batch, Durability::Buffered) {
                // Somebody is looking at one of them: another time.
                Err(error) if error.is_retryable() => break,
                outcome => outcome?,
            }
            failpoint::pass("purge.batch");
            self.raise(replica, |tracker| tracker.reclaimed_upto = Some(last));
            let Some(after_last) = last.checked_add(1) else {
                return Ok(last.saturating_sub(first).saturating_add(1));
            };
            next = after_last;
        }
        Ok(next.saturating_sub(first))
    }

    /// The first instance up to the floor that is still there, and the floor.
    fn unreclaimed(&self, replica: ReplicaId) -> Result<Option<(u64, u64)>, StoreError> {
        let (reclaimed, floor) = {
            let mut trackers = self.trackers().lock();
            let tracker = trackers.entry(replica).or_default();
            (tracker.reclaimed_upto, tracker.marks().deleted_upto)
        };
        let (Some(floor), Some(next)) = (floor, after(reclaimed)) else {
            return Ok(None);
        };
        if reclaimed.is_some() {
            return Ok((next <= floor).then_some((next, floor)));
        }
        // After a start, nobody remembers how far the last process came.
        let lower = instance_key(InstanceId { replica, index: 0 });
        let upper = instance_key(InstanceId {
            replica,
            index: floor.saturating_add(1),
        });
        let snapshot = self.snapshot();
        let mut rows = snapshot.view().rows(Kind::Instance, &lower, Some(&upper))?;
        rows.seek(&lower);
        if let Some((key, _)) = rows.item()? {
            return Ok(Some((instance_from_key(key)?.index, floor)));
        }
        self.raise(replica, |tracker| tracker.reclaimed_upto = Some(floor));
        Ok(None)
    }

    fn has_more(&self, replica: ReplicaId) -> bool {
        let trackers = self.trackers().lock();
        trackers.get(&replica).is_some_and(|tracker| {
            let deleted = tracker.marks().deleted_upto;
            deleted < tracker.deletable_upto() || tracker.reclaimed_upto < deleted
        })
    }

    pub(crate) fn raise(&self, replica: ReplicaId, raise: impl FnOnce(&mut Tracker)) {
        raise(self.trackers().lock().entry(replica).or_default());
    }
}
