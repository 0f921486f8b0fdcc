//! Records of a replica's store as RDB streams: what was there at the moment, while writers go on.

#![expect(
    clippy::unwrap_used,
    reason = "a failure outside a test function fails the test too"
)]

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use epaxos_store::{
    Ballot, Instance, InstanceId, Options, ReplicaId, Store, StreamOptions, TxnOptions,
    inspect_stream,
};
use parking_lot::Mutex;
use rdb_format::{Reader, Value};
use shard_runtime::spawn_named;
use snapshot::{RIDER_BYTES, Records, Snapshot, SnapshotError};

const ME: ReplicaId = ReplicaId(1);

type Map = BTreeMap<Vec<u8>, Vec<u8>>;

fn options() -> Options {
    Options {
        write_buffer_bytes: 1 << 20,
        cache_bytes: 1 << 20,
        ..Options::new(ME)
    }
}

fn key(number: u64) -> Vec<u8> {
    format!("user:{number:06}").into_bytes()
}

/// A store with so many records: most of them small, some of them too big for a blob.
fn filled(store: &Store, records: u64) -> Map {
    let value = |number: u64| match number % 100 {
        0 => vec![b'l'; RIDER_BYTES + 400_000],
        1 => Vec::new(),
        _ => number.to_string().into_bytes(),
    };
    let map = (0..records).map(|number| (key(number), value(number)));
    let mut map = map.collect::<Map>();
    map.insert(Vec::new(), b"no key at all".to_vec());
    map.insert(vec![255; 20], vec![0, 255]);
    let set = |txn: &mut epaxos_store::Txn| map.iter().try_for_each(|(k, v)| txn.set_kv(k, v));
    store.transact(TxnOptions::buffered(), set).unwrap();
    map
}

/// What the reader finds in an RDB stream: its length and checksum are right, no key is twice.
fn read(bytes: &[u8]) -> Map {
    let mut reader = Reader::from_slice(bytes);
    let mut map = Map::new();
    while let Some(entry) = reader.next_entry().unwrap() {
        assert_eq!((entry.db, entry.expire_at_ms), (0, None));
        let Value::String(value) = entry.value else {
            panic!("a record is a string");
        };
        assert_eq!(map.insert(entry.key, value), None, "a key stands twice");
    }
    map
}

/// An output that many can look into.
#[derive(Clone, Default)]
struct Shared(Arc<Mutex<Vec<u8>>>);

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_file_has_the_records_of_its_moment_while_writers_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("store"), &options()).unwrap();
    let map = filled(&store, 5000);
    let records = Records::new(store.snapshot());
    let is_over = AtomicBool::new(false);
    let written = AtomicU64::new(0);
    let file = folder.path().join("dump.rdb");
    std::thread::scope(|scope| {
        let write = || {
            let mut engine = store.engine();
            engine.options = TxnOptions::buffered();
            while !is_over.load(Ordering::Relaxed) {
                let number = written.fetch_add(1, Ordering::Relaxed);
                engine.set_kv(&key(number * 7 % 6000), b"later").unwrap();
                engine.delete_kv(&key(number * 11 % 6000)).unwrap();
            }
        };
        for _ in 0..2 {
            std::thread::Builder::new()
                .spawn_scoped(scope, write)
                .unwrap();
        }
        // The moment is long past when it is saved.
        while written.load(Ordering::Relaxed) < 1000 {
            std::thread::yield_now();
        }
        for producers in [1, 3, 16] {
            let records = records.clone().producers(producers);
            let handle = Snapshot::new().records_to_file(&records, &file).unwrap();
            let report = handle.wait().unwrap();
            assert_eq!(report.keys, map.len() as u64);
            assert!(report.riders >= 50, "{} riders", report.riders);
            assert!(read(&std::fs::read(&file).unwrap()) == map);
        }
        is_over.store(true, Ordering::Relaxed);
    });
}

#[test]
fn several_streams_have_each_record_once() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path(), &options()).unwrap();
    for count in [0, 1, 3000] {
        let map = filled(&store, count);
        let records = Records::new(store.snapshot()).producers(2);
        let outputs = std::array::from_fn::<_, 5, _>(|_| Shared::default());
        let handle = Snapshot::new().records_to_writers(&records, outputs.clone());
        let report = handle.unwrap().wait().unwrap();
        let mut found = Map::new();
        for (output, part) in outputs.iter().zip(&report.parts) {
            let one = read(&output.0.lock());
            assert_eq!(one.len() as u64, part.keys);
            for (key, value) in one {
                assert_eq!(found.insert(key, value), None, "in two streams");
            }
        }
        assert!(found == map);
    }
}

#[test]
fn the_budget_and_the_pace_hold_for_records_too() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path(), &options()).unwrap();
    let map = filled(&store, 2000);
    let budget_bytes = 2 << 20;
    let records = Records::new(store.snapshot()).producers(4);
    let output = Shared::default();
    let report = Snapshot::new()
        .budget_bytes(budget_bytes)
        .records_to_writer(&records, output.clone())
        .unwrap()
        .wait()
        .unwrap();
    assert!(report.budget_bytes_used <= budget_bytes);
    assert!(read(&output.0.lock()) == map);
}

#[test]
fn the_log_follows_the_records_through_one_socket() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path(), &options()).unwrap();
    let map = filled(&store, 300);
    let id = InstanceId {
        replica: ME,
        index: 0,
    };
    let ballot = Ballot {
        number: 1,
        replica: ME,
    };
    let committed = Instance {
        dependencies: Some(Vec::new()),
        committed: true,
        ..Instance::promised(id, ballot)
    };
    store.engine().set_instance(&committed).unwrap();
    let (mut here, mut there) = UnixStream::pair().unwrap();
    let reading = spawn_named("reader", move || {
        let mut bytes = Vec::new();
        there.read_to_end(&mut bytes).unwrap();
        bytes
    });
    let records = Records::new(store.snapshot());
    let output = here.try_clone().unwrap();
    let handle = Snapshot::new().records_to_writer(&records, output);
    let report = handle.unwrap().wait().unwrap();
    let since = StreamOptions {
        since: Some(BTreeMap::new()),
        ..StreamOptions::default()
    };
    store.snapshot().stream_out(&mut here, &since).unwrap();
    drop(here);
    let bytes = reading.join().unwrap();
    let (rdb, log) = bytes.split_at(usize::try_from(report.bytes).unwrap());
    assert!(read(rdb) == map);
    let (sender, log) = inspect_stream(log).unwrap();
    assert_eq!((sender, log.records, log.instances), (ME, 0, 1));
}

#[test]
fn a_cancelled_snapshot_lets_its_producers_go() {
    /// Takes nothing until it is let go.
    struct Stuck(mpsc::Receiver<()>);

    impl Write for Stuck {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            let _ = self.0.recv();
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path(), &options()).unwrap();
    filled(&store, 2000);
    let (let_go, stuck) = mpsc::channel();
    let records = Records::new(store.snapshot()).producers(3);
    let handle = Snapshot::new()
        .budget_bytes(1 << 20)
        .records_to_writer(&records, Stuck(stuck))
        .unwrap();
    assert!(!handle.wait_timeout(Duration::from_millis(20)));
    handle.cancel();
    assert!(matches!(handle.wait(), Err(SnapshotError::Cancelled)));
    drop(let_go);
    // The producers let go of the store, or it could not be opened anew.
    drop((records, store));
    let reopened = || Store::open(folder.path(), &options()).is_ok();
    while !reopened() {
        std::thread::yield_now();
    }
}
