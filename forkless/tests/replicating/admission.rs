//! Who may replicate, and what a server keeps for those who do.

use std::fs;
use std::process::Command;

use crate::load::Load;
use crate::pair::{Place, assert_equal, info, wait_following, wait_until};
use crate::serving::{Served, pack};
use crate::wait_for_load;

#[test]
fn who_does_not_know_the_secret_replicates_nothing() {
    let place = Place::new();
    for (name, secret) in [("right", "open sesame\n"), ("wrong", "open barley\n")] {
        fs::write(place.path(name), secret).unwrap();
    }
    let [right, wrong] = ["right", "wrong"].map(|name| place.path(name).display().to_string());
    let master = place.master(&["--replication-secret-file", &right]);
    let client = &mut master.connect();
    client.ask("SET key value");
    for options in [&["--replication-secret-file", &*wrong][..], &[]] {
        let replica = place.replica(options);
        let other = &mut replica.connect();
        wait_until("it is refused", || {
            info(other, "replica_last_error").contains("secret")
        });
        assert!(other.ask("GET key").starts_with("-LOADING "));
        assert_eq!(info(client, "connected_slaves"), "0");
    }
    let replica = place.replica(&["--replication-secret-file", &right]);
    assert_equal(client, &mut replica.connect());
}

#[test]
fn port_for_replicas_is_open_to_this_machine_alone_unless_there_is_a_secret() {
    let place = Place::new();
    let secret = place.path("secret");
    fs::write(&secret, "open sesame").unwrap();
    let socket = place.path("socket");
    let serve = |options: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_forkless"));
        command.args(["serve", "--port", "0", "--unixsocket"]);
        command.arg(&socket).arg("--dir").arg(place.path("master"));
        command.args(["--replication-port", "0"]).args(options);
        command
    };
    let open = ["--replication-bind", "0.0.0.0"];
    let refused = serve(&open).output().unwrap();
    assert_eq!(refused.status.code(), Some(1));
    let said = String::from_utf8(refused.stderr).unwrap();
    assert!(said.contains("no secret"), "{said}");
    let secret = secret.display().to_string();
    for more in [
        &["--replication-open"][..],
        &["--replication-secret-file", &secret],
    ] {
        let options = [&open[..], more].concat();
        let server = Served::forkless(
            &place.path("master"),
            &[&["--replication-port", "0"], &options[..]].concat(),
        );
        let client = &mut server.connect();
        let address = info(client, "replication_addresses");
        assert!(
            address.starts_with("0.0.0.0:") && !address.ends_with(":0"),
            "{address}"
        );
        client.send(&pack(&[b"SHUTDOWN"]));
        assert_eq!(client.rest(), b"");
        assert!(server.ends_well());
    }
}

#[test]
fn folder_of_the_backlog_is_one_servers_and_cleared_of_what_a_killed_one_left() {
    let place = Place::new();
    let folder = place.path("backlog");
    let name = folder.display().to_string();
    let options = [
        "--replication-backlog-dir",
        &name,
        "--replication-backlog",
        "1kB",
    ];
    let first = place.master(&options);
    // It answers once it has begun.
    first.connect().ask("PING");
    first.kill();
    let stale = folder.join("0123-0-7.forkless-backlog");
    let foreign = folder.join("notes");
    for path in [&stale, &foreign] {
        fs::write(path, "frames").unwrap();
    }
    let master = place.master(&options);
    let client = &mut master.connect();
    client.ask("PING");
    assert!(!stale.exists() && foreign.exists());

    let mut second = Command::new(env!("CARGO_BIN_EXE_forkless"));
    second.args(["serve", "--port", "0", "--unixsocket"]);
    second
        .arg(place.path("second"))
        .arg("--dir")
        .arg(place.path("replica"));
    let second = second.args(["--replication-port", "0"]).args(options);
    let refused = second.output().unwrap();
    let said = String::from_utf8(refused.stderr).unwrap();
    assert_eq!(
        (refused.status.code(), said.lines().count()),
        (Some(1), 1),
        "{said}"
    );
    assert!(said.contains(&name), "{said}");

    client.ask("DEBUG POPULATE 20000 key 100");
    let load = Load::start(&master.socket(), 5);
    let replica = place.replica(&[]);
    let other = &mut replica.connect();
    wait_following(other);
    wait_for_load(&load, 500);
    load.stop();
    assert_equal(client, other);
}
