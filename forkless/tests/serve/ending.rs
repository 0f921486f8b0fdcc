//! How a server ends that is told to end more than once.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use rustix::process::Signal;

use crate::serving::Served;

/// How many servers are tried: one may have saved before it is cut off.
const SERVERS_MAX: usize = 20;

/// Whether anything has been written to the folder, under whatever name.
fn is_written_to(folder: &Path) -> bool {
    fs::read_dir(folder).unwrap().next().is_some()
}

#[test]
fn second_signal_gives_up_a_last_snapshot_and_is_told_of() {
    let is_given_up = (0..SERVERS_MAX).any(|_| {
        let folder = tempfile::tempdir().unwrap();
        let options = ["--snapshot-budget", "64kB", "--save-on-shutdown"];
        let mut server = Served::forkless(folder.path(), &options);
        server.connect().ask("DEBUG POPULATE 300000 key 100");
        server.signal(Signal::TERM);
        while !is_written_to(folder.path()) && !server.has_ended() {
            std::thread::sleep(Duration::from_millis(1));
        }
        server.signal(Signal::TERM);
        let is_saved = server.ends_well();
        // Whole or not at all, and no success where there is none.
        assert_eq!(folder.path().join("dump.rdb").exists(), is_saved);
        !is_saved
    });
    assert!(
        is_given_up,
        "every last snapshot was quicker than the second signal"
    );
}

/// Serves from a folder; has a file system that never answers take the place of the folder, and
/// then tells the server to end, again and again. Prints its exit code and what it left.
const HANGING_DISK: &str = r#"
    mkdir data || exit 1
    "$0" serve --port 0 --unixsocket socket --dir data --save-on-shutdown >started &
    server=$!
    until grep -q listening started; do kill -0 $server || exit 1; sleep 0.05; done
    exec 5<>/dev/fuse || exit 77
    mount -i -t fuse -o fd=5,rootmode=40000,user_id=0,group_id=0 none data || exit 77
    (for _ in $(seq 60); do kill -TERM $server && sleep 1; done; kill -KILL $server) 2>/dev/null &
    signals=$!
    wait $server
    echo "exit code $?"
    kill $signals
    exec 5>&-
    umount -l data
    ls -A data
"#;

#[test]
fn second_signal_ends_a_server_whose_disk_hangs() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new("unshare");
    command.args(["--mount", "--map-root-user", "sh", "-c", HANGING_DISK]);
    command.arg(env!("CARGO_BIN_EXE_forkless"));
    let output = command.current_dir(folder.path()).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    if output.status.code() == Some(77) || said.contains("unshare") {
        println!("not run: this system lets nobody mount a file system that hangs: {said}");
        return;
    }
    let printed = String::from_utf8(output.stdout).unwrap();
    assert_eq!(printed, "exit code 1\n", "{said}");
    let unsaved = "data/dump.rdb: not saved, the server was cut off\n";
    assert_eq!(said, unsaved);
}
