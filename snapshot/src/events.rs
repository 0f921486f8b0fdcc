//! What snapshots and loads tell while nobody asks: events through `tracing`, counts through
//! `metrics`, each behind the feature of that name.

use std::time::Duration;

use crate::error::{LoadError, SnapshotError};
use crate::handle::Handle;
use crate::load::LoadReport;
use crate::report::Report;

/// Tells that a snapshot of so many keys has begun.
pub(crate) fn begun(keys: u64) {
    #[cfg(feature = "tracing")]
    tracing::info!(keys, "snapshot begun");
    #[cfg(feature = "metrics")]
    metrics::counter!("snapshot_begun_total").increment(1);
    let _ = keys;
}

/// Tells it if a snapshot could not be started.
pub(crate) fn started(started: Result<Handle, SnapshotError>) -> Result<Handle, SnapshotError> {
    if let Err(error) = &started {
        Ending::Failed(chain(error)).tell();
    }
    started
}

/// How a snapshot ended, or streams did: a copy, to be told after the lock around the outcome is
/// open.
#[derive(Debug)]
pub(crate) enum Ending {
    Completed(Figures),
    /// The error and its causes.
    Failed(String),
    Cancelled,
}

/// What is told of a snapshot that was completed.
#[derive(Debug)]
#[cfg_attr(
    not(any(feature = "tracing", feature = "metrics")),
    expect(dead_code, reason = "nobody is told")
)]
pub(crate) struct Figures {
    keys: u64,
    bytes: u64,
    riders: u64,
    buckets_by_traversal: u64,
    buckets_by_writes: u64,
    budget_bytes_used: usize,
    duration: Duration,
    cut_pause: Duration,
    publish: Duration,
}

impl Ending {
    pub(crate) fn of(outcome: &Result<Report, SnapshotError>) -> Self {
        match outcome {
            Ok(report) => Self::Completed(Figures {
                keys: report.keys,
                bytes: report.bytes,
                riders: report.riders,
                buckets_by_traversal: report.buckets_by_traversal,
                buckets_by_writes: report.buckets_by_writes,
                budget_bytes_used: report.budget_bytes_used,
                duration: report.duration,
                cut_pause: report.cut_pause,
                publish: report.publish,
            }),
            Err(SnapshotError::Cancelled) => Self::Cancelled,
            Err(error) => Self::Failed(chain(error)),
        }
    }

    /// Tells the end of a snapshot.
    pub(crate) fn tell(&self) {
        match self {
            Self::Completed(figures) => {
                #[cfg(feature = "tracing")]
                figures.trace();
                #[cfg(feature = "metrics")]
                figures.count();
                let _ = figures;
            }
            Self::Failed(error) => {
                #[cfg(feature = "tracing")]
                tracing::warn!(%error, "snapshot failed");
                #[cfg(feature = "metrics")]
                metrics::counter!("snapshot_failed_total").increment(1);
                let _ = error;
            }
            Self::Cancelled => {
                #[cfg(feature = "tracing")]
                tracing::info!("snapshot cancelled");
                #[cfg(feature = "metrics")]
                metrics::counter!("snapshot_cancelled_total").increment(1);
            }
        }
    }

    /// Tells the end of streams, which are no snapshot and are not counted as one.
    pub(crate) fn tell_of_streams(&self) {
        if let Self::Failed(error) = self {
            #[cfg(feature = "tracing")]
            tracing::info!(%error, "streams ended");
            let _ = error;
        }
    }
}

#[cfg(feature = "tracing")]
impl Figures {
    fn trace(&self) {
        tracing::info!(
            keys = self.keys,
            bytes = self.bytes,
            riders = self.riders,
            buckets_by_traversal = self.buckets_by_traversal,
            buckets_by_writes = self.buckets_by_writes,
            budget_bytes_used = self.budget_bytes_used,
            duration = ?self.duration,
            cut_pause = ?self.cut_pause,
            publish = ?self.publish,
            "snapshot completed"
        );
    }
}

#[cfg(feature = "metrics")]
impl Figures {
    fn count(&self) {
        use metrics::{counter, histogram};

        counter!("snapshot_completed_total").increment(1);
        counter!("snapshot_keys_total").increment(self.keys);
        counter!("snapshot_bytes_total").increment(self.bytes);
        counter!("snapshot_riders_total").increment(self.riders);
        counter!("snapshot_buckets_by_traversal_total").increment(self.buckets_by_traversal);
        counter!("snapshot_buckets_by_writes_total").increment(self.buckets_by_writes);
        #[expect(clippy::cast_precision_loss, reason = "budgets are below 2^53 bytes")]
        let used = self.budget_bytes_used as f64;
        histogram!("snapshot_budget_bytes_used").record(used);
        histogram!("snapshot_duration_seconds").record(self.duration);
        histogram!("snapshot_cut_pause_seconds").record(self.cut_pause);
        histogram!("snapshot_publish_seconds").record(self.publish);
    }
}

/// Tells how a load ended.
pub(crate) fn loaded(outcome: Result<LoadReport, LoadError>) -> Result<LoadReport, LoadError> {
    match &outcome {
        Ok(report) => {
            #[cfg(feature = "tracing")]
            tracing::info!(
                keys = report.keys,
                expired = report.expired,
                bytes = report.bytes,
                rdb_version = report.rdb_version,
                "loaded"
            );
            #[cfg(feature = "metrics")]
            {
                metrics::counter!("load_completed_total").increment(1);
                metrics::counter!("load_keys_total").increment(report.keys);
                metrics::counter!("load_bytes_total").increment(report.bytes);
                metrics::counter!("load_expired_keys_total").increment(report.expired);
            }
            let _ = report;
        }
        Err(error) => {
            let error = chain(error);
            #[cfg(feature = "tracing")]
            tracing::warn!(%error, "load failed");
            #[cfg(feature = "metrics")]
            metrics::counter!("load_failed_total").increment(1);
            let _ = error;
        }
    }
    outcome
}

/// Tells that a file with marks is read in order all the same.
pub(crate) fn doubted() {
    #[cfg(feature = "tracing")]
    tracing::debug!("the marks of the file are not right, or it is damaged: it is read in order");
}

/// Tells that the disk failed that keeps what was sent to replicas.
#[cfg(feature = "replication")]
pub(crate) fn backlog_failed(error: &std::io::Error) {
    let error = chain(error);
    #[cfg(feature = "tracing")]
    tracing::warn!(error, "frames that were sent are lost on the disk");
    let _ = error;
}

/// An error and its causes, in one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
