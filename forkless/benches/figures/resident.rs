//! The memory of this process that is resident, as the system counts it.

use std::fs;

/// What is resident now, in bytes; from here on the system remembers the most.
pub(crate) fn begin() -> usize {
    fs::write("/proc/self/clear_refs", "5").unwrap();
    status_bytes("VmRSS:")
}

/// The most that was resident since [`begin`], in bytes.
pub(crate) fn most_bytes() -> usize {
    status_bytes("VmHWM:")
}

/// A line of the system's account of this process.
fn status_bytes(name: &str) -> usize {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix(name))
        .unwrap();
    let kib: usize = line.trim().trim_end_matches(" kB").parse().unwrap();
    kib * 1024
}
