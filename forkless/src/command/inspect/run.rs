//! `inspect`: one walk over the file, shown as the user asked.

use std::io::{self, IsTerminal};

use indicatif::{HumanBytes, HumanCount, ProgressBar};
use rdb_format::{Event, Family, ReadOptions};

use crate::arguments::{Format, Inspect};
use crate::command::input::Input;
use crate::command::inspect::filter::Filter;
use crate::command::inspect::jsonl::{Line, NoForm};
use crate::command::inspect::key::Key;
use crate::command::inspect::summary::Summary;
use crate::command::inspect::table;
use crate::error::CommandError;
use crate::output::{self, Output};

pub(crate) fn run(arguments: &Inspect, output: &mut Output) -> Result<(), CommandError> {
    let mut input = Input::open(
        &arguments.path,
        ReadOptions::default(),
        bar(arguments.format),
    )?;
    let walked = walk(arguments, &mut input, output);
    let (bytes, version) = (input.bytes(), input.version());
    // What was shown before a damage stands before the word about it, and so do warnings.
    let closed = output.finish().and_then(|()| input.close());
    let summary = walked?;
    closed?;

    if arguments.format == Format::Table {
        output.line(format!(
            "{}: RDB version {version}, {}; {} keys",
            arguments.path.display(),
            HumanBytes(bytes),
            HumanCount(summary.total().keys),
        ))?;
        for line in table::lines(&summary) {
            output.line(line)?;
        }
    }
    output.json(|| {
        let mut json = summary.json();
        json.insert(
            "path".to_owned(),
            arguments.path.display().to_string().into(),
        );
        json.insert("bytes".to_owned(), bytes.into());
        json.insert("rdb_version".to_owned(), version.into());
        json.into()
    })
}

/// Reads the file to its end, shows the lines of keys that pass, and counts these.
fn walk(
    arguments: &Inspect,
    input: &mut Input<'_>,
    output: &mut Output,
) -> Result<Summary, CommandError> {
    let filter = Filter::new(arguments.db, arguments.key.as_deref(), arguments.family);
    let mut summary = Summary::new(arguments.top);
    let mut line = (arguments.format == Format::Jsonl).then(Line::default);
    let mut database = 0;
    // The key whose value is being read, if it passed.
    let mut shown: Option<Key> = None;
    while let Some(event) = input.next_event()? {
        match event {
            Event::SelectDb(number) => database = number,
            Event::Key(head) if filter.passes(database, &head) => {
                let key = Key::begin(database, &head);
                if let Some(line) = &mut line {
                    line.begin(database, &head)
                        .map_err(|NoForm| no_form(arguments, &key))?;
                }
                shown = Some(key);
            }
            Event::Element(element) => {
                let Some(key) = &mut shown else { continue };
                // A module's value comes in pieces, which are no elements.
                if key.family != Family::Module || key.elements == 0 {
                    key.elements += 1;
                }
                if let Some(line) = &mut line {
                    line.element(element)
                        .map_err(|NoForm| no_form(arguments, key))?;
                }
            }
            Event::Stream(part) => {
                if let (Some(_), Some(line)) = (&shown, &mut line) {
                    line.stream_part(part);
                }
            }
            Event::InsertIndex(index) => {
                if let (Some(_), Some(line)) = (&shown, &mut line) {
                    line.insert_index(index);
                }
            }
            Event::KeyEnd { encoded_bytes } => {
                let Some(mut key) = shown.take() else {
                    continue;
                };
                key.encoded_bytes = encoded_bytes;
                if let Some(line) = &mut line {
                    output.line(line.end())?;
                }
                summary.add(key);
            }
            _ => {}
        }
    }
    Ok(summary)
}

fn no_form(arguments: &Inspect, key: &Key) -> CommandError {
    CommandError::NoForm {
        path: arguments.path.clone(),
        offset: key.offset,
        type_name: key.family.name(),
    }
}

/// A bar, unless it would run through the lines on the same terminal.
fn bar(format: Format) -> ProgressBar {
    if format == Format::Jsonl && io::stdout().is_terminal() {
        ProgressBar::hidden()
    } else {
        output::bar(0, "inspect")
    }
}
