//! What is said: results on stdout, everything else on stderr.

use std::error::Error;
use std::io::{self, BufWriter, ErrorKind, Write};
use std::process::ExitCode;

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};

use crate::error::CommandError;

/// The exit code of wrong usage.
const WRONG_USAGE: u8 = 2;

/// Standard output, buffered.
pub(crate) struct Output {
    stdout: BufWriter<io::Stdout>,
    json: Json,
}

/// Whether a JSON object ends the output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Json {
    NotWanted,
    Wanted,
    /// It has been written.
    Written,
}

impl Output {
    pub(crate) fn stdout(json: Json) -> Self {
        Self {
            stdout: BufWriter::with_capacity(64 << 10, io::stdout()),
            json,
        }
    }

    /// Writes the last line, if it is wanted.
    pub(crate) fn json(&mut self, json: impl FnOnce() -> Value) -> Result<(), CommandError> {
        if self.json == Json::Wanted {
            self.json = Json::Written;
            self.line(json().to_string())?;
        }
        Ok(())
    }

    /// Writes one line.
    pub(crate) fn line(&mut self, line: impl AsRef<str>) -> Result<(), CommandError> {
        self.stdout.write_all(line.as_ref().as_bytes())?;
        self.stdout.write_all(b"\n")?;
        Ok(())
    }

    /// Makes what was written visible now.
    pub(crate) fn finish(&mut self) -> Result<(), CommandError> {
        Ok(self.stdout.flush()?)
    }

    /// Says on one line what failed, also as JSON if that is wanted and was not written; the exit
    /// code that goes with it.
    ///
    /// A reader of our output that went away is no failure worth a word.
    pub(crate) fn fail(mut self, error: &CommandError) -> ExitCode {
        if !matches!(error, CommandError::Stdout(cause) if cause.kind() == ErrorKind::BrokenPipe) {
            self.complain(&one_line(error));
        }
        ExitCode::FAILURE
    }

    /// Says on one line, in the same ways, that the program was called as it cannot be.
    pub(crate) fn refuse(mut self, complaint: &str) -> ExitCode {
        self.complain(complaint);
        ExitCode::from(WRONG_USAGE)
    }

    fn complain(&mut self, line: &str) {
        // When stdout or stderr is gone too, nobody is left to tell there.
        drop(writeln!(io::stderr(), "{line}"));
        drop(self.json(|| json!({ "error": line })));
        drop(self.finish());
    }
}

/// The error and all its causes, on one line.
pub(crate) fn one_line(error: &(dyn Error + 'static)) -> String {
    let mut line = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let said = cause.to_string();
        // A cause that its effect has quoted already need not be said twice.
        if !line.ends_with(&said) {
            line.push_str(": ");
            line.push_str(&said);
        }
        next = cause.source();
    }
    line.replace('\n', " ")
}

/// A progress bar on stderr, shown only on a terminal.
pub(crate) fn bar(length: u64, what: &'static str) -> ProgressBar {
    let bar = ProgressBar::new(length).with_message(what);
    let style = ProgressStyle::with_template(
        "{msg:>12} [{bar:32}] {human_pos}/{human_len} {per_sec} {eta}",
    );
    // The template is ours and sound; a bar in the default style would do as well.
    match style {
        Ok(style) => bar.with_style(style.progress_chars("=> ")),
        Err(_) => bar,
    }
}
