//! Files that belong together are loaded together, or not at all.

use std::fs;
use std::path::{Path, PathBuf};

use aligned_io::FileSet;
use snapshot::LoadError;

use crate::tiny_store::{Model, patient, patient_load};
use crate::{file, served, start};

/// A set of the same 2000 keys, written by four shards.
fn set_of_files(folder: &Path) -> (PathBuf, Model) {
    let (bytes, model) = file();
    let shards = start(4);
    patient_load().from_reader(&bytes[..], &shards).unwrap();
    let path = folder.join("dump");
    let handle = patient().to_files(&shards, &path).unwrap();
    handle.wait().unwrap();
    (path, model)
}

fn member_paths(path: &Path) -> Vec<PathBuf> {
    let set = FileSet::open(path).unwrap();
    set.members().map(|(_, path)| path).collect()
}

#[test]
fn set_is_loaded_by_another_number_of_shards() {
    let folder = tempfile::tempdir().unwrap();
    let (path, model) = set_of_files(folder.path());
    for count in [1, 3, 7] {
        let shards = start(count);
        let report = patient_load().from_files(&path, &shards).unwrap();
        assert_eq!(report.keys, 2000);
        assert_eq!(served(&shards), model);
    }
}

#[test]
fn nothing_is_served_of_a_set_with_a_file_that_is_missing_damaged_or_another() {
    let folder = tempfile::tempdir().unwrap();
    let (path, _) = set_of_files(folder.path());
    let members = member_paths(&path);
    let whole = fs::read(&members[2]).unwrap();
    let other = fs::read(&members[1]).unwrap();
    let shards = start(2);
    let load = || patient_load().from_files(&path, &shards).unwrap_err();

    fs::remove_file(&members[2]).unwrap();
    let error = load();
    assert!(
        matches!(&error, LoadError::Open { path, .. } if *path == members[2]),
        "{error:?}"
    );
    // Another whole RDB file, one cut short, one that goes on after its end, a damaged one.
    let mut longer = whole.clone();
    longer.push(0);
    let mut flipped = whole.clone();
    flipped[100] ^= 4;
    for bytes in [
        &other,
        &whole[..whole.len() - 1].to_vec(),
        &longer,
        &flipped,
    ] {
        fs::write(&members[2], bytes).unwrap();
        let error = load();
        assert!(
            matches!(&error, LoadError::Stale { path, .. } if *path == members[2]),
            "{error:?}"
        );
        assert_eq!(served(&shards), Model::new());
    }
    fs::write(&members[2], &whole).unwrap();
    patient_load().from_files(&path, &shards).unwrap();
}

#[test]
fn set_without_a_manifest_is_none() {
    let folder = tempfile::tempdir().unwrap();
    let (path, _) = set_of_files(folder.path());
    fs::remove_file(path.with_extension("manifest")).unwrap();
    let error = patient_load().from_files(&path, &start(2)).unwrap_err();
    assert!(matches!(error, LoadError::Set(_)), "{error:?}");
}
