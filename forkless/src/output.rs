//! What is said: results on stdout, everything else on stderr.

use std::error::Error;
use std::io::{self, BufWriter, ErrorKind, Write};
use std::process::ExitCode;

use indicatif::{ProgressBar, ProgressStyle};

use crate::error::CommandError;

/// Standard output, buffered.
pub(crate) struct Output(BufWriter<io::Stdout>);

impl Output {
    pub(crate) fn stdout() -> Self {
        Self(BufWriter::with_capacity(64 << 10, io::stdout()))
    }

    /// Writes one line.
    pub(crate) fn line(&mut self, line: impl AsRef<str>) -> Result<(), CommandError> {
        self.0.write_all(line.as_ref().as_bytes())?;
        self.0.write_all(b"\n")?;
        Ok(())
    }

    /// Makes what was written visible now.
    pub(crate) fn finish(&mut self) -> Result<(), CommandError> {
        Ok(self.0.flush()?)
    }
}

/// Says on one line what failed; the exit code that goes with it.
///
/// A reader of our output that went away is no failure worth a word.
pub(crate) fn fail(error: &CommandError) -> ExitCode {
    if !matches!(error, CommandError::Stdout(cause) if cause.kind() == ErrorKind::BrokenPipe) {
        // When stderr is gone too, nobody is left to tell.
        drop(writeln!(io::stderr(), "{}", one_line(error)));
    }
    ExitCode::FAILURE
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
