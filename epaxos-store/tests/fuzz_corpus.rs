//! What fuzzing found worth keeping, through the same checks as the fuzz targets, and samples,
//! changed and unchanged, on the stable toolchain.

#![expect(
    clippy::unwrap_used,
    reason = "a failure outside a test function fails the test too"
)]

mod fuzzed;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use epaxos_store::{
    Ballot, Command, Dependency, Instance, InstanceId, Options, ReplicaId, StatusField, StatusKey,
    Store, StreamOptions, Watermarks, encode_instance, instance_key,
};
use proptest::prelude::*;
use proptest::sample::Index;

use crate::fuzzed::TARGETS;

const ME: ReplicaId = ReplicaId(1);

/// The fuzz crate; it is in the repository, and not in the published crate.
fn fuzz_crate() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz");
    folder.join("Cargo.toml").exists().then_some(folder)
}

fn names(folder: &Path) -> BTreeSet<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect()
}

#[test]
fn every_kept_input_passes_its_check() {
    let Some(folder) = fuzz_crate() else {
        return;
    };
    let corpus = folder.join("corpus");
    let mut files = 0;
    for (target, check) in TARGETS {
        for name in names(&corpus.join(target)) {
            check(&std::fs::read(corpus.join(target).join(name)).unwrap());
            files += 1;
        }
    }
    let known = TARGETS.iter().map(|(target, _)| (*target).to_owned());
    assert_eq!(names(&corpus), known.collect(), "each belongs to a target");
    assert!(files >= 60, "only {files} inputs");
}

#[test]
fn the_manifest_has_the_same_targets() {
    let Some(folder) = fuzz_crate() else {
        return;
    };
    let manifest = std::fs::read_to_string(folder.join("Cargo.toml")).unwrap();
    let named = manifest
        .lines()
        .filter_map(|line| line.strip_prefix("path = \"fuzz_targets/"))
        .filter_map(|path| path.strip_suffix(".rs\""))
        .collect::<BTreeSet<_>>();
    let known = TARGETS.iter().map(|(target, _)| *target);
    assert_eq!(named, known.collect());
}

fn id(index: u64) -> InstanceId {
    InstanceId { replica: ME, index }
}

/// Instances in each state, with each kind of command.
fn instances() -> Vec<Instance> {
    let (key, value) = (b"key".to_vec(), b"value".to_vec());
    let ballot = Ballot {
        number: 2,
        replica: ReplicaId(-3),
    };
    let promised = Instance::promised(id(0), ballot);
    let accepted = Instance {
        dependencies: Some(vec![Dependency {
            id: id(7),
            sequence: 300,
        }]),
        vote_ballot: Some(ballot),
        commands: vec![
            Command::NoOp,
            Command::Get { key: key.clone() },
            Command::Delete { key: key.clone() },
            Command::Set { key, value },
        ],
        ..Instance::promised(id(u64::MAX), ballot)
    };
    let committed = Instance {
        id: id(1),
        committed: true,
        ..accepted.clone()
    };
    let executed = Instance {
        id: id(2),
        executed: true,
        ..committed.clone()
    };
    vec![promised, accepted, committed, executed]
}

/// A stream of everything, and one of what was committed since.
fn streams() -> Vec<Vec<u8>> {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path(), &Options::new(ME)).unwrap();
    store.engine().set_kv(b"key", b"value").unwrap();
    store.engine().set_kv(b"large", &[7; 300]).unwrap();
    for instance in instances() {
        store.engine().set_instance(&instance).unwrap();
    }
    let since = BTreeMap::from([(ME, Watermarks::default())]);
    let since = StreamOptions {
        since: Some(since),
        ..StreamOptions::default()
    };
    let stream = |options: &StreamOptions| {
        let mut bytes = Vec::new();
        store.snapshot().stream_out(&mut bytes, options).unwrap();
        bytes
    };
    vec![stream(&StreamOptions::default()), stream(&since)]
}

fn keys() -> Vec<Vec<u8>> {
    let minute = StatusField::ExecutedUptoAt { minute: 99 };
    let status = |field| {
        let key = StatusKey { replica: ME, field };
        key.to_bytes()
    };
    vec![
        instance_key(id(300)).to_vec(),
        status(minute),
        status(StatusField::DeletedUpto),
    ]
}

/// Inputs for a target.
fn seeds(target: &str) -> Vec<Vec<u8>> {
    let keyed = |instance: &Instance| {
        let key = instance_key(instance.id);
        [&[16], key.as_slice(), &encode_instance(instance)].concat()
    };
    match target {
        "frames" => streams(),
        "instance" => instances().iter().map(keyed).collect(),
        _ => keys(),
    }
}

#[test]
fn the_samples_are_taken() {
    let taken = streams().into_iter().map(|stream| {
        let (replica, report) = epaxos_store::inspect_stream(stream.as_slice()).unwrap();
        assert_eq!(replica, ME);
        (report.records, report.instances)
    });
    assert_eq!(taken.collect::<Vec<_>>(), [(2, 2), (0, 2)]);
}

#[test]
fn checksums_put_right_are_those_that_were_written() {
    for stream in streams() {
        let mut sealed = stream.clone();
        fuzzed::checksum::seal_frames(&mut sealed);
        assert_eq!(sealed, stream);
    }
    for instance in instances() {
        let value = encode_instance(&instance);
        let mut sealed = value.clone();
        fuzzed::checksum::seal_value(&instance_key(instance.id), &mut sealed);
        assert_eq!(sealed, value);
    }
}

/// Into the folder that `FORKLESS_FUZZ_SEEDS` names, for the fuzzer; or into one that is dropped.
#[test]
fn seeds_are_written_one_by_one() {
    let dropped = tempfile::tempdir().unwrap();
    let named = std::env::var_os("FORKLESS_FUZZ_SEEDS");
    let root = named.as_deref().map_or(dropped.path(), Path::new);
    for (target, check) in TARGETS {
        let folder = root.join(target);
        std::fs::create_dir_all(&folder).unwrap();
        let seeds = seeds(target);
        for (number, seed) in seeds.iter().enumerate() {
            check(seed);
            std::fs::write(folder.join(format!("{number:03}")), seed).unwrap();
        }
        assert_eq!(names(&folder).len(), seeds.len(), "{target}");
    }
}

/// Changes a few bytes, cuts off the end, or doubles a part.
fn changed(mut bytes: Vec<u8>, changes: &[(Index, u8)], end: Option<Index>) -> Vec<u8> {
    for (place, byte) in changes {
        let place = place.index(bytes.len());
        bytes[place] = *byte;
    }
    if let Some(end) = end {
        let end = end.index(bytes.len());
        let tail = bytes[end..].to_vec();
        if end % 2 == 0 {
            bytes.truncate(end);
        } else {
            bytes.extend(tail);
        }
    }
    bytes
}

fn changes() -> impl Strategy<Value = (Vec<(Index, u8)>, Option<Index>)> {
    let bytes = proptest::collection::vec(any::<(Index, u8)>(), 0..4);
    (bytes, proptest::option::of(any::<Index>()))
}

#[test]
fn changed_samples_are_refused_or_in_their_only_form() {
    let mut runner = proptest::test_runner::TestRunner::default();
    for (target, check) in TARGETS {
        for seed in seeds(target) {
            runner
                .run(&changes(), |(changes, end)| {
                    check(&changed(seed.clone(), &changes, end));
                    Ok(())
                })
                .unwrap();
        }
    }
}

proptest! {
    #[test]
    fn any_bytes_go_through_every_decoder(
        bytes in proptest::collection::vec(any::<u8>(), 0..60),
    ) {
        for (_, check) in TARGETS {
            check(&bytes);
        }
    }
}
