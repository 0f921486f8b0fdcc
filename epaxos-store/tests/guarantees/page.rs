//! The page that states the guarantees names tests that are there.

use std::collections::BTreeSet;
use std::path::Path;

/// Adds the names of all functions under `folder`.
fn functions(folder: &Path, names: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            functions(&path, names);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = std::fs::read_to_string(&path).unwrap();
            let lines = text.lines().map(str::trim_start);
            let found = lines.filter_map(|line| line.strip_prefix("fn ")?.split_once('('));
            names.extend(found.map(|(name, _)| name.to_owned()));
        }
    }
}

#[test]
fn each_guarantee_of_the_page_names_tests_that_are_there() {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    // It is in the repository, and not in the published crate.
    let Ok(page) = std::fs::read_to_string(package.join("../docs/epaxos-store.md")) else {
        return;
    };
    let mut known = BTreeSet::new();
    for folder in ["src", "tests", "../snapshot/tests"] {
        functions(&package.join(folder), &mut known);
    }
    let (_, table) = page.split_once("| what holds | shown by |").unwrap();
    let rows = table
        .lines()
        .skip(2)
        .take_while(|line| line.starts_with('|'));
    let mut named = 0;
    for row in rows {
        let (_, shown_by) = row.trim_end_matches([' ', '|']).rsplit_once('|').unwrap();
        let tests = shown_by.split('`').skip(1).step_by(2).collect::<Vec<_>>();
        assert!(!tests.is_empty(), "no test: {row}");
        for test in tests {
            assert!(known.contains(test), "{test} is nowhere: {row}");
            named += 1;
        }
    }
    assert!(named > 20, "only {named} tests are named");
}
