//! Rules for Rust files: headings, lengths, names, front doors, and where `unsafe` may be.

use crate::tidy::Finding;
use crate::tidy::tree::{File, Tree};

/// The most lines a file may have before its tests.
const FILE_LINES_MAX: usize = 400;

/// The most characters a line may have.
const LINE_CHARS_MAX: usize = 100;

/// Names that say nothing: what is in such a file belongs to a concept, and that has a name.
const FORBIDDEN_NAMES: &[&str] = &["utils", "common", "helpers", "manager"];

/// The files that may hold `unsafe`; `docs/style.md` says why each does.
const UNSAFE_IN: &[&str] = &[
    "aligned-io/src/buffer.rs",
    "aligned-io/src/ring.rs",
    "dash-table/src/fingerprint/neon.rs",
    "dash-table/src/fingerprint/sse2.rs",
    "dash-table/src/ranges.rs",
    "dash-table/src/ranges/iter.rs",
    "dash-table/src/slot/entries.rs",
    "dash-table/src/slot/search.rs",
    "dash-table/src/slot.rs",
    "epaxos-store/src/owned.rs",
    "shard-runtime/src/job.rs",
];

/// Every rule for every `.rs` file.
pub(crate) fn findings(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.ending(".rs") {
        findings.extend(heading(file));
        findings.extend(length(file));
        findings.extend(widths(file));
        findings.extend(names(file));
        findings.extend(unsafe_outside(file));
        if file.name() == "lib.rs" {
            findings.extend(front_door(file));
        }
    }
    findings
}

fn heading(file: File<'_>) -> Option<Finding> {
    let opens = file
        .text
        .strip_prefix("//! ")
        .is_some_and(|rest| !rest.trim_start().is_empty());
    (!opens).then(|| file.finding(1, "the file does not open with a `//!` sentence"))
}

fn length(file: File<'_>) -> Option<Finding> {
    if is_test(file.path) {
        return None;
    }
    let lines = lines_before_tests(file.text);
    (lines > FILE_LINES_MAX).then(|| {
        let what = format!("{lines} lines before the tests, at most {FILE_LINES_MAX} are allowed");
        file.finding(FILE_LINES_MAX + 1, what)
    })
}

/// Lines above the `#[cfg(test)]` that belongs to `mod tests {`, or all of them.
fn lines_before_tests(text: &str) -> usize {
    let mut attribute_at = None;
    for (index, line) in text.lines().enumerate() {
        if line == "#[cfg(test)]" {
            attribute_at = Some(index);
        } else if line.starts_with("mod tests") && line.ends_with('{') {
            return attribute_at.unwrap_or(index);
        } else if !line.starts_with("#[") {
            attribute_at = None;
        }
    }
    text.lines().count()
}

/// Integration tests and benches, which are tests from their first line on.
fn is_test(path: &str) -> bool {
    path.split('/')
        .any(|part| part == "tests" || part == "benches")
}

fn widths(file: File<'_>) -> Vec<Finding> {
    // An address cannot be broken, so a line that holds one may be as long as it is.
    file.lines()
        .filter(|(_, line)| line.chars().count() > LINE_CHARS_MAX && !line.contains("://"))
        .map(|(number, line)| {
            let chars = line.chars().count();
            file.finding(
                number,
                format!("{chars} characters, at most {LINE_CHARS_MAX} fit"),
            )
        })
        .collect()
}

fn names(file: File<'_>) -> Option<Finding> {
    let parts = file.path.trim_end_matches(".rs").split('/');
    let forbidden = parts.rev().find(|part| FORBIDDEN_NAMES.contains(part))?;
    Some(file.finding(1, format!("`{forbidden}` names no concept")))
}

/// `unsafe` needs an exception from the workspace's lint, so the exception is what to look for.
fn unsafe_outside(file: File<'_>) -> Vec<Finding> {
    if UNSAFE_IN.contains(&file.path) {
        return Vec::new();
    }
    file.lines()
        .filter(|(_, line)| {
            // Every second piece between quotes is text.
            let code = line.split('"').step_by(2).collect::<String>();
            let code = code.split("//").next().unwrap_or_default();
            let named = code.contains("unsafe_code");
            named && !code.contains("forbid(") && !code.contains("deny(")
        })
        .map(|(number, _)| file.finding(number, "`unsafe` is not allowed in this file"))
        .collect()
}

/// `lib.rs` exports by name, and has neither public modules nor globs.
fn front_door(file: File<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut in_export = false;
    for (number, line) in file.lines() {
        let code = line.trim_start();
        if code.starts_with("pub mod ") {
            let what = "`pub mod` in lib.rs; export the items by name";
            findings.push(file.finding(number, what));
        }
        in_export |= code.starts_with("pub use ");
        if in_export && code.contains('*') {
            let what = "a glob export in lib.rs; export the items by name";
            findings.push(file.finding(number, what));
        }
        in_export &= !code.ends_with(';');
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines<const N: usize>(files: [(&str, &str); N]) -> Vec<String> {
        findings(&Tree::from(files))
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    #[test]
    fn a_good_file_has_no_finding() {
        let lib = "//! Reads.\n#![forbid(unsafe_code)]\n\nmod a;\n\npub use crate::a::A;\n";
        assert_eq!(
            lines([("a/src/lib.rs", lib), ("a/build.rs", "//! Builds.\n")]),
            [""; 0]
        );
    }

    #[test]
    fn every_file_opens_with_a_sentence() {
        let finding = "1: the file does not open with a `//!` sentence";
        for text in [
            "",
            "use std::io;\n",
            "//!\n",
            "//! \n",
            "\n//! Late.\n",
            "/// Item.\n",
        ] {
            assert_eq!(
                lines([("a/tests/b.rs", text)]),
                [format!("a/tests/b.rs:{finding}")]
            );
        }
    }

    #[test]
    fn lines_are_counted_up_to_the_tests() {
        let body = "\n".repeat(FILE_LINES_MAX - 1);
        let tests = "#[cfg(test)]\n#[rustfmt::skip]\nmod tests {\n}\n";
        let full = format!("//! A.\n{body}{tests}");
        assert_eq!(lines([("a/src/a.rs", &full)]), [""; 0]);
        let over = format!("//! A.\n{body}\n{tests}");
        assert_eq!(
            lines([("a/src/a.rs", &over)]),
            ["a/src/a.rs:401: 401 lines before the tests, at most 400 are allowed"]
        );
        assert_eq!(
            lines([("a/tests/a.rs", &over), ("a/benches/a.rs", &over)]),
            [""; 0]
        );
    }

    #[test]
    fn code_for_tests_among_the_rest_does_not_end_the_count() {
        let text =
            "//! A.\n#[cfg(test)]\nfn seen() {}\n\nfn a() {}\n#[cfg(test)]\nmod tests {\n}\n";
        assert_eq!(lines_before_tests(text), 5);
        assert_eq!(lines_before_tests("//! A.\nfn a() {}\n"), 2);
    }

    #[test]
    fn lines_end_at_a_hundred_characters() {
        let fits = format!("//! {}\n", "ä".repeat(96));
        let over = format!("//! {}\n", "ä".repeat(97));
        let address = format!("//! https://example.org/{}\n", "a".repeat(97));
        assert_eq!(lines([("a/a.rs", &fits), ("a/b.rs", &address)]), [""; 0]);
        assert_eq!(
            lines([("a/a.rs", &over)]),
            ["a/a.rs:1: 101 characters, at most 100 fit"]
        );
    }

    #[test]
    fn names_that_say_nothing_are_refused_for_files_and_folders() {
        for (path, name) in [
            ("a/src/utils.rs", "utils"),
            ("a/tests/common/mod.rs", "common"),
            ("a/src/helpers.rs", "helpers"),
            ("a/src/manager/cut.rs", "manager"),
        ] {
            let finding = format!("{path}:1: `{name}` names no concept");
            assert_eq!(lines([(path, "//! A.\n")]), [finding]);
        }
        assert_eq!(lines([("a/src/common_prefix.rs", "//! A.\n")]), [""; 0]);
    }

    #[test]
    fn unsafe_stays_in_its_files() {
        let text = "//! A.\n#![expect(unsafe_code, reason = \"raw\")]\n";
        let spread = "//! A.\n#![expect(\n    unsafe_code,\n)]\n";
        for path in [
            "aligned-io/src/ring.rs",
            "dash-table/src/fingerprint/sse2.rs",
        ] {
            assert_eq!(lines([(path, text)]), [""; 0]);
        }
        assert_eq!(
            lines([
                ("aligned-io/src/pool.rs", text),
                ("forkless/src/main.rs", spread)
            ]),
            [
                "aligned-io/src/pool.rs:2: `unsafe` is not allowed in this file",
                "forkless/src/main.rs:3: `unsafe` is not allowed in this file",
            ]
        );
    }

    #[test]
    fn the_page_on_style_lists_the_files_with_unsafe() {
        let root = crate::workspace::Workspace::find().unwrap();
        let page = std::fs::read_to_string(root.root().join("docs/style.md")).unwrap();
        let listed = page
            .lines()
            .filter_map(|line| line.strip_prefix("- `")?.split('`').next());
        let listed = listed
            .filter(|path| path.contains("/src/"))
            .collect::<Vec<_>>();
        assert_eq!(listed, UNSAFE_IN);
    }

    #[test]
    fn a_front_door_exports_by_name() {
        let text = "//! A.\npub mod a;\npub use crate::a::*;\npub use crate::b::{\n    *\n};\n";
        assert_eq!(
            lines([("a/src/lib.rs", text)]),
            [
                "a/src/lib.rs:2: `pub mod` in lib.rs; export the items by name",
                "a/src/lib.rs:3: a glob export in lib.rs; export the items by name",
                "a/src/lib.rs:5: a glob export in lib.rs; export the items by name",
            ]
        );
        assert_eq!(lines([("a/src/main.rs", "//! A.\npub mod a;\n")]), [""; 0]);
    }
}
