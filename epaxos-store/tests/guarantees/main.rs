//! Each guarantee of the store, one by one.

#![expect(
    clippy::unwrap_used,
    reason = "a failure outside a test function fails the test too"
)]

mod engine;
mod life_cycle;
mod locks;
mod page;
mod walks;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use epaxos_store::{Ballot, Command, Instance, InstanceId, Options, ReplicaId, Store, TxnOptions};
use tempfile::TempDir;

const ME: ReplicaId = ReplicaId(1);
const OTHER: ReplicaId = ReplicaId(2);

fn options() -> Options {
    Options {
        write_buffer_bytes: 1 << 20,
        cache_bytes: 1 << 20,
        ..Options::new(ME)
    }
}

fn fresh() -> (TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path(), &options()).unwrap();
    (folder, store)
}

fn id(replica: ReplicaId, index: u64) -> InstanceId {
    InstanceId { replica, index }
}

fn ballot(number: i32) -> Ballot {
    Ballot {
        number,
        replica: ME,
    }
}

fn instance(of: InstanceId) -> Instance {
    Instance {
        commands: vec![Command::Set {
            key: b"k".to_vec(),
            value: of.index.to_string().into_bytes(),
        }],
        dependencies: Some(Vec::new()),
        ..Instance::promised(of, ballot(1))
    }
}

fn executed(of: InstanceId) -> Instance {
    Instance {
        committed: true,
        executed: true,
        ..instance(of)
    }
}

fn at(minutes: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_mins(1_000_000 + minutes)
}

fn quick() -> TxnOptions {
    TxnOptions {
        lock_timeout: Duration::from_millis(20),
        ..TxnOptions::buffered()
    }
}
