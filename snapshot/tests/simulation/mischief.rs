//! Those who repeat what connections have said, and who spoil the files of backlogs.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use shard_runtime::{SimulationHandle, Worker, spawn_named};
use snapshot::{Frame, FrameKind, SimulatedNetwork};
use tempfile::TempDir;

use crate::clients::below;
use crate::proof::Proof;
use crate::weather::{Climate, Weather};

/// How long they take over one word.
const PATIENCE: Duration = Duration::from_secs(1);

/// What is done to masters and replicas until all is over.
pub(crate) struct Mischief {
    /// How many attaches were repeated.
    replays: Worker<u64>,
    /// How many files were found, and how many of them spoilt.
    spoils: Worker<(u64, u64)>,
}

impl Mischief {
    /// As much of it as the climate allows, in a network, and in a folder of backlogs if there is
    /// one.
    pub(crate) fn start(
        sim: SimulationHandle,
        climate: Climate,
        over: &Arc<AtomicBool>,
        (weather, network, folder): (&Weather, &SimulatedNetwork, Option<Arc<TempDir>>),
    ) -> Self {
        let (weather, network) = (weather.clone(), network.clone());
        let replays = {
            let over = Arc::clone(over);
            spawn_named("replay", move || match climate {
                Climate::Fair => 0,
                _ => replay_attaches(sim, &over, (&weather, &network)),
            })
        };
        let spoils = {
            let over = Arc::clone(over);
            spawn_named("spoil", move || match folder {
                Some(folder) => spoil(sim, &over, folder.path(), climate),
                None => (0, 0),
            })
        };
        Self { replays, spoils }
    }

    /// Waits for its end; what was done.
    pub(crate) fn stop(self, proof: &mut Proof) {
        let (files, damaged) = self.spoils.join().unwrap();
        proof.count("files of backlogs", files);
        proof.count("files spoilt", damaged);
        proof.count("replays", self.replays.join().unwrap());
    }
}

/// Says again, over other connections, what connections have begun with.
fn replay_attaches(
    sim: SimulationHandle,
    over: &AtomicBool,
    (weather, network): (&Weather, &SimulatedNetwork),
) -> u64 {
    let mut replays = 0;
    // Relaxed, as all here: it is one thread.
    while !over.load(Ordering::Relaxed) {
        sim.sleep(Duration::from_millis(sim.below(200)));
        let Some(attach) = weather.overheard(sim) else {
            continue;
        };
        let Ok(socket) = network.connect() else {
            continue;
        };
        let mut frame = Vec::new();
        Frame::encode(&mut frame, FrameKind::Attach, 0, &attach);
        if socket.write(&frame, PATIENCE).is_ok() {
            // Whatever is said: the weather notes it.
            drop(socket.read(&mut [0; 100], Duration::from_millis(30)));
            replays += 1;
        }
    }
    replays
}

/// Looks for files of backlogs, and spoils some where that may be; how many there were of both.
fn spoil(sim: SimulationHandle, over: &AtomicBool, folder: &Path, climate: Climate) -> (u64, u64) {
    let (mut found, mut spoilt) = (0, 0);
    while !over.load(Ordering::Relaxed) {
        sim.sleep(Duration::from_millis(sim.below(20)));
        let paths = fs::read_dir(folder).unwrap();
        let paths = paths.map(|entry| entry.unwrap().path());
        let mut paths: Vec<_> = paths.filter(|path| is_of_backlog(path)).collect();
        paths.sort();
        found += paths.len() as u64;
        if climate == Climate::Foul && !paths.is_empty() && sim.below(4) == 0 {
            let path = &paths[below(sim, paths.len())];
            let mut bytes = fs::read(path).unwrap();
            let place = below(sim, bytes.len());
            bytes[place] ^= 1 << sim.below(8);
            fs::write(path, bytes).unwrap();
            spoilt += 1;
        }
    }
    (found, spoilt)
}

fn is_of_backlog(path: &Path) -> bool {
    let name = path.file_name().unwrap().to_string_lossy();
    name.ends_with(".forkless-backlog") && !name.starts_with("lock")
}
