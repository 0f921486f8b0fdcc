//! Snapshots of the server: taken, cancelled, found again at the start.

use std::error::Error;
use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use shard_runtime::ShardSet;
use snapshot::{Expired, Handle, Load, LoadReport, Progress, Report, Snapshot, SnapshotError};

use crate::server::error::ServerError;
use crate::server::options::{ServerOptions, SnapshotFiles};
use crate::server::shard_state::{DATABASES, ShardState, now_ms};
use crate::server::sync::Mutex;

/// How often whoever waits for a snapshot looks up.
const LOOK: Duration = Duration::from_secs(1);

/// The snapshots of one server, of which one at most is being taken.
#[derive(Debug)]
pub(crate) struct Persistence {
    path: PathBuf,
    files: SnapshotFiles,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    running: Option<Running>,
    /// Source texts of the functions that were loaded, to be saved again.
    functions: Vec<Vec<u8>>,
    last: LastSave,
}

/// The snapshot that is being taken.
#[derive(Debug)]
enum Running {
    /// Its file is being made and its cut taken, and it may have been given up already.
    Beginning { is_given_up: bool },
    /// Its keys are on their way.
    Going(Arc<Handle>),
}

/// What is being saved, and what was saved last, at one moment.
#[derive(Debug)]
pub(crate) struct Look {
    pub(crate) last: LastSave,
    /// Whether a snapshot is being taken.
    pub(crate) is_saving: bool,
    /// How far it is, once its cut is taken.
    pub(crate) progress: Option<Progress>,
}

/// How the last snapshot went.
#[derive(Debug, Clone)]
pub(crate) struct LastSave {
    /// When the last one that was saved was, or the start; in seconds since 1970.
    pub(crate) at_s: i64,
    /// Why the last one failed, if it did.
    pub(crate) failure: Option<String>,
    pub(crate) took: Option<Duration>,
    pub(crate) figures: SaveFigures,
}

/// What snapshots have come to.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct SaveFigures {
    pub(crate) saved: u64,
    pub(crate) failed: u64,
    pub(crate) last_keys: u64,
    pub(crate) last_bytes: u64,
    pub(crate) last_buckets_by_writes: u64,
    pub(crate) last_budget_bytes: usize,
    pub(crate) last_cut_pause: Duration,
}

impl Persistence {
    pub(crate) fn new(options: &ServerOptions) -> Self {
        Self {
            path: options.folder.join(&options.file_name),
            files: options.files,
            state: Mutex::new(State {
                running: None,
                functions: Vec::new(),
                last: LastSave {
                    at_s: now_ms() / 1000,
                    failure: None,
                    took: None,
                    figures: SaveFigures::default(),
                },
            }),
        }
    }

    /// Where snapshots go.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// How the last one went and how far the one is that is being taken, at one moment: where
    /// none is, the last one is the one that was seen before.
    pub(crate) fn look(&self) -> Look {
        let state = self.state.lock();
        Look {
            last: state.last.clone(),
            is_saving: state.running.is_some(),
            progress: match &state.running {
                Some(Running::Going(handle)) => Some(handle.progress()),
                Some(Running::Beginning { .. }) | None => None,
            },
        }
    }

    pub(crate) fn last(&self) -> LastSave {
        self.state.lock().last.clone()
    }

    /// Takes the cut of a snapshot; [`finish`](Self::finish) waits for the rest.
    pub(crate) fn begin(
        &self,
        options: &ServerOptions,
        shards: &ShardSet<ShardState>,
    ) -> Result<Arc<Handle>, ServerError> {
        let mut state = self.state.lock();
        if state.running.is_some() {
            return Err(ServerError::Saving);
        }
        state.running = Some(Running::Beginning { is_given_up: false });
        let functions = state.functions.clone();
        // A disk that hangs while the file is made must not hold up those who look or give up.
        drop(state);
        let snapshot = Snapshot::new()
            .target(options.target)
            .compression(options.compression)
            .budget_bytes(options.snapshot_budget_bytes)
            .functions(functions);
        let begun = match self.files {
            SnapshotFiles::Single => snapshot.to_file(shards, &self.path),
            SnapshotFiles::PerShard => snapshot.to_files(shards, &self.path),
        };
        let mut state = self.state.lock();
        match begun {
            Ok(handle) => {
                let handle = Arc::new(handle);
                let running = state.running.replace(Running::Going(Arc::clone(&handle)));
                if let Some(Running::Beginning { is_given_up: true }) = running {
                    handle.cancel();
                }
                Ok(handle)
            }
            Err(source) => {
                state.running = None;
                state.last.count_failure(&source);
                Err(self.failure(source))
            }
        }
    }

    /// Waits until a snapshot is over that [`begin`](Self::begin) has begun.
    pub(crate) fn finish(
        &self,
        handle: Arc<Handle>,
        shards: &ShardSet<ShardState>,
    ) -> Result<(), ServerError> {
        while !handle.wait_timeout(LOOK) {}
        let mut state = self.state.lock();
        state.running = None;
        // Everybody else borrows it under the lock.
        let outcome = match Arc::into_inner(handle) {
            Some(handle) => handle.wait(),
            None => Err(SnapshotError::Taken),
        };
        match outcome {
            Ok(report) => {
                self.remove_superseded().inspect_err(|error| {
                    state.last.count_failure(error);
                })?;
                state.last.count_success(&report);
                drop(state);
                let saved = shards.broadcast(|shard| {
                    let tally = &mut shard.state().tally;
                    tally.changes -= tally.changes_at_cut;
                    tally.changes_at_cut = 0;
                });
                // A shard that has failed counts nothing any more.
                drop(saved);
                Ok(())
            }
            Err(source) => {
                state.last.count_failure(&source);
                Err(self.failure(source))
            }
        }
    }

    /// Removes the snapshot of the other kind, which the one that was just saved replaces: a single
    /// file where that is a set of files, or the other way round. With both of them nobody could
    /// tell at the next start which one counts.
    fn remove_superseded(&self) -> Result<(), ServerError> {
        let (other, removed) = match self.files {
            SnapshotFiles::Single => {
                let manifest = self.manifest();
                let removed = if manifest.exists() {
                    aligned_io::remove_set(&self.path).map_err(io::Error::other)
                } else {
                    Ok(0)
                };
                (manifest, removed.map(drop))
            }
            SnapshotFiles::PerShard => (self.path.clone(), fs::remove_file(&self.path)),
        };
        match removed {
            Err(source) if source.kind() != ErrorKind::NotFound => Err(ServerError::Superseded {
                path: other,
                source,
            }),
            _ => Ok(()),
        }
    }

    /// Where the manifest of a set of files goes.
    fn manifest(&self) -> PathBuf {
        let mut manifest = self.path.clone().into_os_string();
        manifest.push(".manifest");
        PathBuf::from(manifest)
    }

    /// Gives up the snapshot that is being taken; whether there is one.
    pub(crate) fn cancel(&self) -> bool {
        let mut state = self.state.lock();
        match &mut state.running {
            Some(Running::Beginning { is_given_up }) => *is_given_up = true,
            Some(Running::Going(handle)) => handle.cancel(),
            None => return false,
        }
        true
    }

    /// Gives up the snapshot that is being taken, and waits until nothing of it is left on the
    /// disk, but no longer than this.
    pub(crate) fn abandon(&self, patience: Duration) {
        let deadline = Instant::now() + patience;
        while self.cancel() && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Loads what was saved, if anything was. The shards must have no keys.
    pub(crate) fn load(
        &self,
        shards: &ShardSet<ShardState>,
    ) -> Result<Option<LoadReport>, ServerError> {
        let path = &self.path;
        let manifest = self.manifest();
        let load = Load::new()
            .databases_max(DATABASES)
            .expired(Expired::DropAt(now_ms()));
        let loaded = match (path.is_file(), manifest.is_file()) {
            (true, true) => {
                let file = path.clone();
                return Err(ServerError::TwoSnapshots { file, manifest });
            }
            (true, false) => {
                let opened = File::open(path).map_err(|source| ServerError::Open {
                    path: path.clone(),
                    source,
                });
                load.from_file(&opened?, shards)
            }
            (false, true) => load.from_files(path, shards),
            (false, false) => return Ok(None),
        };
        let report = loaded.map_err(|source| ServerError::Load {
            path: path.clone(),
            source,
        })?;
        let counted = shards.broadcast(|shard| shard.state().recount());
        counted.into_iter().collect::<Result<(), _>>()?;
        self.state.lock().functions.clone_from(&report.functions);
        Ok(Some(report))
    }

    fn failure(&self, source: SnapshotError) -> ServerError {
        match source {
            SnapshotError::File(error) => ServerError::File(error),
            source => ServerError::Save {
                path: self.path.clone(),
                source,
            },
        }
    }
}

impl LastSave {
    fn count_success(&mut self, report: &Report) {
        self.at_s = now_ms() / 1000;
        self.failure = None;
        self.took = Some(report.duration);
        self.figures = SaveFigures {
            saved: self.figures.saved + 1,
            failed: self.figures.failed,
            last_keys: report.keys,
            last_bytes: report.bytes,
            last_buckets_by_writes: report.buckets_by_writes,
            last_budget_bytes: report.budget_bytes_used,
            last_cut_pause: report.cut_pause,
        };
    }

    fn count_failure(&mut self, error: &dyn Error) {
        self.failure = Some(error.to_string());
        self.figures.failed += 1;
    }
}
