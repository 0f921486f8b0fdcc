//! `store`: the store of an EPaxos replica, looked at, verified, sent and rebuilt.

use std::fs::File;
use std::io::{self, BufReader, Read, Write};
use std::path::Path;

use aligned_io::WriterOptions;
use epaxos_store::{Installation, Missing, Options, ReplicaId, Store, StoreError, StreamOptions};
use indicatif::ProgressBar;
use serde_json::{Value, json};

use crate::arguments::StoreCommand;
use crate::error::CommandError;
use crate::output::{Output, bar};

/// Runs one of the commands about a store.
pub(crate) fn run(command: &StoreCommand, output: &mut Output) -> Result<(), CommandError> {
    match command {
        StoreCommand::Inspect(arguments) => inspect(&arguments.path, output),
        StoreCommand::Verify(arguments) => verify(&arguments.path, output),
        StoreCommand::StreamOut(arguments) => {
            stream_out(&arguments.store, &arguments.output, output)
        }
        StoreCommand::StreamIn(arguments) => {
            let replica = ReplicaId(arguments.replica);
            stream_in(&arguments.store, &arguments.input, replica, output)
        }
    }
}

/// Opens a store that is there, whosever it is.
fn open(path: &Path) -> Result<Store, CommandError> {
    let failed = |source| CommandError::store(path, source);
    let replica = Store::owner(path).map_err(failed)?;
    let options = Options {
        missing: Missing::Refuse,
        ..Options::new(replica)
    };
    Store::open(path, &options).map_err(failed)
}

fn inspect(path: &Path, output: &mut Output) -> Result<(), CommandError> {
    let store = open(path)?;
    let mut rows = Vec::new();
    for replica in store.replicas() {
        let marks = store.watermarks(replica);
        rows.push(json!({
            "replica": replica.0,
            "max": marks.max,
            "executed_max": marks.executed_max,
            "executed_upto": marks.executed_upto,
            "purged_upto": marks.purged_upto,
            "deleted_upto": marks.deleted_upto,
        }));
    }
    let votes = if store.is_learner() {
        "does not vote"
    } else {
        "votes"
    };
    output.line(format!(
        "replica {}, opened {} times, {votes}",
        store.replica(),
        store.incarnation()
    ))?;
    output.line("replica  max  executed max  executed up to  purged up to  deleted up to")?;
    for row in &rows {
        let number = |name: &str| match &row[name] {
            Value::Null => "-".to_owned(),
            number => number.to_string(),
        };
        output.line(format!(
            "{:>7}  {:>3}  {:>12}  {:>14}  {:>12}  {:>13}",
            number("replica"),
            number("max"),
            number("executed_max"),
            number("executed_upto"),
            number("purged_upto"),
            number("deleted_upto"),
        ))?;
    }
    output.json(|| {
        json!({
            "replica": store.replica().0,
            "incarnation": store.incarnation(),
            "learner": store.is_learner(),
            "replicas": rows,
        })
    })
}

fn verify(path: &Path, output: &mut Output) -> Result<(), CommandError> {
    let store = open(path)?;
    let progress = ProgressBar::no_length().with_message("rows verified");
    let report = store
        .snapshot()
        .verify(|report| progress.set_position(report.records + report.instances));
    progress.finish_and_clear();
    let report = report.map_err(|source| CommandError::store(path, source))?;
    output.line(format!(
        "sound: {} records, {} instances, {} bytes",
        report.records, report.instances, report.bytes
    ))?;
    output.json(|| {
        json!({
            "records": report.records,
            "instances": report.instances,
            "bytes": report.bytes,
        })
    })
}

fn stream_out(path: &Path, to: &Path, output: &mut Output) -> Result<(), CommandError> {
    let store = open(path)?;
    // What stood there before stays until all of the stream is on the disk.
    let file = WriterOptions::default()
        .create(to)
        .map_err(CommandError::File)?;
    let progress = bar(0, "bytes sent");
    let mut counted = Counted {
        inner: file,
        progress: &progress,
    };
    let sent = store
        .snapshot()
        .stream_out(&mut counted, &StreamOptions::default());
    progress.finish_and_clear();
    let report = sent.map_err(|source| CommandError::store(path, source))?;
    counted.inner.publish().map_err(CommandError::File)?;
    output.line(format!(
        "{} records, {} instances, {} bytes",
        report.records, report.instances, report.bytes
    ))?;
    output.json(|| {
        json!({
            "replica": store.replica().0,
            "path": to.display().to_string(),
            "records": report.records,
            "instances": report.instances,
            "bytes": report.bytes,
        })
    })
}

fn stream_in(
    path: &Path,
    from: &Path,
    replica: ReplicaId,
    output: &mut Output,
) -> Result<(), CommandError> {
    let read = |source| CommandError::Read {
        path: from.to_owned(),
        source,
    };
    let file = File::open(from).map_err(read)?;
    let progress = bar(file.metadata().map_err(read)?.len(), "bytes read");
    let counted = Counted {
        inner: BufReader::with_capacity(1 << 20, file),
        progress: &progress,
    };
    let rebuilt = rebuild(path, counted, replica);
    progress.finish_and_clear();
    let store = rebuilt.map_err(|source| CommandError::store(path, source))?;
    output.line(format!(
        "replica {} is rebuilt, and does not vote until its protocol lets it",
        store.replica()
    ))?;
    output.json(|| {
        json!({
            "replica": store.replica().0,
            "path": path.display().to_string(),
            "learner": store.is_learner(),
            "replicas": store.replicas().len(),
        })
    })
}

fn rebuild(path: &Path, from: impl Read, replica: ReplicaId) -> Result<Store, StoreError> {
    let mut installation = Installation::begin(path, &Options::new(replica))?;
    installation.receive(from)?;
    installation.finish()
}

/// Tells a progress bar what passes through.
struct Counted<'a, T> {
    inner: T,
    progress: &'a ProgressBar,
}

impl<T: Read> Read for Counted<'_, T> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(bytes)?;
        self.progress.inc(count as u64);
        Ok(count)
    }
}

impl<T: Write> Write for Counted<'_, T> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.inner.write(bytes)?;
        self.progress.inc(count as u64);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}
