//! Snapshots of a replica's records: the same sinks, other producers.

use std::path::Path;
use std::time::Duration;

use super::Snapshot;
use super::start::Opened;
use crate::error::SnapshotError;
use crate::events;
use crate::handle::Handle;
use crate::outlet::Outlet;
use crate::records::{Range, Records};
use crate::sync::now;

impl Snapshot {
    /// Starts to write records into a file, which appears under `path` when it is whole and
    /// durable, as with [`to_file`](Self::to_file).
    ///
    /// Counts the records before this returns.
    ///
    /// # Errors
    ///
    /// When the file cannot be opened, or the records not be read.
    pub fn records_to_file(
        self,
        records: &Records,
        path: impl AsRef<Path>,
    ) -> Result<Handle, SnapshotError> {
        let path = path.as_ref();
        // What a killed process left of an earlier attempt only takes room; it may stay.
        drop(aligned_io::remove_leftovers(path));
        let writer = self.file_for_each(1).create(path);
        let started = writer.map_err(SnapshotError::from).and_then(|writer| {
            let outlets = vec![Outlet::File(Box::new(writer))];
            self.start_records(records, outlets)
        });
        events::started(started)
    }

    /// Starts to write records into any stream, as with [`to_writer`](Self::to_writer).
    ///
    /// # Errors
    ///
    /// When the records cannot be read.
    pub fn records_to_writer(
        self,
        records: &Records,
        writer: impl std::io::Write + Send + 'static,
    ) -> Result<Handle, SnapshotError> {
        let outlets = vec![Outlet::Stream(Box::new(writer))];
        events::started(self.start_records(records, outlets))
    }

    /// Starts to write records into several streams, each of them an RDB stream of its own with
    /// a part of the keys. It succeeds when all of them do.
    ///
    /// As with [`to_writers`](Self::to_writers), each has a thread that writes, and an equal part
    /// of the budget and of the pace.
    ///
    /// # Errors
    ///
    /// When the records cannot be read.
    pub fn records_to_writers<W: std::io::Write + Send + 'static>(
        self,
        records: &Records,
        writers: impl IntoIterator<Item = W>,
    ) -> Result<Handle, SnapshotError> {
        let outlet = |writer| Outlet::Stream(Box::new(writer) as Box<_>);
        let outlets = writers.into_iter().map(outlet).collect();
        events::started(self.start_records(records, outlets))
    }

    fn start_records(
        self,
        records: &Records,
        outlets: Vec<Outlet>,
    ) -> Result<Handle, SnapshotError> {
        let started = now();
        let ranges = records.ranges(outlets.len())?;
        let (parts, receivers) = self.channels(outlets.len(), records.threads());
        let opened = Opened {
            started,
            // The engine's snapshot was taken before, and stopped nobody.
            wait: Duration::ZERO,
            pause: None,
            producers: records.threads(),
            sizes: ranges.iter().map(Range::sizes).collect(),
        };
        let outlets = outlets.into_iter().zip(receivers).collect();
        let handle = self.sinks(opened, outlets, None, &parts.shared, &parts.pool)?;
        records.produce(ranges, &parts);
        Ok(handle)
    }
}
