//! The data types behave as the collections of `std`, and views of them never change.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod contents;
mod delta;
mod hash;
mod history;
mod list;
#[cfg(planted)]
mod planted;
mod set;
mod sorted_set;
mod stream;
mod string;
mod view;

use forkless::Object;
use rdb_format::Value as Owned;
use snapshot::FromRdb;

use crate::contents::contents;

#[test]
fn repeated_members_of_a_file_count_once() {
    let fields = vec![
        (b"f".to_vec(), b"1".to_vec()),
        (b"f".to_vec(), b"2".to_vec()),
    ];
    let object = Object::from_rdb(Owned::Hash(fields), None).unwrap();
    let last = vec![(b"f".to_vec(), b"2".to_vec())];
    assert_eq!(contents(&object), Owned::Hash(last));
    let members = vec![(b"m".to_vec(), 1.0), (b"m".to_vec(), 2.0)];
    let object = Object::from_rdb(Owned::SortedSet(members), None).unwrap();
    assert_eq!(
        contents(&object),
        Owned::SortedSet(vec![(b"m".to_vec(), 2.0)])
    );
}
