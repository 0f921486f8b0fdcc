//! Killed at any moment: what was acknowledged is there, nothing is there by half, no id comes
//! twice.
//!
//! This proves nothing about fsync: what a killed process wrote is in the kernel's hands. For the
//! write-ahead log as a disk could leave it see `recovery.rs`. `FORKLESS_TEST_SEEDS` says how
//! often a writer is killed.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a failure outside a test function fails the test too; a child speaks to its parent"
)]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use epaxos_store::{
    Ballot, Command as Operation, Durability, Instance, InstanceId, Options, Order, ReplicaId,
    Store, StoreError, TxnOptions,
};

const ME: ReplicaId = ReplicaId(1);
/// Tells the test program, started once more, to write into this folder until it is killed.
const FOLDER: &str = "EPAXOS_STORE_CRASH_FOLDER";
/// Threads that write.
const WRITERS: u64 = 4;

fn rounds() -> u64 {
    let chosen = std::env::var("FORKLESS_TEST_SEEDS").ok();
    chosen.map_or(15, |chosen| chosen.parse().unwrap())
}

fn options() -> Options {
    Options {
        retention: Duration::from_mins(1),
        clock_step_max: Duration::from_hours(24),
        // Small, so that files are written and merged while the writer is killed.
        write_buffer_bytes: 128 << 10,
        cache_bytes: 1 << 20,
        ..Options::new(ME)
    }
}

/// What is written with the instance `id`: its key has its value, or neither is there.
fn instance(id: InstanceId) -> Instance {
    let key = format!("{id}").into_bytes();
    let value = vec![b'v'; usize::try_from(id.index * 37 % 300).unwrap()];
    Instance {
        commands: vec![Operation::Set { key, value }],
        dependencies: Some(Vec::new()),
        committed: true,
        executed: true,
        ..Instance::promised(
            id,
            Ballot {
                number: 0,
                replica: ME,
            },
        )
    }
}

fn write(store: &Store, durability: Durability) -> Result<InstanceId, StoreError> {
    let instance = instance(store.reserve_instance_id(ME)?);
    let [Operation::Set { key, value }] = instance.commands.as_slice() else {
        unreachable!("one command");
    };
    let options = TxnOptions {
        durability,
        ..TxnOptions::default()
    };
    let mut txn = store.begin(options);
    txn.set_kv(key, value)?;
    txn.set_instance(&instance)?;
    txn.commit()?;
    Ok(instance.id)
}

/// Writes until it is killed, and says what is acknowledged.
fn write_forever(folder: &Path) {
    let store = Store::open(folder, &options()).unwrap();
    println!("open {}", store.incarnation());
    thread::scope(|scope| {
        for writer in 0..WRITERS {
            let store = &store;
            let durability = [Durability::Sync, Durability::Buffered][usize::from(writer == 0)];
            thread::Builder::new()
                .spawn_scoped(scope, move || {
                    loop {
                        let id = write(store, durability).unwrap();
                        // One write, so that a line is whole or not there.
                        let line = format!("ack {}\n", id.index);
                        std::io::stdout().write_all(line.as_bytes()).unwrap();
                    }
                })
                .unwrap();
        }
        let start = UNIX_EPOCH + Duration::from_hours(24 * store.incarnation());
        for minute in 0.. {
            store.gc_tick(start + Duration::from_mins(minute)).unwrap();
            thread::sleep(Duration::from_millis(2));
        }
    });
}

#[test]
fn a_child_writes_where_it_is_told_to() {
    match std::env::var_os(FOLDER) {
        Some(folder) => write_forever(Path::new(&folder)),
        None => assert!(rounds() > 0),
    }
}

fn start(folder: &Path) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", "a_child_writes_where_it_is_told_to"])
        .args(["--nocapture", "--test-threads", "1"])
        .env(FOLDER, folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    command.spawn().unwrap()
}

/// Lets a child write for a while and kills it; what it acknowledged.
fn killed(folder: &Path, round: u64) -> (u64, Vec<u64>) {
    let mut child = start(folder);
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let incarnation = loop {
        let line = lines.next().unwrap().unwrap();
        if let Some((_, number)) = line.rsplit_once("open ") {
            break number.parse().unwrap();
        }
    };
    // Some are killed before their first write, most in the middle of many.
    thread::sleep(Duration::from_micros(round * 1237 % 40_000));
    child.kill().unwrap();
    let mut acknowledged = Vec::new();
    for line in lines {
        let line = line.unwrap();
        if let Some(index) = line.strip_prefix("ack ") {
            acknowledged.push(index.parse().unwrap());
        }
    }
    assert!(!child.wait().unwrap().success());
    (incarnation, acknowledged)
}

/// Everything in the store is whole, whether or not it was acknowledged.
fn check_all(store: &Store) {
    let floor = store.watermarks(ME).deleted_upto;
    let snapshot = store.snapshot();
    let mut iter = snapshot.get_instance_iter(ME).unwrap();
    let mut instances = 0;
    while let Some(found) = iter.next().unwrap() {
        assert_eq!(found, instance(found.id));
        let key = format!("{}", found.id).into_bytes();
        assert!(snapshot.get_kv(&key).unwrap().is_some(), "{}", found.id);
        instances += 1;
    }
    // As many keys above the floor as instances: neither has come without the other.
    let records = snapshot.records(b"", None, Order::Ascending).unwrap();
    let mut above = 0;
    for record in records {
        let (key, value) = record.unwrap();
        let index = str::from_utf8(&key).unwrap().strip_prefix("1/").unwrap();
        let index = index.parse::<u64>().unwrap();
        assert_eq!(value.len() as u64, index * 37 % 300);
        above += u64::from(Some(index) > floor);
    }
    assert_eq!(above, instances);
}

/// All of `acknowledged` is there, and no id of it is given away again.
fn check(store: &Store, acknowledged: &[u64]) {
    let floor = store.watermarks(ME).deleted_upto;
    let next = store.reserve_instance_id(ME).unwrap().index;
    let snapshot = store.snapshot();
    for &index in acknowledged {
        let id = InstanceId { replica: ME, index };
        let key = format!("{id}").into_bytes();
        assert!(snapshot.get_kv(&key).unwrap().is_some(), "{id} is lost");
        if Some(index) > floor {
            assert_eq!(snapshot.get_instance(id).unwrap(), Some(instance(id)));
        }
        assert!(next > index, "{next} was used");
    }
}

#[test]
fn what_was_acknowledged_survives_being_killed() {
    let folder = tempfile::tempdir().unwrap();
    let mut acknowledged = BTreeMap::new();
    for round in 1..=rounds() {
        let (incarnation, new) = killed(folder.path(), round);
        for &index in &new {
            let before = acknowledged.insert(index, incarnation);
            assert_eq!(before, None, "id {index} was given twice");
        }
        let store = Store::open(folder.path(), &options()).unwrap();
        assert_eq!(store.incarnation(), incarnation + 1);
        check(&store, &new);
        // Everything that was ever acknowledged, now and then and in the end.
        if round % 20 == 0 || round == rounds() {
            let all = acknowledged.keys().copied().collect::<Vec<_>>();
            check(&store, &all);
            check_all(&store);
        }
    }
    assert!(!acknowledged.is_empty());
}

#[test]
fn a_store_is_whole_after_a_kill_at_any_time_of_its_making() {
    for round in 0..rounds().min(20) {
        let folder = tempfile::tempdir().unwrap();
        let mut child = start(folder.path());
        thread::sleep(Duration::from_micros(round * 2531 % 60_000));
        child.kill().unwrap();
        child.wait().unwrap();
        let store = Store::open(folder.path(), &options()).unwrap();
        assert!(store.incarnation() >= 1);
        let now = SystemTime::now();
        store.gc_tick(now).unwrap();
    }
}

/// A child that may not write more than so many blocks of 512 bytes to a file.
fn confined(folder: &Path, blocks: u32) -> (Vec<String>, bool) {
    let script = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\"");
    let output = Command::new("sh")
        .args(["-c", &script])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "a_confined_child_fails_clearly", "--nocapture"])
        .env(CONFINED, folder)
        .stderr(Stdio::null())
        .output()
        .unwrap();
    let lines = String::from_utf8_lossy(&output.stdout);
    let lines = lines.lines().map(str::to_owned).collect();
    (lines, output.status.success())
}

const CONFINED: &str = "EPAXOS_STORE_CONFINED_FOLDER";

#[test]
fn a_confined_child_fails_clearly() {
    let Some(folder) = std::env::var_os(CONFINED) else {
        let told = StoreError::DiskFull {
            message: String::new(),
        };
        assert!(!told.is_refusal() && !told.is_retryable());
        return;
    };
    let large = Options {
        write_buffer_bytes: 64 << 20,
        ..options()
    };
    let store = Store::open(Path::new(&folder), &large).unwrap();
    let failed = loop {
        match write(&store, Durability::Sync) {
            Ok(id) => println!("\nack {}", id.index),
            Err(error) => break error,
        }
    };
    println!("\nfailed {failed}");
    assert!(matches!(failed, StoreError::DiskFull { .. }));
    // Nothing is written from here on, and what is there can be read.
    let again = write(&store, Durability::Buffered).unwrap_err();
    assert!(matches!(again, StoreError::Poisoned { .. }));
    assert!(store.engine().get_kv(b"1/0").unwrap().is_some());
    println!("\nconfined");
}

#[test]
fn a_full_disk_is_an_error_and_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (lines, is_success) = confined(folder.path(), 200);
    assert!(
        is_success && lines.iter().any(|line| line == "confined"),
        "{lines:?}"
    );
    let acknowledged = lines
        .iter()
        .filter_map(|line| line.strip_prefix("ack "))
        .map(|index| index.parse().unwrap())
        .collect::<Vec<u64>>();
    assert!(acknowledged.len() > 10, "{lines:?}");
    let store = Store::open(folder.path(), &options()).unwrap();
    check(&store, &acknowledged);
    check_all(&store);
    write(&store, Durability::Sync).unwrap();
}
