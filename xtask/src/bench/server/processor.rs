//! The processor time that a process has used.

use std::fs;
use std::path::PathBuf;

use crate::failure::Failure;

/// What `/proc` counts in: the kernel's promise to programs, whatever its own clock.
const TICKS_PER_S: f64 = 100.0;

/// The seconds that all threads of a process have run, for it or in the kernel for it.
///
/// # Errors
///
/// [`Failure`] when there is no such process.
pub(crate) fn seconds(process: u32) -> Result<f64, Failure> {
    let path = PathBuf::from(format!("/proc/{process}/stat"));
    let text = fs::read_to_string(&path).map_err(Failure::file(&path))?;
    ticks(&text)
        .map(|ticks| ticks / TICKS_PER_S)
        .ok_or(Failure::Unexpected {
            from: path.display().to_string(),
            said: text,
        })
}

/// Fields 14 and 15; the second is the program's name in brackets, which may hold anything.
fn ticks(text: &str) -> Option<f64> {
    let (_, fields) = text.rsplit_once(')')?;
    let mut times = fields.split_whitespace().skip(11);
    let mut next = || times.next()?.parse::<f64>().ok();
    Some(next()? + next()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_kinds_of_time_are_counted_behind_any_name() {
        let text = "7 (a b) c) S 1 2 3 4 5 6 7 8 9 10 250 50 0 0 20";
        assert_eq!(ticks(text), Some(300.0));
        assert_eq!(ticks("7 (a) S 1"), None);
    }

    #[test]
    fn time_passes_for_who_works() {
        let before = seconds(std::process::id()).unwrap();
        while seconds(std::process::id()).unwrap() <= before {}
        assert!(matches!(seconds(u32::MAX), Err(Failure::File { .. })));
    }
}
