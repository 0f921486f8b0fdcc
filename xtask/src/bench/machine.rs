//! What the figures were taken on, without anything that tells one machine from its like.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::failure::Failure;
use crate::program;

/// The machine and the moment of a run.
#[derive(Debug)]
pub(crate) struct Machine {
    processor: String,
    cores: usize,
    kernel: String,
    /// Of the folder that the files were written to.
    filesystem: String,
    /// UTC, as `2026-11-21T07:01:02Z`.
    date: String,
}

impl Machine {
    /// Looks at this machine, and at the filesystem that `folder` is on.
    ///
    /// # Errors
    ///
    /// [`Failure`] when `/proc` or `date` does not answer.
    pub(crate) fn of(folder: &Path) -> Result<Self, Failure> {
        let folder = folder.canonicalize().map_err(Failure::file(folder))?;
        let mounts = read("/proc/self/mountinfo")?;
        let cores = std::thread::available_parallelism().map_err(Failure::file(Path::new("/proc")));
        Ok(Self {
            processor: processor(&read("/proc/cpuinfo")?),
            cores: cores?.get(),
            kernel: read("/proc/sys/kernel/osrelease")?.trim().to_owned(),
            filesystem: filesystem(&mounts, &folder).to_owned(),
            date: program::output(Command::new("date").args(["-u", "+%Y-%m-%dT%H:%M:%SZ"]))?,
        })
    }

    /// One line for people.
    pub(crate) fn line(&self) -> String {
        let Self {
            processor,
            cores,
            kernel,
            filesystem,
            date,
        } = self;
        format!("{processor}, {cores} cores, Linux {kernel}, {filesystem}, {date}")
    }

    /// The same for programs.
    pub(crate) fn json(&self) -> Value {
        json!({
            "processor": self.processor,
            "cores": self.cores,
            "kernel": self.kernel,
            "filesystem": self.filesystem,
            "date": self.date,
        })
    }
}

fn read(path: &str) -> Result<String, Failure> {
    fs::read_to_string(path).map_err(Failure::file(path.as_ref()))
}

fn processor(cpuinfo: &str) -> String {
    let line = cpuinfo.lines().find(|line| line.starts_with("model name"));
    let name = line
        .and_then(|line| line.split_once(':'))
        .map(|(_, name)| name.trim());
    name.unwrap_or("unknown processor").to_owned()
}

/// The kind of filesystem that holds `folder`: that of the longest mount point above it.
///
/// A line is `36 35 98:0 / /mnt rw,noatime shared:1 - ext4 /dev/vda rw`: the mount point is
/// the fifth word, the kind follows the lone dash.
fn filesystem<'a>(mountinfo: &'a str, folder: &Path) -> &'a str {
    let mounts = mountinfo.lines().filter_map(|line| {
        let (mount, device) = line.split_once(" - ")?;
        let point = mount.split(' ').nth(4)?;
        let kind = device.split(' ').next()?;
        folder.starts_with(point).then_some((point.len(), kind))
    });
    mounts
        .max_by_key(|(length, _)| *length)
        .map_or("unknown filesystem", |(_, kind)| kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_mount_point_above_counts() {
        let mounts = "22 1 254:0 / / rw,relatime - ext4 /dev/vda rw\n\
                      23 22 0:21 / /data rw shared:2 - xfs /dev/vdb rw\n\
                      24 22 0:22 / /database rw - tmpfs none rw\n";
        assert_eq!(filesystem(mounts, Path::new("/home/x/target")), "ext4");
        assert_eq!(filesystem(mounts, Path::new("/data/target")), "xfs");
        assert_eq!(filesystem("", Path::new("/")), "unknown filesystem");
    }

    #[test]
    fn the_processor_is_named_once() {
        let text = "processor\t: 0\nmodel name\t: Some CPU @ 2 GHz\nmodel name\t: Other\n";
        assert_eq!(processor(text), "Some CPU @ 2 GHz");
        assert_eq!(processor(""), "unknown processor");
    }

    #[test]
    fn this_machine_can_be_described() {
        let machine = Machine::of(&std::env::temp_dir()).unwrap();
        assert!(machine.line().contains("Linux"), "{}", machine.line());
        assert_eq!(machine.date.len(), "2026-11-21T07:01:02Z".len());
    }
}
