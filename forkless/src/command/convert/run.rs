//! `convert`: one walk over the file, and another file out of it.

use std::io::Write;
use std::path::Path;

use aligned_io::{AlignedWriter, Published, WriterOptions};
use indicatif::{HumanBytes, HumanCount};
use rdb_format::{ReadOptions, Values};
use serde_json::json;

use crate::arguments::Convert;
use crate::command::convert::conversion::Conversion;
use crate::command::convert::converted::Converted;
use crate::command::convert::rules::Rules;
use crate::command::convert::sink::Sink;
use crate::command::input::{Input, say};
use crate::command::inspect::Filter;
use crate::error::CommandError;
use crate::output::{self, Output};

pub(crate) fn run(arguments: &Convert, output: &mut Output) -> Result<(), CommandError> {
    let options = ReadOptions {
        values: Values::Raw,
        ..ReadOptions::default()
    };
    let mut input = Input::open(&arguments.input, options, output::bar(0, "convert"))?;
    let filter = Filter::new(arguments.db, arguments.key.as_deref(), arguments.family);
    // What is read is the best guess at what will be written, if all of it is.
    let expected_bytes = if filter.passes_all() {
        input.expected_bytes()
    } else {
        0
    };
    let rules = Rules {
        target: arguments.rdb_version,
        compress: arguments.compress.map(Into::into),
        losses: arguments.allow_loss.into(),
        skip_unsupported: arguments.skip_unsupported,
        keeps_sizes: true,
    };
    let writer = create(&arguments.output, expected_bytes)?;
    let sinks = vec![Sink::new(&arguments.output, writer)];
    let mut conversion = Conversion::new(rules, filter, &arguments.input, sinks);
    let walked = walk(&mut input, &mut conversion);
    let closed = input.close();
    walked?;
    closed?;
    let converted = publish(conversion.end()?)?;
    describe(arguments, &converted, output)
}

/// Begins a file of about `expected_bytes`, 0 when nothing is known, that appears when it is
/// whole and durable.
pub(crate) fn create(path: &Path, expected_bytes: u64) -> Result<AlignedWriter, CommandError> {
    let options = WriterOptions {
        preallocate_bytes: expected_bytes,
        ..WriterOptions::default()
    };
    let writer = options.create(path).map_err(CommandError::File)?;
    // What a killed process left of an earlier attempt only takes room.
    if let Err(error) = aligned_io::remove_leftovers(path) {
        say(&format!(
            "{}: warning: leftovers stay: {error}",
            path.display()
        ));
    }
    Ok(writer)
}

/// Has the one file appear.
pub(crate) fn publish(
    converted: Converted<AlignedWriter>,
) -> Result<Converted<Published>, CommandError> {
    converted.map(|writer| writer.publish().map_err(CommandError::File))
}

/// Hands every event of `input` to `conversion`.
pub(crate) fn walk(
    input: &mut Input<'_>,
    conversion: &mut Conversion<'_, impl Write>,
) -> Result<(), CommandError> {
    while let Some(event) = input.next_event()? {
        conversion.take(event)?;
        conversion.set_dialect(input.dialect());
    }
    Ok(())
}

fn describe(
    arguments: &Convert,
    converted: &Converted<Published>,
    output: &mut Output,
) -> Result<(), CommandError> {
    let version = arguments.rdb_version.rdb_version();
    let skipped = match converted.skipped {
        0 => String::new(),
        skipped => format!("; {} skipped", HumanCount(skipped)),
    };
    output.line(format!(
        "{}: {} keys ({} rewritten), {}, RDB version {version}{skipped}",
        arguments.output.display(),
        HumanCount(converted.keys()),
        HumanCount(converted.rewritten),
        HumanBytes(converted.bytes()),
    ))?;
    output.json(|| {
        json!({
            "keys": converted.keys(),
            "rewritten": converted.rewritten,
            "skipped": converted.skipped,
            "losses": converted.losses,
            "bytes": converted.bytes(),
            "rdb_version": version,
            "crc64": format!("{:016x}", converted.streams[0].crc64),
        })
    })
}
