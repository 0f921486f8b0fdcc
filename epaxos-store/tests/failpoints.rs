//! The process ends between two steps of purging and of installing: what is found then is the
//! state before or the state after, and the work goes on.

#![cfg(feature = "failpoints")]
#![expect(
    clippy::unwrap_used,
    reason = "a failure outside a test function fails the test too"
)]

use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, UNIX_EPOCH};

use epaxos_store::{
    Ballot, Installation, Instance, InstanceId, Options, ReplicaId, Store, StoreError,
    StreamOptions,
};

const ME: ReplicaId = ReplicaId(1);
const INSTANCES: u64 = 2500;
const SIGABRT: i32 = 6;
/// Tells the test program, started once more, where to work until it ends at a failpoint.
const FOLDER: &str = "EPAXOS_STORE_FAILPOINT_FOLDER";
const FAILPOINT: &str = "EPAXOS_STORE_FAILPOINT";

fn options() -> Options {
    Options {
        retention: Duration::ZERO,
        write_buffer_bytes: 1 << 20,
        cache_bytes: 1 << 20,
        ..Options::new(ME)
    }
}

fn id(index: u64) -> InstanceId {
    InstanceId { replica: ME, index }
}

fn executed(index: u64) -> Instance {
    Instance {
        dependencies: Some(Vec::new()),
        committed: true,
        executed: true,
        ..Instance::promised(
            id(index),
            Ballot {
                number: 0,
                replica: ME,
            },
        )
    }
}

fn fill(store: &Store) {
    store
        .transact(epaxos_store::TxnOptions::default(), |txn| {
            for index in 0..INSTANCES {
                txn.set_instance(&executed(index))?;
            }
            txn.set_kv(b"k", b"old")
        })
        .unwrap();
}

fn purge(store: &Store) {
    for minute in [0, 2, 4] {
        store
            .gc_tick(UNIX_EPOCH + Duration::from_mins(minute))
            .unwrap();
    }
}

fn stream() -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let other = Options {
        replica: ReplicaId(2),
        ..options()
    };
    let store = Store::open(folder.path(), &other).unwrap();
    store.engine().set_kv(b"k", b"new").unwrap();
    let mut bytes = Vec::new();
    store
        .snapshot()
        .stream_out(&mut bytes, &StreamOptions::default())
        .unwrap();
    bytes
}

fn install(folder: &Path) -> Store {
    let mut installation = Installation::begin(folder, &options()).unwrap();
    installation.receive(stream().as_slice()).unwrap();
    installation.finish().unwrap()
}

#[test]
fn a_child_ends_at_its_failpoint() {
    let Some(folder) = std::env::var_os(FOLDER) else {
        assert!(std::env::var_os(FAILPOINT).is_none());
        return;
    };
    let folder = Path::new(&folder);
    let failpoint = std::env::var(FAILPOINT).unwrap();
    if failpoint.starts_with("purge") {
        purge(&Store::open(folder, &options()).unwrap());
    } else {
        install(folder);
    }
    panic!("{failpoint} was not passed");
}

/// Works in `folder` until the failpoint ends it.
fn end_at(failpoint: &str, folder: &Path) {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "a_child_ends_at_its_failpoint"])
        .env(FOLDER, folder)
        .env(FAILPOINT, failpoint)
        .output()
        .unwrap();
    assert_eq!(output.status.signal(), Some(SIGABRT), "{failpoint}");
}

#[test]
fn a_purge_that_was_cut_short_goes_on() {
    for failpoint in ["purge.begin", "purge.marked", "purge.batch"] {
        let folder = tempfile::tempdir().unwrap();
        fill(&Store::open(folder.path(), &options()).unwrap());
        end_at(failpoint, folder.path());
        let store = Store::open(folder.path(), &options()).unwrap();
        let marks = store.watermarks(ME);
        assert_eq!(marks.max, Some(INSTANCES - 1));
        assert_eq!(marks.executed_upto, Some(INSTANCES - 1));
        let found = store.engine().get_instance(id(0));
        if failpoint == "purge.begin" {
            assert_eq!(found.unwrap(), Some(executed(0)));
        } else {
            assert!(matches!(found, Err(StoreError::Purged { .. })), "{found:?}");
        }
        let minute = |minute| UNIX_EPOCH + Duration::from_mins(minute);
        let deleted = [6, 8, 10].map(|at| store.gc_tick(minute(at)).unwrap().deleted);
        let already = if failpoint == "purge.batch" { 1000 } else { 0 };
        assert_eq!(
            deleted.iter().sum::<u64>(),
            INSTANCES - already,
            "{failpoint}"
        );
        assert_eq!(store.watermarks(ME).deleted_upto, Some(INSTANCES - 1));
        assert_eq!(store.reserve_instance_id(ME).unwrap(), id(INSTANCES));
    }
}

#[test]
fn an_installation_that_was_cut_short_has_happened_or_not() {
    let before = [
        "install.received",
        "install.ingested",
        "install.written",
        "install.synced",
    ];
    for failpoint in before.into_iter().chain(["install.published"]) {
        let folder = tempfile::tempdir().unwrap();
        fill(&Store::open(folder.path(), &options()).unwrap());
        end_at(failpoint, folder.path());
        let store = Store::open(folder.path(), &options()).unwrap();
        let value = store.engine().get_kv(b"k").unwrap().unwrap();
        let expected: &[u8] = if before.contains(&failpoint) {
            b"old"
        } else {
            b"new"
        };
        assert_eq!(value, expected, "{failpoint}");
        assert_eq!(store.get_max_instance_id(ME), Some(id(INSTANCES - 1)));
        // Whatever was left is gone, and another attempt succeeds.
        drop(store);
        let store = install(folder.path());
        assert_eq!(store.engine().get_kv(b"k").unwrap().unwrap(), b"new");
        assert_eq!(store.get_max_instance_id(ME), Some(id(INSTANCES - 1)));
    }
}
