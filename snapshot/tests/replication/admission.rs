//! Who is let in, and who is not.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use snapshot::{Address, Master, MasterOptions, Replica, ReplicationError};

use crate::shards::{PATIENCE, assert_equal, contents, set, shards};
use crate::{options, replica_options, tcp};

#[test]
fn who_does_not_know_the_secret_gets_nothing_on_either_side() {
    let store = shards(1);
    set(&store, 0, b"key", vec![1]);
    let master = Master::start(&store, &tcp(), options()).unwrap();
    let copy = shards(1);
    let wrong = replica_options().secret(b"wrong");
    let replica = Replica::start(&copy, master.address(), wrong);
    assert!(!replica.wait_synced(Duration::from_millis(500)));
    let error = replica.statistics().last_error.unwrap();
    assert!(error.contains("secret"), "{error}");
    assert_eq!((contents(&copy).len(), master.statistics().len()), (0, 0));
}

#[test]
fn master_survives_whatever_connects() {
    let store = shards(1);
    set(&store, 0, b"key", vec![1]);
    let master = Master::start(&store, &tcp(), options()).unwrap();
    let address = master.address().to_string();
    let mut random = 7_u64;
    for length in (0..200).chain([5000, 100_000]) {
        let mut bytes = Vec::new();
        for _ in 0..length {
            random = random.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
            bytes.push((random >> 56) as u8);
        }
        let mut connection = TcpStream::connect(&address).unwrap();
        // It may hang up while we speak.
        drop(connection.write_all(&bytes));
    }
    let copy = shards(1);
    let replica = Replica::start(&copy, master.address(), replica_options());
    assert!(replica.wait_synced(PATIENCE), "{:?}", replica.statistics());
    assert_equal(&store, &copy, &replica);
}

/// How many threads of this process shake hands.
fn handshakes() -> usize {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    let names = tasks.filter_map(|task| std::fs::read(task.unwrap().path().join("comm")).ok());
    names
        .filter(|name| name.starts_with(b"replication-pee"))
        .count()
}

#[test]
fn strangers_who_say_nothing_keep_no_replica_out_and_take_few_threads() {
    let store = shards(2);
    set(&store, 0, b"key", vec![1]);
    // By themselves they would be in the way for longer than the replica waits.
    let silent = options().silence(Duration::from_mins(10));
    let master = Master::start(&store, &tcp(), silent).unwrap();
    let address = master.address().to_string();
    let strangers = (0..150).map(|_| TcpStream::connect(&address).unwrap());
    let mut strangers: Vec<TcpStream> = strangers.collect();
    let copy = shards(2);
    let replica = Replica::start(&copy, master.address(), replica_options());
    assert!(replica.wait_synced(PATIENCE), "{:?}", replica.statistics());
    assert_equal(&store, &copy, &replica);
    // Two carry streams, and who was turned away may have yet to leave.
    let shaking = handshakes();
    assert!(shaking < 100, "{shaking} threads");
    let mut said = Vec::new();
    strangers[0].read_to_end(&mut said).unwrap();
    let said = String::from_utf8_lossy(&said);
    assert!(
        said.ends_with("too many others shake hands with it"),
        "{said}"
    );
}

#[test]
fn addresses_of_a_master_lead_to_the_same_one() {
    let store = shards(2);
    set(&store, 0, b"key", vec![1]);
    let mut master = Master::start(&store, &tcp(), options().replicas_max(1)).unwrap();
    master.listen(&tcp()).unwrap();
    let copy = shards(2);
    let replica = Replica::start(&copy, &master.addresses()[1], replica_options());
    assert!(replica.wait_synced(PATIENCE), "{:?}", replica.statistics());
    assert_equal(&store, &copy, &replica);
    // What may be at once is for all addresses together.
    let second = shards(1);
    let refused = Replica::start(&second, master.address(), replica_options());
    let deadline = std::time::Instant::now() + PATIENCE;
    while refused.statistics().last_error.is_none() {
        assert!(std::time::Instant::now() < deadline);
        std::thread::sleep(Duration::from_millis(5));
    }
    let error = refused.statistics().last_error.unwrap();
    assert!(error.contains("too many replicas"), "{error}");
}

#[test]
fn master_without_a_secret_serves_this_machine_only() {
    let store = shards(1);
    let everywhere: Address = "0.0.0.0:0".parse().unwrap();
    let start = |address: &Address, options| Master::start(&store, address, options);
    let refused = start(&everywhere, MasterOptions::new()).unwrap_err();
    assert!(
        matches!(refused, ReplicationError::Unprotected { .. }),
        "{refused}"
    );
    start(&tcp(), MasterOptions::new()).unwrap();
    start(&everywhere, MasterOptions::new().secret(b"secret")).unwrap();
    start(&everywhere, MasterOptions::new().without_secret_for_all()).unwrap();
}
