//! Other programs: finding them, running them, and what they said.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::failure::Failure;

/// Runs `command` without input and gives back its standard output, trimmed at its end.
///
/// # Errors
///
/// [`Failure::Launch`] when it cannot start, [`Failure::Exit`] when it does not succeed.
pub(crate) fn output(command: &mut Command) -> Result<String, Failure> {
    let program = name(command);
    let output = command
        .stdin(Stdio::null())
        .output()
        .map_err(|source| Failure::Launch {
            program: program.clone(),
            source,
        })?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        return Err(Failure::Exit {
            program,
            status: output.status,
            said,
        });
    }
    Ok(String::from_utf8_lossy(&output.stdout)
        .trim_end()
        .to_owned())
}

/// Runs `command` without input; its output goes straight to the user.
///
/// # Errors
///
/// As [`output`].
pub(crate) fn show(command: &mut Command) -> Result<(), Failure> {
    let program = name(command);
    let status = command
        .stdin(Stdio::null())
        .status()
        .map_err(|source| Failure::Launch {
            program: program.clone(),
            source,
        })?;
    if status.success() {
        Ok(())
    } else {
        Err(Failure::Exit {
            program,
            status,
            said: String::new(),
        })
    }
}

/// The first file called `program` in the folders of `PATH`.
pub(crate) fn on_path(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|folder| folder.join(program))
        .find(|file| file.is_file())
}

/// The program and its arguments as one would type them, without its environment.
pub(crate) fn line(command: &Command) -> String {
    std::iter::once(command.get_program())
        .chain(command.get_args())
        .map(OsStr::to_string_lossy)
        .collect::<Vec<_>>()
        .join(" ")
}

fn name(command: &Command) -> String {
    let program = PathBuf::from(command.get_program());
    program
        .file_name()
        .unwrap_or(program.as_os_str())
        .to_string_lossy()
        .into_owned()
}

/// Writes a shell script that can be run at once.
///
/// Another program makes the file: while this one had it open for writing, a child that another
/// test forks would have it open too, and the kernel refuses to run such a file.
#[cfg(test)]
pub(crate) fn write_script(path: &std::path::Path, script: &str) {
    let text = path.with_extension("txt");
    std::fs::write(&text, format!("#!/bin/sh\n{script}\n")).unwrap();
    output(
        Command::new("install")
            .args(["-m", "755"])
            .arg(&text)
            .arg(path),
    )
    .unwrap();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn output_is_trimmed_at_its_end_only() {
        let said = output(Command::new("sh").args(["-c", "echo '  two  '; echo"])).unwrap();
        assert_eq!(said, "  two");
    }

    #[test]
    fn a_failing_program_is_named_with_what_it_said() {
        let failure = output(Command::new("sh").args(["-c", "echo broken >&2; exit 3"]));
        let text = failure.unwrap_err().to_string();
        assert!(
            text.starts_with("sh: ") && text.ends_with(": broken"),
            "{text}"
        );
    }

    #[test]
    fn a_program_that_is_not_there_cannot_start() {
        let failure = output(&mut Command::new("no-such-program-here")).unwrap_err();
        assert!(matches!(failure, Failure::Launch { .. }), "{failure}");
    }

    #[test]
    fn path_is_searched_for_files() {
        assert!(on_path("sh").is_some());
        assert_eq!(on_path("no-such-program-here"), None);
    }
}
