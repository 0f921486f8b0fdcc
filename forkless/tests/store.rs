//! `forkless store`: a store inspected, verified, sent and rebuilt from the command line.

#![cfg(feature = "epaxos")]
#![expect(
    clippy::unwrap_used,
    reason = "a failure outside a test function fails the test too"
)]

use std::path::Path;
use std::process::{Command, Output};

use epaxos_store::{Ballot, Instance, Options, ReplicaId, Store};

fn forkless(arguments: &[&str], paths: &[&Path]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_forkless"))
        .arg("store")
        .args(&arguments[..1])
        .args(paths)
        .args(&arguments[1..])
        .output()
        .unwrap()
}

fn said(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn last_line(printed: &str) -> serde_json::Value {
    serde_json::from_str(printed.lines().last().unwrap()).unwrap()
}

#[test]
fn a_store_goes_out_and_in_again() {
    let folder = tempfile::tempdir().unwrap();
    let [here, there, file] = ["here", "there", "file"].map(|name| folder.path().join(name));
    let replica = ReplicaId(-7);
    let store = Store::open(&here, &Options::new(replica)).unwrap();
    let id = store.reserve_instance_id(replica).unwrap();
    let mut instance = Instance::promised(id, Ballot { number: 0, replica });
    instance.dependencies = Some(Vec::new());
    instance.committed = true;
    store.engine().set_instance(&instance).unwrap();
    store.engine().set_kv(b"k", b"v").unwrap();
    drop(store);

    let shown = said(&forkless(&["inspect", "--json"], &[&here]));
    let shown = last_line(&shown);
    assert_eq!(
        (&shown["replica"], &shown["learner"]),
        (&(-7).into(), &false.into())
    );
    assert_eq!(shown["replicas"][0]["max"], 0);
    let verified = said(&forkless(&["verify"], &[&here]));
    assert!(
        verified.starts_with("sound: 1 records, 1 instances"),
        "{verified}"
    );

    let sent = last_line(&said(&forkless(&["stream-out", "--json"], &[&here, &file])));
    assert_eq!(
        (&sent["records"], &sent["instances"], &sent["replica"]),
        (&1.into(), &1.into(), &(-7).into())
    );
    let rebuilt = forkless(&["stream-in", "--replica", "2", "--json"], &[&there, &file]);
    let rebuilt = last_line(&said(&rebuilt));
    assert_eq!(
        (&rebuilt["replica"], &rebuilt["learner"]),
        (&2.into(), &true.into())
    );
    let shown = said(&forkless(&["inspect"], &[&there]));
    assert!(
        shown.starts_with("replica 2, opened 2 times, does not vote"),
        "{shown}"
    );
    let store = Store::open(&there, &Options::new(ReplicaId(2))).unwrap();
    assert_eq!(store.engine().get_kv(b"k").unwrap().unwrap(), b"v");
    drop(store);

    // A damaged file changes nothing, and says where it is damaged.
    let mut bytes = std::fs::read(&file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&file, bytes).unwrap();
    let refused = forkless(&["stream-in", "--replica", "2"], &[&there, &file]);
    let words = String::from_utf8(refused.stderr).unwrap();
    assert!(
        !refused.status.success() && words.contains("damaged at byte"),
        "{words}"
    );
    assert_eq!(words.lines().count(), 1, "{words}");
    said(&forkless(&["verify"], &[&there]));

    let missing = forkless(&["inspect"], &[&folder.path().join("nowhere")]);
    assert!(
        String::from_utf8(missing.stderr)
            .unwrap()
            .contains("no store at")
    );
}
