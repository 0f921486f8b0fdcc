//! Who is let in, and who is not.

use std::io::Write;
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
