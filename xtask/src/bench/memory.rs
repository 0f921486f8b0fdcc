//! The memory of a process that runs, and the machine's that is free.

use std::fs;
use std::path::PathBuf;

use crate::failure::Failure;

/// How much memory a process has resident, and the most that it has had.
#[derive(Debug)]
pub(crate) struct Memory {
    folder: PathBuf,
    /// When it began to be watched, in bytes.
    before_bytes: f64,
}

impl Memory {
    /// Watches a process from now on.
    ///
    /// # Errors
    ///
    /// [`Failure`] when there is no such process, or it is not ours to watch.
    pub(crate) fn watch(process: u32) -> Result<Self, Failure> {
        let folder = PathBuf::from(format!("/proc/{process}"));
        let peak = folder.join("clear_refs");
        // The most that it has had is what it has now.
        fs::write(&peak, "5").map_err(Failure::file(&peak))?;
        let mut memory = Self {
            folder,
            before_bytes: 0.0,
        };
        memory.before_bytes = memory.bytes("VmRSS:")?;
        Ok(memory)
    }

    /// How much more than at first it has had at most, in bytes.
    ///
    /// # Errors
    ///
    /// [`Failure`] when it has ended.
    pub(crate) fn extra_bytes(&self) -> Result<f64, Failure> {
        Ok(self.bytes("VmHWM:")? - self.before_bytes)
    }

    fn bytes(&self, name: &str) -> Result<f64, Failure> {
        let path = self.folder.join("status");
        let text = fs::read_to_string(&path).map_err(Failure::file(&path))?;
        let line = text.lines().find_map(|line| line.strip_prefix(name));
        let number = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
        let kibibytes = number.ok_or(Failure::Unexpected {
            from: path.display().to_string(),
            said: format!("no {name}"),
        })?;
        Ok(kibibytes * 1024.0)
    }
}

/// Touches free memory and frees it again, so that a store of about so many bytes gets pages that
/// the machine has at hand.
///
/// A virtual machine may give memory that was free for some seconds back to its host, and the
/// first touch of each page then waits for the host: 1.8 ms a MiB were seen where 0.1 ms is usual.
/// That is neither ours nor a peer's to answer for. Which pages the kernel gives next nobody
/// knows: after 1 GiB had been touched a load of 250 MiB was as slow as before, after 4 GiB it was
/// not. And a host goes on taking back while a store is filled and measured. So it is many times
/// the store, or 4 GiB and twice the store if that is less; but no more than half of what is free,
/// so that what stands in the page cache stays there.
pub(crate) fn have_at_hand(store_bytes: u64) {
    let bytes = (16 * store_bytes).min(4 << 30) + 2 * store_bytes;
    let bytes = bytes.min(free_bytes().unwrap_or(0) / 2);
    let bytes = usize::try_from(bytes).unwrap_or(0);
    drop(std::hint::black_box(vec![1_u8; bytes]));
}

/// About how much memory so many values of this size take in a store, in bytes.
pub(crate) fn taken_by(keys: u64, value_bytes: u64) -> u64 {
    keys * (value_bytes + 100)
}

/// Memory that nobody has, not even the page cache, in bytes; `None` where Linux does not say.
fn free_bytes() -> Option<u64> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("MemFree:"))?;
    let kibibytes: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kibibytes * 1024)
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader, Write};
    use std::process::{Command, Stdio};

    use super::*;

    /// A process of its own, because other tests take and free memory in this one meanwhile.
    #[test]
    fn what_was_given_back_is_counted() {
        let takes_64_mib = "read go
            text=0123456789abcdef
            while [ ${#text} -lt 67108864 ]; do text=$text$text; done
            text=
            echo taken
            read end";
        let mut shell = Command::new("sh")
            .args(["-c", takes_64_mib])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut input = shell.stdin.take().unwrap();
        let mut output = BufReader::new(shell.stdout.take().unwrap());

        let memory = Memory::watch(shell.id()).unwrap();
        assert!(memory.extra_bytes().unwrap() < 30e6);
        input.write_all(b"go\n").unwrap();
        let mut said = String::new();
        output.read_line(&mut said).unwrap();
        assert_eq!(said, "taken\n");
        assert!(memory.extra_bytes().unwrap() > 60e6);

        drop(input);
        shell.wait().unwrap();
    }

    #[test]
    fn there_is_free_memory_and_it_can_be_touched() {
        assert!(free_bytes().unwrap() > 1 << 20);
        have_at_hand(1 << 20);
    }

    #[test]
    fn a_process_that_is_not_there_cannot_be_watched() {
        assert!(matches!(Memory::watch(u32::MAX), Err(Failure::File { .. })));
    }
}
