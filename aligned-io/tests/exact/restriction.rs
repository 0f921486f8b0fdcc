//! What the kernel refuses to a process, and all of the tests again in one that is refused it.

use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::process::Command;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::thread::{CapabilitySet, capabilities, set_capabilities};
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter, TargetArch};

use crate::skipped::RESTRICTION;

const EPERM: u32 = 1;
const ENOSYS: u32 = 38;
/// The numbers of these system calls, the same on every machine.
const IO_URING_SETUP: i64 = 425;
const IO_URING_ENTER: i64 = 426;

/// A restriction that is no system call.
const LOCKED_MEMORY: &str = "locked memory";

/// Which system call is refused, as what.
const SECCOMP: [(&str, i64, u32); 3] = [
    ("io_uring", IO_URING_SETUP, EPERM),
    ("io_uring_enter, EPERM", IO_URING_ENTER, EPERM),
    ("io_uring_enter, ENOSYS", IO_URING_ENTER, ENOSYS),
];

/// What the kernel refuses to this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Restriction {
    None,
    /// `io_uring`, as in a container.
    IoUring,
    /// More than 64 KiB of locked memory, as without privileges under an old limit.
    LockedMemory,
}

impl Restriction {
    /// Puts the calling thread, and those it starts, under the restriction of this process.
    pub(crate) fn apply() -> Self {
        thread_local!(static APPLIED: OnceCell<Restriction> = const { OnceCell::new() });
        APPLIED.with(|applied| *applied.get_or_init(Self::apply_anew))
    }

    fn apply_anew() -> Self {
        let Ok(wanted) = std::env::var(RESTRICTION) else {
            return Self::None;
        };
        let refused = SECCOMP.into_iter().find(|(name, ..)| *name == wanted);
        if let Some((_, call, errno)) = refused {
            let arch = TargetArch::try_from(std::env::consts::ARCH).unwrap();
            let filter = SeccompFilter::new(
                BTreeMap::from([(call, Vec::new())]),
                SeccompAction::Allow,
                SeccompAction::Errno(errno),
                arch,
            );
            let program = BpfProgram::try_from(filter.unwrap()).unwrap();
            seccompiler::apply_filter(&program).unwrap();
            return Self::IoUring;
        }
        assert_eq!(wanted, LOCKED_MEMORY);
        // The privileged are not held to the limit.
        let mut sets = capabilities(None).unwrap();
        sets.effective.remove(CapabilitySet::IPC_LOCK);
        sets.permitted.remove(CapabilitySet::IPC_LOCK);
        set_capabilities(None, sets).unwrap();
        let current = Some(64 << 10);
        let limit = Rlimit {
            current,
            ..getrlimit(Resource::Memlock)
        };
        setrlimit(Resource::Memlock, limit).unwrap();
        Self::LockedMemory
    }
}

pub(crate) fn is_restricted() -> bool {
    std::env::var_os(RESTRICTION).is_some()
}

/// Runs all tests of this program but the restricted ones again, in a restricted process.
fn run_restricted(restriction: &str) {
    if is_restricted() {
        return;
    }
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--skip", "all_of_this_holds"])
        .env(RESTRICTION, restriction)
        .output()
        .unwrap();
    let output = String::from_utf8_lossy(&child.stdout);
    assert!(child.status.success(), "{restriction}: {output}");
    assert!(output.contains("test result: ok. 9 passed"), "{output}");
}

#[test]
fn all_of_this_holds_without_io_uring() {
    run_restricted(SECCOMP[0].0);
}

#[test]
fn all_of_this_holds_where_io_uring_is_set_up_but_does_not_turn() {
    run_restricted(SECCOMP[1].0);
    run_restricted(SECCOMP[2].0);
}

#[test]
fn all_of_this_holds_without_locked_memory() {
    run_restricted(LOCKED_MEMORY);
}
