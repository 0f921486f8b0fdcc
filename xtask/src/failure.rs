//! Why a command could not do its work.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;

use crate::tidy::Finding;

/// Why a command could not do its work; its text is what the user reads.
#[derive(Debug)]
pub(crate) enum Failure {
    /// A program could not be started at all.
    Launch { program: String, source: io::Error },
    /// A program ran and failed; `said` is what it left on standard error.
    Exit {
        program: String,
        status: ExitStatus,
        said: String,
    },
    /// A file or folder could not be read or written.
    File { path: PathBuf, source: io::Error },
    /// Something must be there first, and `remedy` is the line that brings it.
    Missing { what: String, remedy: String },
    /// Another program answered with something else than was asked for.
    Unexpected { from: String, said: String },
    /// A fuzz target found an input that it must not; it is kept in a file.
    Crash { target: String, artifact: PathBuf },
    /// Rules of tidiness are broken.
    Untidy { findings: Vec<Finding> },
    /// Checks failed; each was told when it ran and the totals stand on the last line.
    Counted { failed: u64 },
}

impl Failure {
    /// A closure for `map_err` that adds the path an I/O error lacks.
    pub(crate) fn file(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| Self::File { path, source }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Launch { program, source } => write!(out, "cannot start {program}: {source}"),
            Self::Exit {
                program,
                status,
                said,
            } if said.is_empty() => {
                write!(out, "{program}: {status}")
            }
            Self::Exit {
                program,
                status,
                said,
            } => write!(out, "{program}: {status}: {said}"),
            Self::File { path, source } => write!(out, "{}: {source}", path.display()),
            Self::Missing { what, remedy } => write!(out, "{what}; to get it: {remedy}"),
            Self::Unexpected { from, said } => write!(out, "unexpected from {from}: {said}"),
            Self::Crash { target, artifact } => {
                write!(out, "{target} fails on {}", artifact.display())
            }
            Self::Untidy { findings } => {
                for finding in findings {
                    writeln!(out, "{finding}")?;
                }
                write!(out, "{} findings", findings.len())
            }
            Self::Counted { failed } => write!(out, "{failed} failed"),
        }
    }
}

impl std::error::Error for Failure {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Launch { source, .. } | Self::File { source, .. } => Some(source),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_part_names_its_remedy() {
        let failure = Failure::Missing {
            what: "redis-server is not installed".to_owned(),
            remedy: "apt-get install redis-server".to_owned(),
        };
        assert_eq!(
            failure.to_string(),
            "redis-server is not installed; to get it: apt-get install redis-server"
        );
    }

    #[test]
    fn a_file_error_names_its_path() {
        let error = io::Error::from(io::ErrorKind::NotFound);
        let failure = Failure::file(Path::new("docs/rdb.md"))(error);
        assert!(failure.to_string().starts_with("docs/rdb.md: "));
    }
}
