//! Real servers of every line are the oracles: what each saves is read, shown, saved again for
//! every version, and loaded by every server that loads the version, equal key by key.
//!
//! `cargo xtask compat` runs it. `FORKLESS_SERVERS` names a folder with a folder for each server;
//! without it there is nothing to do.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![expect(clippy::print_stderr, reason = "a long test says where it is")]

#[path = "compat/line.rs"]
mod line;
#[path = "compat/outcomes.rs"]
mod outcomes;
#[path = "compat/part.rs"]
mod part;
mod server;
#[path = "compat/shown.rs"]
mod shown;
#[path = "compat/state.rs"]
mod state;

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Output};

use crate::line::Line;
use crate::outcomes::{Outcomes, Step};
use crate::part::Part;
use crate::server::{Server, ask};
use crate::state::State;

/// What is known not to be there yet. An entry that works is a failure, and must go.
const NOT_YET: &[(Step, Part)] = &[];

/// Every version that `save` writes and a server here loads, with other options for each.
const VERSIONS: &[(u32, &[&str])] = &[
    (9, &["--shards", "1"]),
    (10, &["--shards", "3", "--compress", "lzf"]),
    (11, &["--shards", "2"]),
    (12, &["--shards", "2", "--compress", "lzf"]),
    (80, &["--shards", "1", "--compress", "lzf"]),
];

fn forkless(arguments: &[&str], folder: &Path) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_forkless"));
    command.args(arguments).current_dir(folder);
    command.output().unwrap()
}

/// What the program says; its one line of error when it fails.
fn run(arguments: &[&str], folder: &Path) -> Result<String, String> {
    let output = forkless(arguments, folder);
    if output.status.success() {
        Ok(String::from_utf8(output.stdout).unwrap())
    } else {
        Err(String::from_utf8(output.stderr).unwrap().trim().to_owned())
    }
}

/// A server that has saved one part.
struct Source<'a> {
    line: &'a Line,
    part: Part,
    state: State,
    folder: &'a Path,
}

impl<'a> Source<'a> {
    /// Fills a server, remembers what it holds, and has it save that to `source.rdb`.
    fn make(line: &'a Line, part: Part, folder: &'a Path) -> Self {
        let server = Server::start(&line.program, folder, "source.rdb").unwrap();
        part.fill(&server);
        if part == Part::Classic {
            has_all_encodings(&server, line);
        }
        let state = State::of(&server);
        ask::<()>(&mut server.connect(0), "SAVE", &[]);
        Self {
            line,
            part,
            state,
            folder,
        }
    }

    fn check(&self) -> Result<(), String> {
        let databases: BTreeSet<_> = self
            .state
            .contents
            .keys()
            .map(|(number, _)| number)
            .collect();
        let keys = self.state.contents.len();
        let head = format!("ok: {keys} keys in {} databases, ", databases.len());
        let tail = format!(", RDB version {}", self.line.saves());
        let said = run(&["check", "source.rdb"], self.folder)?;
        if said.starts_with(&head) && said.trim_end().ends_with(&tail) {
            Ok(())
        } else {
            Err(format!("{said} instead of {head}..{tail}"))
        }
    }

    fn inspect(&self) -> Result<(), String> {
        let lines = run(&["inspect", "source.rdb", "--format", "jsonl"], self.folder)?;
        shown::compare(&lines, &self.state.contents)
    }

    /// Saves for a version that can hold the part; the file has the version's name.
    fn save(&self, version: u32, options: &[&str]) -> Result<(), String> {
        let (number, name) = (version.to_string(), file_name(version));
        let save = ["save", "source.rdb", &name, "--rdb-version", &number];
        run(&[&save, options].concat(), self.folder).map(drop)
    }

    /// Saves for a version that cannot hold the part: that must fail, and leave nothing.
    fn refuse(&self, version: u32, options: &[&str]) -> Result<(), String> {
        let Err(said) = self.save(version, options) else {
            return Err("was saved, although the version cannot hold it".to_owned());
        };
        if self.folder.join(file_name(version)).exists() {
            return Err("left a file".to_owned());
        }
        let mut keys = self.state.contents.keys();
        let names_key = keys.any(|(_, key)| said.contains(&*String::from_utf8_lossy(key)));
        if said.lines().count() == 1 && (names_key || self.part == Part::Functions) {
            Ok(())
        } else {
            Err(format!(
                "does not say in one line what cannot be held: {said}"
            ))
        }
    }

    /// Loads a file into a server and compares what it holds then.
    fn load(&self, file: &str, reader: &Line) -> Result<(), String> {
        let server = Server::start(&reader.program, self.folder, file)?;
        self.state.compare(&State::of(&server))
    }
}

fn file_name(version: u32) -> String {
    format!("version-{version}.rdb")
}

/// A server that lacks an encoding would make a test of less than it seems.
fn has_all_encodings(server: &Server, line: &Line) {
    let connection = &mut server.connect(0);
    let keys: Vec<Vec<u8>> = ask(connection, "KEYS", &[b"*"]);
    let found: BTreeSet<String> = keys
        .iter()
        .map(|key| ask(connection, "OBJECT", &[b"ENCODING", key]))
        .collect();
    let wanted = [
        "embstr",
        "hashtable",
        "int",
        "intset",
        "quicklist",
        "raw",
        "skiplist",
    ];
    let wanted = wanted.into_iter().chain([line.small_encoding()]);
    assert_eq!(found, wanted.map(str::to_owned).collect(), "{line}");
}

/// One part of one server, everywhere.
fn travel(source: &Source<'_>, lines: &[Line], outcomes: &mut Outcomes) {
    let Source { line, part, .. } = source;
    let (line, part) = (*line, *part);
    let readers = |version| {
        let knowing = lines.iter().filter(move |line| part.known_to(line));
        knowing.filter(move |line| line.loads(version))
    };
    for reader in readers(line.saves()) {
        let loaded = source.load("source.rdb", reader);
        outcomes.add(Step::Native, part, || format!("{line} in {reader}"), loaded);
    }
    outcomes.add(Step::Check, part, || line.to_string(), source.check());
    outcomes.add(Step::Inspect, part, || line.to_string(), source.inspect());
    for &(version, options) in VERSIONS {
        let what = || format!("{line} to version {version}");
        if !part.held_by(version, line) {
            outcomes.add(Step::Refuse, part, what, source.refuse(version, options));
            continue;
        }
        let saved = source.save(version, options);
        for reader in readers(version) {
            let file = file_name(version);
            let loaded = saved.clone().and_then(|()| source.load(&file, reader));
            outcomes.add(
                Step::Save,
                part,
                || format!("{} in {reader}", what()),
                loaded,
            );
        }
    }
}

#[test]
fn servers_load_what_was_saved_for_them() {
    let Some(folder) = std::env::var_os("FORKLESS_SERVERS") else {
        eprintln!("skipped: FORKLESS_SERVERS names no folder; `cargo xtask compat` does");
        return;
    };
    let lines = Line::all(folder.as_ref());
    let mut outcomes = Outcomes::default();
    for line in &lines {
        for part in Part::ALL.into_iter().filter(|part| part.known_to(line)) {
            let folder = tempfile::tempdir().unwrap();
            let source = Source::make(line, part, folder.path());
            travel(&source, &lines, &mut outcomes);
            eprintln!("{line}, {part}: {} keys", source.state.contents.len());
        }
    }
    eprint!("{}", outcomes.table());
    let surprises = outcomes.surprises(NOT_YET);
    assert!(surprises.is_empty(), "{}", surprises.join("\n"));
}

#[test]
fn servers_pass_over_marks() {
    let Some(folder) = std::env::var_os("FORKLESS_SERVERS") else {
        eprintln!("skipped: FORKLESS_SERVERS names no folder; `cargo xtask compat` does");
        return;
    };
    let ours = tempfile::tempdir().unwrap();
    let demo = ["demo", "--keys", "40000", "--json", "--out", "demo"];
    run(&demo, ours.path()).unwrap();
    let demo = ours.path().join("demo");
    let file = std::fs::read(demo.join("dump.rdb")).unwrap();
    let place = b"forkless-marks-at";
    assert!(file.windows(place.len()).any(|bytes| bytes == place));
    let mut sizes = BTreeSet::new();
    for line in &Line::all(folder.as_ref()) {
        let server = Server::start(&line.program, &demo, "dump.rdb").unwrap();
        sizes.insert(ask::<u64>(&mut server.connect(0), "DBSIZE", &[]));
    }
    assert!(sizes.len() == 1 && !sizes.contains(&0), "{sizes:?}");
}
