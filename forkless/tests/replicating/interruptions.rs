//! Servers that are killed or stopped: the other goes on.
//!
//! `FORKLESS_REPLICATION_ROUNDS` says how often each is killed, `FORKLESS_REPLICATION_SECONDS` for
//! how long each is stopped. Where that is said, it is compared how long clients wait at the other
//! meanwhile, and at a server that has no replica.
#![expect(clippy::print_stderr, reason = "tells what was compared")]

use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::load::Load;
use crate::pair::{Place, assert_equal, info, signal, wait_following, wait_until};
use crate::wait_for_load;

fn number(variable: &str, default: u64) -> u64 {
    let set = std::env::var(variable).ok();
    set.map_or(default, |text| text.parse().unwrap())
}

/// How often each process is killed.
fn rounds() -> u64 {
    number("FORKLESS_REPLICATION_ROUNDS", 1)
}

/// For how long each process is stopped.
fn pause() -> Duration {
    Duration::from_secs(number("FORKLESS_REPLICATION_SECONDS", 2))
}

/// Whether clients waited about as long as those of a server that has nobody to wait for. What
/// stops the whole machine stops both; who waits for a stopped server waits until that is given up.
fn assert_alike(longest: Duration, of_the_control: Duration) {
    if std::env::var_os("FORKLESS_REPLICATION_SECONDS").is_some() {
        eprintln!("{longest:?} at the longest, {of_the_control:?} at the control");
        assert!(longest < 4 * of_the_control + Duration::from_secs(1));
    }
}

#[test]
fn killed_servers_come_back_and_the_other_goes_on() {
    let place = Place::new();
    let shards = &["--shards", "2", "--snapshot-budget", "1MiB"][..];
    let mut master = place.master(shards);
    let mut replica = place.replica(&["--shards", "3"]);
    master.connect().ask("DEBUG POPULATE 20000 key 100");
    for round in 0..rounds() {
        // The replica is killed, in the middle of whatever it does, and the load goes on.
        let load = Load::start(&master.socket(), 100 + round);
        wait_for_load(&load, 500 * (1 + round % 3));
        replica.kill();
        wait_for_load(&load, 500);
        replica = place.replica(&["--shards", "3"]);
        wait_following(&mut replica.connect());
        wait_for_load(&load, 500);
        // The master is killed, and comes back with what it has saved.
        let client = &mut master.connect();
        assert_eq!(client.ask("SAVE"), "+OK\r\n");
        wait_for_load(&load, 500);
        master.kill();
        load.stop();
        let other = &mut replica.connect();
        let shown = other.ask("DBSIZE");
        assert!(shown.starts_with(':'), "it serves on: {shown}");
        wait_until("the replica knows", || {
            info(other, "replica_state") == "connecting"
        });
        assert!(other.ask("GET s:1").starts_with('$'));
        master = place.master(shards);
        let client = &mut master.connect();
        assert_equal(client, other);
        assert_eq!(info(other, "master_link_status"), "up");
    }
}

#[test]
fn stopped_servers_do_not_hold_up_the_other() {
    let place = Place::new();
    let (master, replica) = (place.master(&["--shards", "2"]), place.replica(&[]));
    let (client, other) = (&mut master.connect(), &mut replica.connect());
    client.ask("DEBUG POPULATE 20000 key 100");
    wait_following(other);
    let apart = Place::new();
    let alone = apart.master(&["--shards", "2"]);
    let control = &mut alone.connect();
    control.ask("DEBUG POPULATE 20000 key 100");
    let load = Load::start(&master.socket(), 77);
    let control_load = Load::start(&alone.socket(), 77);
    wait_for_load(&load, 500);
    load.take_longest();
    control_load.take_longest();
    signal(&replica, Signal::STOP);
    let since = Instant::now();
    while since.elapsed() < pause() {
        wait_for_load(&load, 100);
    }
    assert_alike(load.take_longest(), control_load.take_longest());
    control_load.stop();
    signal(&replica, Signal::CONT);
    wait_for_load(&load, 500);
    load.stop();
    assert_equal(client, other);

    signal(&master, Signal::STOP);
    let since = Instant::now();
    let mut longest = [Duration::ZERO; 2];
    while since.elapsed() < pause() {
        for (client, longest) in [&mut *other, &mut *control].into_iter().zip(&mut longest) {
            let sent = Instant::now();
            assert!(client.ask("GET s:1").starts_with('$'));
            *longest = sent.elapsed().max(*longest);
        }
    }
    assert_alike(longest[0], longest[1]);
    signal(&master, Signal::CONT);
    client.ask("SET after 1");
    assert_equal(client, other);
}
