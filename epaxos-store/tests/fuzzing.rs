//! What the fuzz targets check, against changed samples, on the stable toolchain.

#![expect(
    clippy::unwrap_used,
    reason = "a failure outside a test function fails the test too"
)]

use epaxos_store::{
    Ballot, Command, Dependency, Instance, InstanceId, Options, ReplicaId, Store, StreamOptions,
    encode_instance, instance_key,
};
use proptest::prelude::*;
use proptest::sample::Index;

mod fuzzed {
    //! One file for each target.

    pub(crate) mod instance;
    pub(crate) mod key;
    pub(crate) mod stream;
}

fn sample() -> Instance {
    let replica = ReplicaId(1);
    let id = InstanceId { replica, index: 7 };
    let ballot = Ballot { number: 2, replica };
    Instance {
        commands: vec![
            Command::NoOp,
            Command::Set {
                key: b"key".to_vec(),
                value: b"value".to_vec(),
            },
        ],
        dependencies: Some(vec![Dependency { id, sequence: 300 }]),
        vote_ballot: Some(ballot),
        committed: true,
        ..Instance::promised(id, ballot)
    }
}

fn stream() -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path(), &Options::new(ReplicaId(1))).unwrap();
    store.engine().set_kv(b"key", b"value").unwrap();
    store.engine().set_instance(&sample()).unwrap();
    let mut bytes = Vec::new();
    let snapshot = store.snapshot();
    snapshot
        .stream_out(&mut bytes, &StreamOptions::default())
        .unwrap();
    bytes
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
fn the_samples_are_taken() {
    let (replica, report) = epaxos_store::inspect_stream(stream().as_slice()).unwrap();
    assert_eq!(
        (replica, report.records, report.instances),
        (ReplicaId(1), 1, 1)
    );
}

#[test]
fn changed_streams_are_refused_without_a_panic() {
    let stream = stream();
    let mut runner = proptest::test_runner::TestRunner::default();
    runner
        .run(&changes(), |(changes, end)| {
            fuzzed::stream::check(&changed(stream.clone(), &changes, end));
            Ok(())
        })
        .unwrap();
}

proptest! {
    #[test]
    fn changed_instances_are_refused_or_in_their_only_form((changes, end) in changes()) {
        let sample = sample();
        let key = instance_key(sample.id);
        let bytes = [&[16], key.as_slice(), &encode_instance(&sample)].concat();
        fuzzed::instance::check(&changed(bytes, &changes, end));
    }

    #[test]
    fn any_bytes_go_through_every_decoder(
        bytes in proptest::collection::vec(any::<u8>(), 0..60),
    ) {
        fuzzed::instance::check(&bytes);
        fuzzed::key::check(&bytes);
        fuzzed::stream::check(&bytes);
    }
}
