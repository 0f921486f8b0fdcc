//! A store streamed to another: whole or not at all, resumable, and without anyone's votes.

#![expect(
    clippy::unwrap_used,
    reason = "a failure outside a test function fails the test too"
)]

use std::io::Read;
use std::path::Path;

use epaxos_store::{
    Ballot, Command, Installation, Instance, InstanceId, Options, Order, ReplicaId, Store,
    StoreError, StreamOptions, StreamPosition, TxnOptions, inspect_stream,
};
use tempfile::TempDir;

const HERE: ReplicaId = ReplicaId(1);
const THERE: ReplicaId = ReplicaId(2);

fn options(replica: ReplicaId) -> Options {
    Options {
        retention: std::time::Duration::ZERO,
        write_buffer_bytes: 1 << 20,
        cache_bytes: 1 << 20,
        ..Options::new(replica)
    }
}

fn id(replica: ReplicaId, index: u64) -> InstanceId {
    InstanceId { replica, index }
}

fn instance(id: InstanceId) -> Instance {
    Instance {
        commands: vec![Command::Get {
            key: id.to_string().into_bytes(),
        }],
        dependencies: Some(Vec::new()),
        vote_ballot: Some(Ballot {
            number: 0,
            replica: HERE,
        }),
        ..Instance::promised(
            id,
            Ballot {
                number: 0,
                replica: HERE,
            },
        )
    }
}

fn executed(id: InstanceId) -> Instance {
    Instance {
        committed: true,
        executed: true,
        ..instance(id)
    }
}

/// A store with purged, executed, committed and undecided instances, and values small and large.
fn sender() -> (TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path(), &options(HERE)).unwrap();
    let minute = |minute| std::time::UNIX_EPOCH + std::time::Duration::from_mins(minute);
    let mut engine = store.engine();
    engine.options = TxnOptions::buffered();
    for index in 0..3 {
        engine.set_instance(&executed(id(HERE, index))).unwrap();
    }
    store.gc_tick(minute(0)).unwrap();
    assert_eq!(store.gc_tick(minute(2)).unwrap().deleted, 3);
    for index in 3..400 {
        engine.set_instance(&executed(id(HERE, index))).unwrap();
        engine.set_kv(&index.to_be_bytes(), &[7; 300]).unwrap();
    }
    let committed = Instance {
        executed: false,
        ..executed(id(HERE, 401))
    };
    engine.set_instance(&committed).unwrap();
    // Votes: of its own, and for one of the receiver's.
    engine.set_instance(&instance(id(HERE, 400))).unwrap();
    engine.set_instance(&instance(id(THERE, 9))).unwrap();
    engine.set_kv(b"large", &vec![5; 3 << 20]).unwrap();
    (folder, store)
}

fn stream(store: &Store) -> Vec<u8> {
    let mut bytes = Vec::new();
    let report = store
        .snapshot()
        .stream_out(&mut bytes, &StreamOptions::default())
        .unwrap();
    assert_eq!(report.bytes, bytes.len() as u64);
    bytes
}

fn records(store: &Store) -> Vec<(Vec<u8>, Vec<u8>)> {
    let snapshot = store.snapshot();
    let records = snapshot.records(b"", None, Order::Ascending).unwrap();
    records.map(Result::unwrap).collect()
}

fn instances(store: &Store, replica: ReplicaId) -> Vec<Instance> {
    let snapshot = store.snapshot();
    let mut iter = snapshot.get_instance_iter(replica).unwrap();
    std::iter::from_fn(|| iter.next().unwrap()).collect()
}

fn install(path: &Path, stream: impl Read) -> Result<Store, StoreError> {
    let mut installation = Installation::begin(path, &options(THERE))?;
    installation.receive(stream)?;
    installation.finish()
}

#[test]
fn a_store_is_rebuilt_without_the_votes_of_the_sender() {
    let (_folder, sender) = sender();
    let bytes = stream(&sender);
    let (replica, report) = inspect_stream(bytes.as_slice()).unwrap();
    assert_eq!(
        (replica, report.records, report.instances),
        (HERE, 398, 398)
    );

    let folder = tempfile::tempdir().unwrap();
    let store = install(folder.path(), bytes.as_slice()).unwrap();
    assert!(records(&store) == records(&sender));
    let decided = instances(&sender, HERE)
        .into_iter()
        .filter(|instance| instance.committed)
        .collect::<Vec<_>>();
    assert!(instances(&store, HERE) == decided);
    assert_eq!(store.engine().get_instance(id(HERE, 400)).unwrap(), None);
    assert_eq!(instances(&store, THERE), []);
    assert!(store.is_learner());

    // Ids that the sender has seen are used, and what it has purged is purged.
    assert_eq!(store.get_max_instance_id(THERE), Some(id(THERE, 9)));
    assert_eq!(store.reserve_instance_id(THERE).unwrap(), id(THERE, 10));
    let [new, old] = [&store, &sender].map(|store| store.watermarks(HERE));
    assert_eq!(new, old);
    assert_eq!(
        store.engine().get_instance(id(HERE, 2)),
        Err(StoreError::Purged {
            id: id(HERE, 2),
            floor: 2
        })
    );
    // And it stays so.
    drop(store);
    let store = Store::open(folder.path(), &options(THERE)).unwrap();
    assert_eq!(store.watermarks(HERE), old);
    assert!(records(&store) == records(&sender));
}

#[test]
fn an_old_store_gives_way_but_its_ids_stay_used() {
    let (_folder, sender) = sender();
    let folder = tempfile::tempdir().unwrap();
    let old = Store::open(folder.path(), &options(THERE)).unwrap();
    let mut engine = old.engine();
    engine.set_kv(b"old", b"gone").unwrap();
    engine.set_instance(&instance(id(THERE, 30))).unwrap();
    let bytes = stream(&sender);
    let refused = Installation::begin(folder.path(), &options(THERE)).unwrap_err();
    assert!(matches!(refused, StoreError::InUse { .. }), "{refused}");
    drop((old, engine));
    let store = install(folder.path(), bytes.as_slice()).unwrap();
    assert_eq!(store.engine().get_kv(b"old").unwrap(), None);
    assert_eq!(store.get_max_instance_id(THERE), Some(id(THERE, 30)));
    let names = std::fs::read_dir(folder.path()).unwrap();
    let mut names = names
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect::<Vec<_>>();
    names.sort();
    assert_eq!(names, ["LIVE", "LOCK", "engine-2"]);
}

#[test]
fn a_stream_cut_off_or_changed_anywhere_installs_nothing() {
    let (_folder, sender) = sender();
    let bytes = stream(&sender);
    let folder = tempfile::tempdir().unwrap();
    let old = Store::open(folder.path(), &options(THERE)).unwrap();
    old.engine().set_kv(b"old", b"kept").unwrap();
    drop(old);
    let step = bytes.len() / 40;
    for place in (0..bytes.len()).step_by(step).chain([bytes.len() - 1]) {
        let refused = install(folder.path(), &bytes[..place]).unwrap_err();
        assert!(matches!(refused, StoreError::Stream { .. }), "{refused}");
        let mut flipped = bytes.clone();
        flipped[place] ^= 1 << (place % 8);
        let refused = inspect_stream(flipped.as_slice()).unwrap_err();
        assert!(matches!(refused, StoreError::Stream { .. }), "{refused}");
    }
    // Every byte of the first frames and of the last.
    for place in (0..200).chain(bytes.len() - 60..bytes.len()) {
        let mut flipped = bytes.clone();
        flipped[place] ^= 1 << (place % 8);
        assert!(inspect_stream(flipped.as_slice()).is_err(), "{place}");
    }
    let unfinished = Installation::begin(folder.path(), &options(THERE)).unwrap();
    assert!(unfinished.finish().is_err());
    let store = Store::open(folder.path(), &options(THERE)).unwrap();
    assert_eq!(store.engine().get_kv(b"old").unwrap().unwrap(), b"kept");
    assert!(!store.is_learner());
}

#[test]
fn a_stream_goes_on_where_it_broke_off() {
    let (_folder, sender) = sender();
    let snapshot = sender.snapshot();
    let mut whole = Vec::new();
    snapshot
        .stream_out(&mut whole, &StreamOptions::default())
        .unwrap();
    // What happens meanwhile is none of the snapshot's business.
    sender.engine().set_kv(b"later", b"").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut installation = Installation::begin(folder.path(), &options(THERE)).unwrap();
    let mut connections = 0_usize;
    loop {
        connections += 1;
        let position = installation.position();
        // As it would come over a network.
        let after = position.map(|position| position.to_bytes());
        let after = after.map(|bytes| StreamPosition::from_bytes(&bytes).unwrap());
        let mut rest = Vec::new();
        let sending = StreamOptions { since: None, after };
        snapshot.stream_out(&mut rest, &sending).unwrap();
        assert!(rest.len() <= whole.len());
        let arrives = (connections * 300_000).min(rest.len());
        match installation.receive(&rest[..arrives]) {
            Ok(()) => break,
            Err(error) => assert!(matches!(error, StoreError::Stream { .. }), "{error}"),
        }
    }
    assert!(connections > 3, "{connections}");
    let store = installation.finish().unwrap();
    let mut expected = records(&sender);
    expected.retain(|(key, _)| key != b"later");
    assert!(records(&store) == expected);

    // Another snapshot's rows are not what is missing.
    let position = {
        let other = tempfile::tempdir().unwrap();
        let mut installation = Installation::begin(other.path(), &options(THERE)).unwrap();
        installation.receive(&whole[..whole.len() - 1]).unwrap_err();
        installation.position()
    };
    let later = sender.snapshot();
    let sending = StreamOptions {
        since: None,
        after: position,
    };
    let refused = later.stream_out(&mut Vec::new(), &sending).unwrap_err();
    assert!(
        matches!(refused, StoreError::StreamKind { .. }),
        "{refused}"
    );
}

#[test]
fn a_replica_that_lags_takes_the_commits_it_missed() {
    let (_folder, sender) = sender();
    let folder = tempfile::tempdir().unwrap();
    let store = install(folder.path(), stream(&sender).as_slice()).unwrap();
    store.clear_learner().unwrap();
    for index in 402..1000 {
        sender
            .engine()
            .set_instance(&executed(id(HERE, index)))
            .unwrap();
    }
    let vote = Instance {
        ballot: Ballot {
            number: 8,
            replica: THERE,
        },
        ..instance(id(HERE, 400))
    };
    store.engine().set_instance(&vote).unwrap();
    let since = StreamOptions {
        since: Some([(HERE, store.watermarks(HERE))].into()),
        after: None,
    };
    let mut bytes = Vec::new();
    let report = sender.snapshot().stream_out(&mut bytes, &since).unwrap();
    assert_eq!((report.records, report.instances), (0, 599));
    assert!(store.catch_up(&bytes[..bytes.len() / 2]).is_err());
    store.catch_up(bytes.as_slice()).unwrap();
    let engine = store.engine();
    let taken = engine.get_instance(id(HERE, 999)).unwrap().unwrap();
    assert!(taken.committed && !taken.executed);
    assert_eq!(engine.get_instance(id(HERE, 400)).unwrap(), Some(vote));
    assert_eq!(store.watermarks(HERE).executed_upto, Some(399));
    assert_eq!(store.get_max_instance_id(HERE), Some(id(HERE, 999)));

    // A whole state is no increment, nor the other way round; and a gap is told.
    let refused = store.catch_up(stream(&sender).as_slice()).unwrap_err();
    assert!(
        matches!(refused, StoreError::StreamKind { .. }),
        "{refused}"
    );
    let other = tempfile::tempdir().unwrap();
    let refused = install(other.path(), bytes.as_slice()).unwrap_err();
    assert!(
        matches!(refused, StoreError::StreamKind { .. }),
        "{refused}"
    );
    let nothing = StreamOptions {
        since: Some([].into()),
        after: None,
    };
    let refused = sender.snapshot().stream_out(&mut Vec::new(), &nothing);
    assert_eq!(
        refused.unwrap_err(),
        StoreError::StreamGap {
            replica: HERE,
            start: 3,
            needed: 0
        }
    );
}
