//! `split` and `merge`: the keys of files into other files, every value as it is stored.

use std::path::Path;

use aligned_io::{FileSetWriter, WriterOptions};
use indicatif::{HumanBytes, HumanCount};
use rdb_format::{Dialect, ReadOptions, Target, Values};
use serde_json::json;

use crate::arguments::{Merge, Split};
use crate::command::convert::conversion::Conversion;
use crate::command::convert::converted::Converted;
use crate::command::convert::rules::Rules;
use crate::command::convert::run::{create, publish, walk};
use crate::command::convert::sink::Sink;
use crate::command::dump::{Dump, DumpFile, new_set_in};
use crate::command::input::Input;
use crate::command::inspect::Filter;
use crate::error::CommandError;
use crate::output::{self, Output};

/// Splits a dump into as many files as asked, each with the keys of one shard.
pub(crate) fn split(arguments: &Split, output: &mut Output) -> Result<(), CommandError> {
    let inputs = Dump::open(&arguments.input)?.files();
    let target = target_of(&inputs)?;
    let set = FileSetWriter::begin(new_set_in(&arguments.output)?).map_err(CommandError::File)?;
    let shards = 0..arguments.shards.get();
    let sinks = shards.map(|shard| {
        let member = set.create(&format!("{shard}.rdb"), &WriterOptions::default());
        let member = member.map_err(CommandError::File)?;
        let path = member.path().to_path_buf();
        Ok(Sink::new(&path, member))
    });
    let sinks = sinks.collect::<Result<Vec<_>, CommandError>>()?;
    let mut conversion = Conversion::new(
        Rules::as_stored(target),
        everything(),
        &arguments.input,
        sinks,
    );
    read_all(&inputs, "split", &mut conversion)?;
    let converted = conversion.end()?;
    let finished = converted.map(|member| member.finish().map_err(CommandError::File))?;
    let summary = Summary::of(&finished, target);
    let members = finished.streams.into_iter().map(|stream| stream.writer);
    let note = format!("keys {}", summary.keys);
    set.commit(members.collect(), &note)
        .map_err(CommandError::File)?;
    summary.describe(&arguments.output, output)
}

/// Merges a set of files into one.
pub(crate) fn merge(arguments: &Merge, output: &mut Output) -> Result<(), CommandError> {
    let inputs = Dump::open(&arguments.input)?.files();
    let target = target_of(&inputs)?;
    let bytes = inputs.iter().filter_map(|file| file.path.metadata().ok());
    let writer = create(&arguments.output, bytes.map(|about| about.len()).sum())?;
    let sinks = vec![Sink::new(&arguments.output, writer)];
    let mut conversion = Conversion::new(
        Rules::as_stored(target),
        everything(),
        &arguments.input,
        sinks,
    );
    read_all(&inputs, "merge", &mut conversion)?;
    let published = publish(conversion.end()?)?;
    Summary::of(&published, target).describe(&arguments.output, output)
}

fn everything() -> Filter {
    Filter::new(None, None, None)
}

fn raw() -> ReadOptions {
    ReadOptions {
        values: Values::Raw,
        ..ReadOptions::default()
    }
}

/// Hands everything in `inputs` to `conversion`.
fn read_all<'a>(
    inputs: &'a [DumpFile],
    name: &'static str,
    conversion: &mut Conversion<'a, impl std::io::Write>,
) -> Result<(), CommandError> {
    for file in inputs {
        let mut input = Input::open_file(file, raw(), output::bar(0, name))?;
        conversion.set_input(&file.path);
        let walked = walk(&mut input, conversion);
        let closed = input.close();
        walked?;
        closed?;
    }
    Ok(())
}

/// The target that holds what all of `inputs` do, as it is stored: of the highest version.
fn target_of(inputs: &[DumpFile]) -> Result<Target, CommandError> {
    let mut highest = Target::default();
    for DumpFile { path, .. } in inputs {
        let mut input = Input::open(path, raw(), output::bar(0, "read"))?;
        input.next_event()?;
        let version = input.version();
        let target = match input.dialect() {
            // Its own numbers begin at 80.
            Dialect::Valkey if version == 11 => Some(Target::Valkey8),
            _ if version <= Target::default().rdb_version() => Some(Target::default()),
            _ => Target::from_rdb_version(version),
        };
        let target = target.ok_or_else(|| CommandError::UnknownVersion {
            path: path.clone(),
            version,
        })?;
        if target.rdb_version() > highest.rdb_version() {
            highest = target;
        }
    }
    Ok(highest)
}

/// What was written, in numbers.
struct Summary {
    keys: u64,
    files: usize,
    bytes: u64,
    version: u32,
}

impl Summary {
    fn of<W>(converted: &Converted<W>, target: Target) -> Self {
        Self {
            keys: converted.keys(),
            files: converted.streams.len(),
            bytes: converted.bytes(),
            version: target.rdb_version(),
        }
    }

    fn describe(&self, path: &Path, output: &mut Output) -> Result<(), CommandError> {
        let Self {
            keys,
            files,
            bytes,
            version,
        } = *self;
        output.line(format!(
            "{}: {} keys in {files} file{}, {}, RDB version {version}",
            path.display(),
            HumanCount(keys),
            if files == 1 { "" } else { "s" },
            HumanBytes(bytes),
        ))?;
        output.json(|| {
            json!({
                "keys": keys,
                "files": files,
                "bytes": bytes,
                "rdb_version": version,
            })
        })
    }
}
