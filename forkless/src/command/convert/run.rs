//! `convert`: one walk over the file, and another file out of it.

use indicatif::{HumanBytes, HumanCount};
use rdb_format::{ReadOptions, Values};
use serde_json::json;

use crate::arguments::Convert;
use crate::command::convert::conversion::{Conversion, Converted};
use crate::command::convert::sink::Sink;
use crate::command::input::Input;
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
    let sink = Sink::create(&arguments.output, expected_bytes)?;
    let mut conversion = Conversion::new(arguments, filter, sink);
    let walked = walk(&mut input, &mut conversion);
    let closed = input.close();
    walked?;
    closed?;
    let converted = conversion.publish()?;
    describe(arguments, &converted, output)
}

fn walk(input: &mut Input<'_>, conversion: &mut Conversion<'_>) -> Result<(), CommandError> {
    while let Some(event) = input.next_event()? {
        conversion.take(event)?;
        conversion.set_dialect(input.dialect());
    }
    Ok(())
}

fn describe(
    arguments: &Convert,
    converted: &Converted,
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
        HumanCount(converted.keys),
        HumanCount(converted.rewritten),
        HumanBytes(converted.bytes),
    ))?;
    if arguments.json {
        let json = json!({
            "keys": converted.keys,
            "rewritten": converted.rewritten,
            "skipped": converted.skipped,
            "losses": converted.losses,
            "bytes": converted.bytes,
            "rdb_version": version,
            "crc64": format!("{:016x}", converted.crc64),
        });
        output.line(json.to_string())?;
    }
    Ok(())
}
