//! Choosing block size and depth by trying them on the disk.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::access::Direct;
use crate::error::WriteError;
use crate::options::WriterOptions;

/// The block sizes that are tried, in bytes, besides the one that was given.
const BLOCK_BYTES: [usize; 5] = [128 << 10, 256 << 10, 512 << 10, 1 << 20, 2 << 20];

/// More writes in flight than this make no disk faster, and their completions late.
const DEPTH_MAX: usize = 32;

/// What one trial writes, in bytes: enough to keep every candidate's depth busy for a while.
const TRIAL_BYTES: u64 = 16 << 20;

/// No further round of trials is begun after this time.
const TIME_MAX: Duration = Duration::from_millis(250);
const ROUNDS_MAX: usize = 5;

/// One block size with its depth, and how long each of its trials took.
#[derive(Debug)]
struct Candidate {
    options: WriterOptions,
    trials: Vec<Duration>,
}

impl WriterOptions {
    /// These options with the block size and depth that are the fastest here, for the same
    /// memory or a little less: `block_bytes * (depth + 1)` is not exceeded.
    ///
    /// Writes 16 MiB with each of up to six candidates in turns, into temporary files beside
    /// `final_path` that are gone afterwards, for about a quarter of a second, or one round
    /// where that takes longer. Worth it for files of many gigabytes, or once for many files.
    ///
    /// Through the page cache the speed says nothing of the disk: where direct writes are
    /// refused or not wanted, the options come back as they are.
    ///
    /// # Errors
    ///
    /// Those of [`create`](Self::create) and of writing.
    ///
    /// # Example
    ///
    /// ```
    /// use aligned_io::WriterOptions;
    ///
    /// let directory = tempfile::tempdir()?;
    /// let path = directory.path().join("dump");
    /// let tuned = WriterOptions::default().tuned(&path)?;
    /// assert!(tuned.block_bytes * (tuned.depth + 1) <= 5 << 20);
    /// let writer = tuned.create(&path)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn tuned(&self, final_path: impl AsRef<Path>) -> Result<Self, WriteError> {
        let path = final_path.as_ref();
        if self.direct == Direct::Never || !self.trial().create(path)?.mode().direct {
            return Ok(self.clone());
        }
        let mut candidates = self.candidates();
        // One that would go through the page cache is no faster for it. If even the given sizes
        // are refused from one writer to the next, the options come back as they are.
        candidates.retain(|candidate| candidate.options.create(path).is_ok());
        let start = Instant::now();
        for _ in 0..ROUNDS_MAX {
            for candidate in &mut candidates {
                candidate.try_out(path)?;
            }
            if start.elapsed() > TIME_MAX {
                break;
            }
        }
        let best = candidates.into_iter().min_by_key(Candidate::median);
        let tuned = best.map_or_else(|| self.clone(), |best| best.options);
        tracing::debug!(tuned.block_bytes, tuned.depth, "writes measured");
        Ok(Self {
            preallocate_bytes: self.preallocate_bytes,
            direct: self.direct,
            ..tuned
        })
    }

    /// These options for a file of the size of a trial.
    fn trial(&self) -> Self {
        Self {
            preallocate_bytes: self.preallocate_bytes.min(TRIAL_BYTES),
            ..self.clone()
        }
    }

    /// What is tried: the given sizes first, so that they win a draw.
    fn candidates(&self) -> Vec<Candidate> {
        let memory_bytes = self.block_bytes.saturating_mul(self.depth + 1);
        let others = BLOCK_BYTES.into_iter().filter_map(|block_bytes| {
            let depth = (memory_bytes / block_bytes).saturating_sub(1);
            let depth = depth.min(DEPTH_MAX);
            let is_new = block_bytes != self.block_bytes;
            (is_new && depth >= 2).then_some((block_bytes, depth))
        });
        let given = (self.block_bytes, self.depth);
        std::iter::once(given)
            .chain(others)
            .map(|(block_bytes, depth)| Candidate {
                options: Self {
                    block_bytes,
                    depth,
                    direct: Direct::Require,
                    ..self.trial()
                },
                trials: Vec::new(),
            })
            .collect()
    }
}

impl Candidate {
    fn try_out(&mut self, path: &Path) -> Result<(), WriteError> {
        let mut writer = self.options.create(path)?;
        let start = Instant::now();
        while writer.position() < TRIAL_BYTES {
            writer.fill(|space| {
                // Not zeros, which a disk may leave out.
                space.fill(0x5a);
                space.len()
            })?;
        }
        writer.wait_for_all()?;
        self.trials.push(start.elapsed());
        Ok(())
    }

    fn median(&self) -> Duration {
        let mut trials = self.trials.clone();
        trials.sort_unstable();
        trials
            .get(trials.len() / 2)
            .copied()
            .unwrap_or(Duration::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn candidates_keep_to_the_memory_and_begin_with_what_was_given() {
        let options = WriterOptions::default();
        let sizes: Vec<_> = options
            .candidates()
            .iter()
            .map(|candidate| (candidate.options.block_bytes, candidate.options.depth))
            .collect();
        let expected = [
            (1 << 20, 4),
            (128 << 10, 32),
            (256 << 10, 19),
            (512 << 10, 9),
        ];
        assert_eq!(sizes, expected);
        let tiny = WriterOptions {
            block_bytes: 4096,
            depth: 1,
            ..options
        };
        assert_eq!(tiny.candidates().len(), 1);
    }

    #[test]
    fn tuning_leaves_nothing_behind_and_changes_nothing_else() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        let options = WriterOptions {
            block_bytes: 256 << 10,
            depth: 2,
            preallocate_bytes: 1,
            ..WriterOptions::default()
        };
        let tuned = options.tuned(&path).unwrap();
        let memory_bytes = |options: &WriterOptions| options.block_bytes * (options.depth + 1);
        assert!(memory_bytes(&tuned) <= memory_bytes(&options));
        let untuned = WriterOptions {
            block_bytes: options.block_bytes,
            depth: options.depth,
            ..tuned
        };
        assert_eq!(untuned, options);
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
    }

    #[test]
    fn trials_are_direct_and_reserve_no_more_than_they_write() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        let options = WriterOptions {
            // More than any disk has.
            preallocate_bytes: 1 << 60,
            ..WriterOptions::default()
        };
        for candidate in options.candidates() {
            assert_eq!(candidate.options.direct, Direct::Require);
            assert_eq!(candidate.options.preallocate_bytes, TRIAL_BYTES);
        }
        let tuned = options.tuned(&path).unwrap();
        assert_eq!(tuned.preallocate_bytes, options.preallocate_bytes);
        assert_eq!(tuned.direct, options.direct);
    }
}
