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

/// Touches `bytes` of free memory and frees it again, so that whoever asks next gets pages that
/// the machine has at hand.
///
/// A virtual machine may give memory that was free for some seconds back to its host, and the
/// first touch of each page then waits for the host: 1.8 ms a MiB were seen where 0.1 ms is usual.
/// That is neither ours nor a peer's to answer for.
pub(crate) fn touch(bytes: u64) {
    let bytes = usize::try_from(bytes).unwrap_or(0);
    drop(std::hint::black_box(vec![1_u8; bytes]));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_given_back_is_counted() {
        let memory = Memory::watch(std::process::id()).unwrap();
        drop(std::hint::black_box(vec![1_u8; 64 << 20]));
        assert!(memory.extra_bytes().unwrap() > 60e6);
    }

    #[test]
    fn a_process_that_is_not_there_cannot_be_watched() {
        assert!(matches!(Memory::watch(u32::MAX), Err(Failure::File { .. })));
    }
}
