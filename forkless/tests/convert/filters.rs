//! Filters choose the keys of the other file.

use rdb_format::Target;
use serde_json::Value as Json;

use crate::file::sample;
use crate::keys::keys;
use crate::program::{converted, folder_with};

#[test]
fn filters_choose_keys() {
    let folder = folder_with(&sample(Target::Redis5));
    let path = folder.path();
    for (options, expected) in [
        (&["--key", "l*"][..], &["list"][..]),
        (&["--db", "5"], &["other"]),
        (&["--type", "string"], &["plain"]),
        (&["--db", "0"], &["plain", "list"]),
        (&["--db", "0", "--type", "set"], &[]),
    ] {
        let options = [&["--rdb-version", "11"], options].concat();
        converted(path, "out.rdb", &options);
        let names: Vec<Json> = keys(path, "out.rdb")
            .into_iter()
            .map(|mut key| key["key"].take())
            .collect();
        assert_eq!(names, expected, "{options:?}");
    }
}
