//! Files of real servers, and of other dialects: whatever a target takes says the same there.
#![expect(clippy::print_stderr, reason = "a skipped test says so")]

use std::fs;
use std::path::PathBuf;

use crate::keys::{assert_same, keys, without_statistics};
use crate::program::{convert, forkless, text};

#[test]
fn corpus_files_say_the_same_after_conversion() {
    let Some(corpus) = std::env::var_os("FORKLESS_RDB_CORPUS").map(PathBuf::from) else {
        eprintln!("skipped: FORKLESS_RDB_CORPUS is not set");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let (mut compared, mut refused) = (0, Vec::new());
    for source in fs::read_dir(corpus).unwrap() {
        let source = source.unwrap().path();
        for file in fs::read_dir(&source).into_iter().flatten() {
            let file = file.unwrap().path();
            if file.extension().is_none_or(|extension| extension != "rdb")
                || !forkless(&["check", file.to_str().unwrap()], path)
                    .status
                    .success()
            {
                continue;
            }
            fs::copy(&file, path.join("in.rdb")).unwrap();
            let before = keys(path, "in.rdb");
            for version in ["14", "80", "12"] {
                for options in [
                    &["--rdb-version", version][..],
                    &["--rdb-version", version, "--compress", "none"],
                ] {
                    let done = convert(path, "out.rdb", options);
                    if done.status.success() {
                        let after = without_statistics(keys(path, "out.rdb"));
                        let before = without_statistics(before.clone());
                        let what = format!("{} to {options:?}", file.display());
                        assert_same(&after, &before, &what);
                        compared += 1;
                    } else {
                        refused.push(format!("{}: {}", file.display(), text(&done.stderr)));
                    }
                }
            }
        }
    }
    eprintln!("{compared} conversions compared, refused: {refused:#?}");
    assert!(compared > 300, "{compared}");
}
