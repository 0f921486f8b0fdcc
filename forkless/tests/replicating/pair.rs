//! A master and a replica, each a process, each in a folder of its own.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::serving::{Client, Served};

/// Longer than anything here takes.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// Folders of a master and its replica, and where they meet.
pub(crate) struct Place {
    folder: TempDir,
}

impl Place {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        for name in ["master", "replica"] {
            std::fs::create_dir(folder.path().join(name)).unwrap();
        }
        Self { folder }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The Unix socket for replicas.
    pub(crate) fn meeting(&self) -> String {
        self.path("meeting").display().to_string()
    }

    pub(crate) fn master(&self, options: &[&str]) -> Served {
        let meeting = self.meeting();
        let all = [&["--replication-unixsocket", &meeting], options].concat();
        Served::forkless(&self.path("master"), &all)
    }

    pub(crate) fn replica(&self, options: &[&str]) -> Served {
        let of = format!("unix:{}", self.meeting());
        let all = [&["--replicaof", &of], options].concat();
        Served::forkless(&self.path("replica"), &all)
    }
}

/// Sends a signal to a server's process.
pub(crate) fn signal(server: &Served, signal: Signal) {
    let id = i32::try_from(server.child.id()).unwrap();
    kill_process(Pid::from_raw(id).unwrap(), signal).unwrap();
}

/// What INFO tells under this name.
pub(crate) fn info(client: &mut Client, name: &str) -> String {
    let text = client.ask("INFO everything");
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    line.unwrap_or_default().to_owned()
}

/// Waits until `is_so`.
pub(crate) fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "not so yet: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Waits until a replica follows its master.
pub(crate) fn wait_following(replica: &mut Client) {
    wait_until("the replica follows", || {
        info(replica, "replica_state") == "following"
    });
}

/// Waits until both hold the same, while nobody writes.
pub(crate) fn assert_equal(master: &mut Client, replica: &mut Client) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let digests = [&mut *master, &mut *replica].map(|client| client.ask("DEBUG DIGEST"));
        if digests[0] == digests[1] && digests[0].starts_with('+') {
            return;
        }
        if Instant::now() > deadline {
            let infos = [master, replica].map(|client| client.ask("INFO replication"));
            let keys = infos.join("\n");
            panic!("{digests:?}\n{keys}");
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}
