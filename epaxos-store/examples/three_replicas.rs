//! The storage side of a three-replica exchange, by hand: propose, accept, commit,
//! execute, purge, and rebuild a replica that has lost its disk from another.
//!
//! The protocol is played by this file; what each replica must not lose is in its store.

#![expect(clippy::print_stdout, reason = "an example speaks")]

use std::path::Path;
use std::time::{Duration, SystemTime};

use epaxos_store::{
    Ballot, Command, Dependency, Installation, Instance, InstanceId, Options, ReplicaId, Store,
    StoreError, StreamOptions, TxnOptions,
};

const R1: ReplicaId = ReplicaId(1);
const R2: ReplicaId = ReplicaId(2);
const R3: ReplicaId = ReplicaId(3);

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    let open = |replica: ReplicaId| Store::open(&path(folder.path(), replica), &options(replica));
    let [one, two, three] = [open(R1)?, open(R2)?, open(R3)?];

    // R1 proposes x = 1. Its own vote is on disk before anyone hears of it.
    let first = propose(&one, b"x", b"1", Vec::new())?;
    for store in [&two, &three] {
        pre_accept(store, &first)?;
    }
    // Both agree with its dependencies: R1 commits on the fast path and tells the others.
    for store in [&one, &two, &three] {
        commit(store, &first)?;
        execute(store, first.id)?;
    }
    println!("{} committed and executed on three replicas", first.id);

    // R2 proposes x = 2, which conflicts with it; R3 is away, so it takes the slow path with R1.
    let depends = Dependency {
        id: first.id,
        sequence: 1,
    };
    let second = propose(&two, b"x", b"2", vec![depends])?;
    pre_accept(&one, &second)?;
    for store in [&two, &one] {
        accept(store, &second)?;
    }
    for store in [&two, &one] {
        commit(store, &second)?;
        execute(store, second.id)?;
    }
    println!("{} committed and executed on two replicas", second.id);

    // A late message with an older ballot is refused by what R1 has on disk.
    let mut late = second.clone();
    late.commands = vec![Command::NoOp];
    if let Err(refused) = one.transact(TxnOptions::default(), |txn| txn.set_instance(&late)) {
        println!("refused: {refused}");
    }

    // R3 comes back and takes the commit that it has missed.
    let have = three.replicas().into_iter();
    let since = have
        .map(|replica| (replica, three.watermarks(replica)))
        .collect();
    let mut stream = Vec::new();
    let missed = StreamOptions {
        since: Some(since),
        after: None,
    };
    let report = one.snapshot().stream_out(&mut stream, &missed)?;
    three.catch_up(stream.as_slice())?;
    execute(&three, second.id)?;
    println!("{} instance caught up with", report.instances);

    // Time passes: leaders purge what they have executed, and announce it.
    purge(&[&one, &two, &three])?;
    println!(
        "R1 keeps instances above {:?}",
        one.watermarks(R1).deleted_upto
    );

    // R3 loses its disk, and is rebuilt from R1.
    drop(three);
    std::fs::remove_dir_all(path(folder.path(), R3))?;
    let mut stream = Vec::new();
    one.snapshot()
        .stream_out(&mut stream, &StreamOptions::default())?;
    let mut installation = Installation::begin(&path(folder.path(), R3), &options(R3))?;
    installation.receive(stream.as_slice())?;
    let three = installation.finish()?;
    assert_eq!(three.engine().get_kv(b"x")?, Some(b"2".to_vec()));
    assert!(three.is_learner(), "it may have forgotten votes");
    assert_eq!(three.get_max_instance_id(R2), Some(second.id));
    // The protocol has seen to it that everything it may have voted on is decided.
    three.clear_learner()?;
    let third = propose(&three, b"y", b"3", Vec::new())?;
    println!("R3 is rebuilt and proposes {}", third.id);
    Ok(())
}

fn path(root: &Path, replica: ReplicaId) -> std::path::PathBuf {
    root.join(format!("replica-{replica}"))
}

fn options(replica: ReplicaId) -> Options {
    Options {
        retention: Duration::from_mins(10),
        ..Options::new(replica)
    }
}

/// A new instance of the store's own, on disk when this returns: its id is used.
fn propose(
    store: &Store,
    key: &[u8],
    value: &[u8],
    dependencies: Vec<Dependency>,
) -> Result<Instance, StoreError> {
    let replica = store.replica();
    let ballot = Ballot { number: 0, replica };
    let instance = Instance {
        commands: vec![Command::Set {
            key: key.to_vec(),
            value: value.to_vec(),
        }],
        dependencies: Some(dependencies),
        ..Instance::promised(store.reserve_instance_id(replica)?, ballot)
    };
    pre_accept(store, &instance)?;
    Ok(instance)
}

fn pre_accept(store: &Store, instance: &Instance) -> Result<(), StoreError> {
    store.transact(TxnOptions::default(), |txn| txn.set_instance(instance))
}

/// A vote in the instance's ballot.
fn accept(store: &Store, instance: &Instance) -> Result<(), StoreError> {
    let accepted = Instance {
        vote_ballot: Some(instance.ballot),
        ..instance.clone()
    };
    store.transact(TxnOptions::default(), |txn| txn.update_instance(&accepted))
}

/// Taken note of without waiting for the disk: others know that it is committed.
fn commit(store: &Store, instance: &Instance) -> Result<(), StoreError> {
    let committed = Instance {
        committed: true,
        ..instance.clone()
    };
    store.transact(TxnOptions::buffered(), |txn| txn.set_instance(&committed))
}

/// The commands' effects and the fact that they happened, together.
fn execute(store: &Store, id: InstanceId) -> Result<(), StoreError> {
    store.transact(TxnOptions::buffered(), |txn| {
        let instance = txn
            .get_instance_for_update(id)?
            .ok_or(StoreError::NotFound { id })?;
        for command in &instance.commands {
            match command {
                Command::Set { key, value } => {
                    txn.get_kv_for_update(key)?;
                    txn.set_kv(key, value)?;
                }
                Command::Delete { key } => txn.delete_kv(key)?,
                Command::Get { .. } | Command::NoOp => {}
            }
        }
        txn.mark_executed(id)
    })
}

/// Lets half an hour pass, and each leader tell the others what it has purged.
fn purge(stores: &[&Store]) -> Result<(), StoreError> {
    let start = SystemTime::now();
    for minute in 0..30 {
        for store in stores {
            store.gc_tick(start + Duration::from_mins(minute))?;
        }
        for leader in stores {
            let purged = leader.watermarks(leader.replica()).purged_upto;
            for follower in stores {
                if let (Some(upto), true) = (purged, follower.replica() != leader.replica()) {
                    follower.note_purged(leader.replica(), upto)?;
                }
            }
        }
    }
    Ok(())
}
