//! The memory of a writer.

use std::fs;
use std::path::Path;

use aligned_io::{AlignedWriter, WriterOptions};
use serde_json::json;

use crate::row::print;
use crate::scale::MIB;
use crate::writes::fill;

/// What a writer with the options of its own adds to the memory of the process, at most.
pub(crate) fn measure(directory: &Path) {
    let path = directory.join("file");
    let run = || -> u64 {
        let before = resident_bytes();
        let mut most = before;
        let mut writer: AlignedWriter = WriterOptions::default().create(&path).unwrap();
        fill(&mut writer, 64 * MIB, || most = most.max(resident_bytes()));
        writer.publish().unwrap();
        most - before
    };
    // The second run shows what the first one left in the allocator as nothing: take the first.
    #[expect(clippy::cast_precision_loss, reason = "a few MiB")]
    let mib = run() as f64 / MIB as f64;
    fs::remove_file(&path).unwrap();
    print(
        "memory of a writer",
        "MiB",
        &[mib],
        &[],
        &json!({"at_most": 8.0}),
    );
}

/// What the process holds in memory, in bytes.
fn resident_bytes() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let kib = line.unwrap().split_whitespace().nth(1).unwrap();
    kib.parse::<u64>().unwrap() << 10
}
