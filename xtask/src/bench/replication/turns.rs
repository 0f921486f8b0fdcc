//! The same for everyone, in turns: a new replica of a full master that is written to.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::bench::forkless::Forkless;
use crate::bench::memory::{self, Memory};
use crate::bench::peer::{REDIS_7_0, VALKEY_9_1};
use crate::bench::replication::load::{Load, Phase, Writes};
use crate::bench::replication::master::{Node, Program};
use crate::bench::row::{Goal, PeerFigure, Row};
use crate::bench::sample::Sample;
use crate::failure::Failure;
use crate::workspace::Workspace;

/// How often everyone has a turn; an odd number, so that the median is a figure that was seen.
const ROUNDS: usize = 3;

/// How long a master is written to before a replica comes.
const IDLE: Duration = Duration::from_secs(2);

/// The most memory that a replica may cost its master, in MiB: what may wait to be sent to it.
const BUDGET_MIB: f64 = 64.0;

/// What was seen of one sync.
#[derive(Debug)]
struct Seen {
    sync_s: f64,
    idle: Writes,
    syncing: Writes,
    extra_mib: f64,
}

/// One program's turns, or the reason that it has none.
#[derive(Debug)]
struct Turns {
    name: String,
    program: Result<Program, String>,
    master: Option<Node>,
    data: PathBuf,
    seen: Vec<Seen>,
}

/// What a row shows of one sync.
type Figure = fn(&Seen) -> f64;

/// The rows. A peer's ratio says how many times better ours is.
const ROWS: [(&str, &str, Goal, Figure); 10] = [
    ("replica in sync", "s", Goal::Times(3.0), |seen| seen.sync_s),
    (
        "write at the client, median, idle",
        "us",
        Goal::Nothing,
        |seen| seen.idle.median_us,
    ),
    (
        "write at the client, median, syncing",
        "us",
        Goal::Nothing,
        |seen| seen.syncing.median_us,
    ),
    (
        "write at the client, p99, idle",
        "us",
        Goal::Nothing,
        |seen| seen.idle.p99_us,
    ),
    (
        "write at the client, p99, syncing",
        "us",
        Goal::Nothing,
        |seen| seen.syncing.p99_us,
    ),
    (
        "write at the client, p99.9, idle",
        "us",
        Goal::Nothing,
        |seen| seen.idle.p999_us,
    ),
    (
        "write at the client, p99.9, syncing",
        "us",
        Goal::Nothing,
        |seen| seen.syncing.p999_us,
    ),
    (
        "write at the client, longest, idle",
        "us",
        Goal::Nothing,
        |seen| seen.idle.longest_us,
    ),
    (
        "write at the client, longest, syncing",
        "us",
        Goal::AtMost(1000.0),
        |seen| seen.syncing.longest_us,
    ),
    (
        "extra memory on the master",
        "MiB",
        Goal::AtMost(BUDGET_MIB),
        |seen| seen.extra_mib,
    ),
];

/// Has everyone bring new replicas of a master in sync, with `load` on the master.
///
/// # Errors
///
/// [`Failure`] when a server cannot do its part, or a replica does not become equal.
pub(crate) fn rows(
    workspace: &Workspace,
    forkless: &Forkless,
    load: &Load,
    folder: &Path,
) -> Result<Vec<Row>, Failure> {
    let ours = Ok(Program::Ours(forkless.binary().to_owned()));
    let mut turns = vec![Turns::new("forkless".to_owned(), ours, folder)];
    for candidate in [VALKEY_9_1, REDIS_7_0] {
        let missing = || Err("not fetched: cargo xtask setup --servers".to_owned());
        let (name, program) = candidate.find(workspace)?.map_or_else(
            || (candidate.name.to_owned(), missing()),
            |(name, binary)| (name, Ok(Program::Peer(binary))),
        );
        turns.push(Turns::new(name, program, folder));
    }
    for turn in &mut turns {
        turn.fill(load)?;
    }
    for round in 1..=ROUNDS {
        for turn in &mut turns {
            eprintln!("replica in sync: round {round} of {ROUNDS}, {}", turn.name);
            turn.take(load, round == ROUNDS)?;
        }
    }
    Ok(rows_of(&turns, load))
}

impl Turns {
    fn new(name: String, program: Result<Program, String>, folder: &Path) -> Self {
        Self {
            data: folder.join(&name),
            name,
            program,
            master: None,
            seen: Vec::new(),
        }
    }

    fn fill(&mut self, load: &Load) -> Result<(), Failure> {
        if let Ok(program) = &self.program {
            eprintln!("{}: filling", self.name);
            let mut master = Node::start(program, &self.data.join("master"))?;
            master.fill(load.keys, load.value_bytes)?;
            self.master = Some(master);
        }
        Ok(())
    }

    /// Brings one replica in sync. Of the last one it is seen to that it is its master's equal.
    fn take(&mut self, load: &Load, is_last: bool) -> Result<(), Failure> {
        let (Ok(program), Some(master)) = (&self.program, &mut self.master) else {
            return Ok(());
        };
        let data = self.data.join("replica");
        let mut replica = Node::start(program, &data)?;
        let (phase, port) = (Phase::default(), master.port);
        let (sync, memory, [idle, syncing]) = std::thread::scope(|scope| {
            let over = phase.over_at_the_end();
            let writing = scope.spawn(|| load.write(port, &phase));
            phase.set(Phase::IDLE);
            std::thread::sleep(IDLE);
            phase.set(Phase::UNSEEN);
            memory::have_at_hand(memory::taken_by(load.keys, load.value_bytes as u64));
            let memory = Memory::watch(master.process())?;
            phase.set(Phase::SYNCING);
            let sync = replica.follow(master)?;
            drop(over);
            let written = writing.join().map_err(|_| Failure::Unexpected {
                from: "the thread that writes".to_owned(),
                said: "a panic".to_owned(),
            })?;
            Ok::<_, Failure>((sync, memory, written?))
        })?;
        let extra_bytes = memory.extra_bytes()? + master.copied_bytes()?;
        eprintln!("{}: in sync after {:.2} s", self.name, sync.as_secs_f64());
        self.seen.push(Seen {
            sync_s: sync.as_secs_f64(),
            idle,
            syncing,
            extra_mib: extra_bytes / f64::from(1 << 20),
        });
        if is_last {
            replica.expect_equal(master)?;
        }
        drop(replica);
        fs::remove_dir_all(&data).map_err(Failure::file(&data))
    }

    fn sample(&self, figure: Figure) -> Sample {
        let mut sample = Sample::default();
        self.seen.iter().for_each(|seen| sample.add(figure(seen)));
        sample
    }
}

fn rows_of(turns: &[Turns], load: &Load) -> Vec<Row> {
    let Some((ours, peers)) = turns.split_first() else {
        return Vec::new();
    };
    #[expect(clippy::cast_precision_loss, reason = "shown with a digit or two")]
    let millions = load.keys as f64 / 1e6;
    let row = |(name, unit, goal, figure): (&str, &str, Goal, Figure)| Row {
        name: format!(
            "{name} ({millions} M x {} B, {} writes/s)",
            load.value_bytes, load.writes_per_s
        ),
        unit: unit.to_owned(),
        ours: ours.sample(figure),
        peers: peers
            .iter()
            .map(|peer| PeerFigure {
                name: peer.name.clone(),
                figure: match &peer.program {
                    Ok(_) => Ok(peer.sample(figure)),
                    Err(reason) => Err(reason.clone()),
                },
            })
            .collect(),
        goal,
    };
    ROWS.into_iter().map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOAD: Load = Load {
        keys: 2_500_000,
        value_bytes: 100,
        writes_per_s: 20_000,
    };

    fn turns(name: &str, program: Result<Program, String>, sync_s: &[f64]) -> Turns {
        let mut turns = Turns::new(name.to_owned(), program, Path::new("data"));
        turns.seen.extend(sync_s.iter().map(|sync_s| Seen {
            sync_s: *sync_s,
            idle: Writes::default(),
            syncing: Writes {
                longest_us: 1200.0,
                ..Writes::default()
            },
            extra_mib: 60.0,
        }));
        turns
    }

    #[test]
    fn everyone_is_beside_ours_in_every_row() {
        let there = || Ok(Program::Peer(PathBuf::from("server")));
        let rows = rows_of(
            &[
                turns("forkless", there(), &[1.0, 2.0, 1.0]),
                turns("slow", there(), &[9.0]),
                turns("fast", there(), &[4.0]),
                turns("absent", Err("not fetched".to_owned()), &[]),
            ],
            &LOAD,
        );
        assert_eq!(rows.len(), ROWS.len());
        assert_eq!(
            rows[0].name,
            "replica in sync (2.5 M x 100 B, 20000 writes/s)"
        );
        assert_eq!(rows[0].best_peer().unwrap().0, "fast");
        assert_eq!(rows[0].ratio(), Some(4.0));
        let reached = rows.iter().filter_map(Row::reached).collect::<Vec<_>>();
        assert_eq!(reached, [true, false, true]);
        assert!(rows.iter().all(|row| row.peers[2].figure.is_err()));
    }

    #[test]
    fn a_real_pair_is_measured() {
        let workspace = Workspace::find().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let (name, binary) = REDIS_7_0.find(&workspace).unwrap().unwrap();
        let mut turns = Turns::new(name, Ok(Program::Peer(binary)), folder.path());
        let load = Load { keys: 1000, ..LOAD };
        turns.fill(&load).unwrap();
        turns.take(&load, true).unwrap();
        let seen = &turns.seen[0];
        assert!(seen.sync_s > 0.0 && seen.idle.count > 0, "{seen:?}");
    }
}
