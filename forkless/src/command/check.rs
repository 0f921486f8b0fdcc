//! `check`: every byte of RDB files, read and verified.

use std::collections::BTreeSet;
use std::path::Path;

use rdb_format::{Event, ReadOptions};
use serde_json::{Value, json};

use crate::arguments::Check;
use crate::command::dump::Dump;
use crate::command::input::{Input, say};
use crate::error::CommandError;
use crate::output::{self, Output};

/// Verifies all files, also after a damaged one.
///
/// Verified are structure, counts, lengths and the checksum, in memory that does not grow with
/// the file. Not verified is what would need memory for whole values or for all keys: that the
/// members of a big set, the fields of a big hash and the keys of a database are unique.
pub(crate) fn run(arguments: &Check, output: &mut Output) -> Result<(), CommandError> {
    let paths = &arguments.paths;
    let mut verdicts = Vec::new();
    let mut last_error = None;
    let mut damaged = 0;
    for path in paths {
        match verify(path) {
            Ok(sound) => {
                let name = if paths.len() > 1 {
                    format!("{}: ", path.display())
                } else {
                    String::new()
                };
                output.line(format!("{name}{}", sound.line()))?;
                output.finish()?;
                verdicts.push(sound.json(path));
            }
            Err(error) => {
                if paths.len() > 1 {
                    say(&output::one_line(&error));
                }
                verdicts.push(damage_json(path, &error));
                damaged += 1;
                last_error = Some(error);
            }
        }
    }
    output.json(|| json!({ "files": verdicts }))?;
    output.finish()?;
    match last_error {
        None => Ok(()),
        Some(error) if paths.len() == 1 => Err(error),
        Some(_) => Err(CommandError::Damaged {
            damaged,
            files: paths.len(),
        }),
    }
}

/// What a file without damage holds, or a directory of them.
#[derive(Default)]
struct Sound {
    keys: u64,
    databases: BTreeSet<u32>,
    bytes: u64,
    version: u32,
    warnings: Vec<String>,
}

/// Reads the file at `path`, or the files of the directory there, from start to end; warnings go
/// to stderr at once.
fn verify(path: &Path) -> Result<Sound, CommandError> {
    let mut sound = Sound::default();
    for file in Dump::open(path)?.files() {
        let bar = output::bar(0, "check");
        let mut input = Input::open_file(&file, ReadOptions::default(), bar)?;
        let counted = count(&mut input, &mut sound.databases);
        sound.bytes += input.bytes();
        sound.version = sound.version.max(input.version());
        let warnings = input.close();
        sound.keys += counted?;
        sound.warnings.extend(warnings?);
    }
    Ok(sound)
}

/// The keys; adds the databases that hold any to `databases`.
fn count(input: &mut Input<'_>, databases: &mut BTreeSet<u32>) -> Result<u64, CommandError> {
    let mut keys = 0;
    let mut database = 0;
    // A stream may go back and forth between databases, but rarely does so at every key.
    let mut counted = None;
    while let Some(event) = input.next_event()? {
        match event {
            Event::SelectDb(number) => database = number,
            Event::Key(_) => {
                keys += 1;
                if counted != Some(database) {
                    databases.insert(database);
                    counted = Some(database);
                }
            }
            _ => {}
        }
    }
    Ok(keys)
}

impl Sound {
    fn line(&self) -> String {
        let Self {
            keys,
            databases,
            bytes,
            version,
            ..
        } = self;
        let databases = databases.len();
        format!("ok: {keys} keys in {databases} databases, {bytes} bytes, RDB version {version}")
    }

    fn json(&self, path: &Path) -> Value {
        json!({
            "path": path.display().to_string(),
            "ok": true,
            "keys": self.keys,
            "databases": self.databases.len(),
            "bytes": self.bytes,
            "rdb_version": self.version,
            "warnings": self.warnings,
        })
    }
}

fn damage_json(path: &Path, error: &CommandError) -> Value {
    let offset = match error {
        CommandError::Decode { source, .. } => Some(source.offset()),
        _ => None,
    };
    json!({
        "path": path.display().to_string(),
        "ok": false,
        "error": output::one_line(error),
        "offset": offset,
    })
}
