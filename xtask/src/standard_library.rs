//! How sanitized programs get the standard library: compiled with the sanitizer, or as it comes.

use std::path::Path;
use std::process::Command;

use crate::failure::Failure;
use crate::program;

/// The line that brings the library's source.
const REMEDY: &str = "rustup +nightly component add rust-src";

/// How the standard library is linked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Library {
    /// Compiled without the sanitizer. `ThreadSanitizer` does not see what its threads, locks and
    /// channels order, unless that is done in generic code.
    AsItComes,
    /// Compiled with the sanitizer, as everything else is.
    FromSource,
}

impl Library {
    /// From its source, where the nightly toolchain has that.
    ///
    /// # Errors
    ///
    /// [`Failure::Exit`] without the nightly toolchain.
    pub(crate) fn find() -> Result<Self, Failure> {
        let mut rustc = Command::new("rustup");
        let sysroot =
            program::output(rustc.args(["run", "nightly", "rustc", "--print", "sysroot"]))?;
        Ok(Self::of_sysroot(Path::new(sysroot.trim())))
    }

    fn of_sysroot(sysroot: &Path) -> Self {
        let source = sysroot.join("lib/rustlib/src/rust/library/std/Cargo.toml");
        if source.is_file() {
            Self::FromSource
        } else {
            Self::AsItComes
        }
    }

    /// Which one it is, in a line for the user.
    pub(crate) fn told(self) -> String {
        match self {
            Self::AsItComes => format!(
                "the standard library is linked as it comes, without sanitizer; to have it \
                 compiled with it: {REMEDY}"
            ),
            Self::FromSource => "the standard library is compiled with the sanitizer".to_owned(),
        }
    }

    /// Why what only runs with the library from its source is left out; `None` when it is not.
    pub(crate) fn left_out(self) -> Option<String> {
        match self {
            Self::AsItComes => Some(format!("wants the source of the library: {REMEDY}")),
            Self::FromSource => None,
        }
    }

    /// What cargo is told.
    pub(crate) fn cargo_arguments(self) -> &'static [&'static str] {
        match self {
            Self::AsItComes => &[],
            Self::FromSource => &["-Zbuild-std"],
        }
    }

    /// What rustc is told, blanks in between.
    pub(crate) fn rustc_flags(self, sanitizer: &str) -> String {
        let flag = format!("-Zsanitizer={sanitizer}");
        match self {
            // Else code with and without sanitizer may not be linked together.
            Self::AsItComes => format!("{flag} -Cunsafe-allow-abi-mismatch=sanitizer"),
            Self::FromSource => flag,
        }
    }

    /// What `ThreadSanitizer` must not report, in its own language.
    pub(crate) fn suppressions(self) -> &'static str {
        match self {
            Self::AsItComes => SUPPRESSIONS,
            Self::FromSource => "",
        }
    }
}

/// What `ThreadSanitizer` must not report of a standard library that comes compiled without it: its
/// generic code is instrumented where it is used, the rest is not.
const SUPPRESSIONS: &str = "\
# The last owner of an `Arc` meets the others by a fence, which ThreadSanitizer does not know.
# Only a library compiled for it uses a load instead.
race:alloc::sync::Arc*::drop_slow
race:drop_glue<alloc::sync::Arc<std::thread::thread::Inner
# The test harness hands over tests and what became of them through locks of its own. No pattern
# may be a frame of a test itself, as `test::run_test` is: it would hide all that the test does.
race:Mutex<core::option::Option<test::run_test
race:MaybeUninit<test::event::CompletedTest>
# `mpsc` keeps those who wait behind a lock inside the library.
race:std::sync::mpmc::waker::
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn source_in_the_sysroot_is_used() {
        let sysroot = tempfile::tempdir().unwrap();
        assert_eq!(Library::of_sysroot(sysroot.path()), Library::AsItComes);
        let std = sysroot.path().join("lib/rustlib/src/rust/library/std");
        std::fs::create_dir_all(&std).unwrap();
        assert_eq!(Library::of_sysroot(sysroot.path()), Library::AsItComes);
        std::fs::write(std.join("Cargo.toml"), "").unwrap();
        assert_eq!(Library::of_sysroot(sysroot.path()), Library::FromSource);
    }

    #[test]
    fn who_lacks_the_source_is_told_the_line_that_brings_it() {
        assert!(Library::AsItComes.told().ends_with(REMEDY));
        assert!(Library::AsItComes.left_out().unwrap().ends_with(REMEDY));
        assert!(!Library::FromSource.told().contains(REMEDY));
        assert_eq!(Library::FromSource.left_out(), None);
    }

    #[test]
    fn code_without_sanitizer_is_linked_only_when_the_library_is() {
        assert!(
            Library::AsItComes
                .rustc_flags("thread")
                .contains("-Cunsafe-allow")
        );
        assert_eq!(
            Library::FromSource.rustc_flags("address"),
            "-Zsanitizer=address"
        );
    }

    #[test]
    fn no_suppression_is_a_frame_of_every_test() {
        let frames = [
            "test::run_test::{closure#0}",
            "test::run_test_in_process::{closure#0}",
            "test::__rust_begin_short_backtrace::<core::result::Result<(), String>>",
            "std::thread::lifecycle::spawn_unchecked::<test::run_test::{closure#1}, ()>",
        ];
        let patterns: Vec<_> = SUPPRESSIONS
            .lines()
            .filter_map(|line| line.strip_prefix("race:"))
            .collect();
        assert_eq!(patterns.len(), 5);
        for pattern in patterns {
            let in_order = |frame: &str| {
                let mut rest = Some(frame);
                for part in pattern.split('*') {
                    rest = rest.and_then(|rest| Some(rest.split_once(part)?.1));
                }
                rest.is_some()
            };
            assert!(!frames.iter().any(|frame| in_order(frame)), "{pattern}");
        }
    }
}
