//! What fuzzing found worth keeping, through the same checks as the fuzz targets, and the samples.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

#[path = "fuzzed/mod.rs"]
mod fuzzed;
mod samples;

use rdb_format::Reader;

use crate::fuzzed::TARGETS;

/// The corpus; it is in the repository, and not in the published crate.
fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus")
}

fn in_repository() -> bool {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fuzz/Cargo.toml")
        .exists()
}

#[test]
fn every_kept_input_passes_its_check() {
    if !in_repository() {
        return;
    }
    let mut files = 0;
    let mut folders = BTreeSet::new();
    for (target, check) in TARGETS {
        folders.insert((*target).to_owned());
        for entry in std::fs::read_dir(corpus().join(target)).unwrap() {
            check(&std::fs::read(entry.unwrap().path()).unwrap());
            files += 1;
        }
    }
    let on_disk = std::fs::read_dir(corpus()).unwrap();
    let on_disk: BTreeSet<_> = on_disk
        .map(|folder| folder.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(on_disk, folders, "each folder belongs to a target");
    assert!(files >= 100, "only {files} inputs");
}

#[test]
fn the_manifest_has_the_same_targets() {
    if !in_repository() {
        return;
    }
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/Cargo.toml");
    let manifest = std::fs::read_to_string(manifest).unwrap();
    let paths = manifest
        .lines()
        .filter_map(|line| line.strip_prefix("path = \"fuzz_targets/"));
    let mut named: Vec<_> = paths
        .filter_map(|path| path.strip_suffix(".rs\""))
        .collect();
    let mut known: Vec<_> = TARGETS.iter().map(|(target, _)| *target).collect();
    named.sort_unstable();
    known.sort_unstable();
    assert_eq!(named, known);
}

/// Inputs for a target with their names, made from the samples.
fn seeds(target: &str) -> Vec<(String, Vec<u8>)> {
    let files = samples::all();
    let files = files
        .iter()
        .map(|sample| (sample.name.clone(), sample.unchecked()));
    // The type and body of each key.
    let bodies = files.clone().flat_map(|(name, bytes)| {
        let mut reader = Reader::from_slice(&bytes);
        let entries = std::iter::from_fn(|| reader.next_raw_entry().ok().flatten());
        let entries = entries.map(|entry| (name.clone(), entry.value_type.number(), entry.body));
        entries.collect::<Vec<_>>()
    });
    // The bodies of some types, without the length in front of them.
    let in_one = |types: &'static [u8]| {
        let bodies = bodies
            .clone()
            .filter(|(_, number, _)| types.contains(number));
        bodies
            .map(|(name, _, body)| (name, body[1..].to_vec()))
            .collect()
    };
    match target {
        "listpack" => in_one(&[16, 17, 20]),
        "ziplist" => in_one(&[10, 12, 13]),
        "intset" => in_one(&[11]),
        "zipmap" => in_one(&[9]),
        "lzf" => in_one(&[0]),
        "dump" => bodies
            .map(|(name, number, body)| (name, [&[number], &body[..]].concat()))
            .collect(),
        "stream" => bodies
            .filter_map(|(name, number, body)| {
                let form = [15, 19, 21, 26, 27]
                    .iter()
                    .position(|form| *form == number)?;
                let form = u8::try_from(form).unwrap();
                Some((name, [&[8 | form, 0], &body[..]].concat()))
            })
            .collect(),
        _ => files.collect(),
    }
}

#[test]
fn every_sample_passes_every_check() {
    for (target, check) in TARGETS {
        let seeds = seeds(target);
        assert!(!seeds.is_empty(), "{target} has no seed");
        for (_, seed) in seeds {
            check(&seed);
        }
    }
}

/// Into the folder that `FORKLESS_FUZZ_SEEDS` names, for the fuzzer; or into one that is dropped.
#[test]
fn seeds_are_written_one_by_one() {
    let dropped = tempfile::tempdir().unwrap();
    let named = std::env::var_os("FORKLESS_FUZZ_SEEDS");
    let root = named.as_deref().map_or(dropped.path(), Path::new);
    for (target, _) in TARGETS {
        let folder = root.join(target);
        std::fs::create_dir_all(&folder).unwrap();
        let seeds = seeds(target);
        for (number, (name, seed)) in seeds.iter().enumerate() {
            // Samples of one kind for several targets share a name.
            let name = format!("{number:03}-{}", name.replace(' ', "-"));
            std::fs::write(folder.join(name), seed).unwrap();
        }
        let written = std::fs::read_dir(&folder).unwrap().count();
        assert_eq!(written, seeds.len(), "{target}");
    }
}
