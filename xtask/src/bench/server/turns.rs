//! The same requests for every server, in turns.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::bench::client::free_port;
use crate::bench::forkless::Forkless;
use crate::bench::peer::{Candidate, REDIS_7_0, VALKEY_9_1};
use crate::bench::row::{Goal, PeerFigure, Row};
use crate::bench::sample::Sample;
use crate::bench::server::processor;
use crate::failure::Failure;
use crate::program;
use crate::server::Server;
use crate::workspace::Workspace;

/// How often everyone has a turn; an odd number, so that the median is a figure that was seen.
const ROUNDS: usize = 5;

/// Clients at once.
const CLIENTS: &str = "50";

/// Keys that are asked for, at random.
const KEYS: &str = "1000000";

/// Bytes of a value.
const VALUE_BYTES: &str = "100";

/// What is asked, each in its row.
const COMMANDS: [&str; 2] = ["SET", "GET"];

/// With whom ours is compared, and how many times better the design asks it to be, with a
/// pipeline.
const RIVALS: [(Candidate, Goal); 2] = [(REDIS_7_0, Goal::Times(1.0)), (VALKEY_9_1, Goal::Nothing)];

/// How many requests, and how many of them a client has under way.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Requests {
    pub(crate) count: u32,
    pub(crate) pipeline: u32,
}

/// One server's turns, or the reason that it has none.
#[derive(Debug)]
struct Turns {
    name: String,
    server: Result<(Server, u16), String>,
    seen: [Seen; COMMANDS.len()],
}

/// Microseconds for each request of one command.
#[derive(Debug, Clone, Default)]
struct Seen {
    /// On the clock.
    elapsed: Sample,
    /// Of processors, in all threads of the server: what does not depend on how many of them are
    /// free, or on who else wants them.
    processor: Sample,
}

/// What a row shows of a command.
type Figure = fn(&Seen) -> &Sample;

/// Asks everyone the same.
///
/// # Errors
///
/// [`Failure`] when a server does not start, or `redis-benchmark` cannot do its part.
pub(crate) fn rows(
    workspace: &Workspace,
    forkless: &Forkless,
    requests: Requests,
    folder: &Path,
) -> Result<Vec<Row>, Failure> {
    let mut ours = Turns::start("forkless", folder, |data, port| {
        Server::start_forkless(forkless.binary(), data, &["--port", port])
    })?;
    let mut peers = Vec::new();
    for (candidate, _) in &RIVALS {
        peers.push(match candidate.find(workspace)? {
            Some((name, binary)) => Turns::start(&name, folder, |data, port| {
                Server::start(&binary, data, &["--port", port])
            })?,
            None => Turns {
                name: candidate.name.to_owned(),
                server: Err("not fetched: cargo xtask setup --servers".to_owned()),
                seen: Default::default(),
            },
        });
    }
    for round in 1..=ROUNDS {
        eprintln!("pipeline {}: round {round} of {ROUNDS}", requests.pipeline);
        for turns in std::iter::once(&mut ours).chain(&mut peers) {
            turns.take(requests)?;
        }
    }
    Ok(rows_of(&ours, &peers, requests))
}

impl Turns {
    fn start(
        name: &str,
        folder: &Path,
        start: impl FnOnce(&Path, &str) -> Result<Server, Failure>,
    ) -> Result<Self, Failure> {
        let data = folder.join(name);
        fs::create_dir_all(&data).map_err(Failure::file(&data))?;
        let port = free_port()?;
        Ok(Self {
            name: name.to_owned(),
            server: Ok((start(&data, &port.to_string())?, port)),
            seen: Default::default(),
        })
    }

    fn take(&mut self, requests: Requests) -> Result<(), Failure> {
        let Ok((server, port)) = &self.server else {
            return Ok(());
        };
        for (asked, seen) in COMMANDS.iter().zip(&mut self.seen) {
            let mut command = Command::new("redis-benchmark");
            command.args(["-p", &port.to_string(), "-t", asked, "--csv"]);
            command.args(["-c", CLIENTS, "-r", KEYS, "-d", VALUE_BYTES]);
            command.args(["-n", &requests.count.to_string()]);
            command.args(["-P", &requests.pipeline.to_string()]);
            let before_s = processor::seconds(server.process())?;
            let said = program::output(&mut command)?;
            let used_s = processor::seconds(server.process())? - before_s;
            let per_s = requests_per_s(&said, asked).ok_or_else(|| Failure::Unexpected {
                from: "redis-benchmark".to_owned(),
                said,
            })?;
            seen.elapsed.add(1e6 / per_s);
            seen.processor.add(1e6 * used_s / f64::from(requests.count));
        }
        Ok(())
    }

    fn figure(&self, command: usize, figure: Figure) -> PeerFigure {
        PeerFigure {
            name: self.name.clone(),
            figure: match &self.server {
                Ok(_) => Ok(figure(&self.seen[command]).clone()),
                Err(reason) => Err(reason.clone()),
            },
        }
    }
}

/// What stands in a line as `"SET","100000.00","0.400",...`.
fn requests_per_s(said: &str, command: &str) -> Option<f64> {
    let start = format!("\"{command}\",\"");
    let line = said.lines().find_map(|line| line.strip_prefix(&start))?;
    let per_s = line.split('"').next()?.parse::<f64>().ok()?;
    (per_s > 0.0).then_some(per_s)
}

/// A row for each command and rival: the design names each by itself.
fn rows_of(ours: &Turns, peers: &[Turns], requests: Requests) -> Vec<Row> {
    let mut rows = Vec::new();
    let figures: [(&str, Figure); 2] = [
        ("", |seen| &seen.elapsed),
        (", processor time", |seen| &seen.processor),
    ];
    for (what, figure) in figures {
        for (at, command) in COMMANDS.iter().enumerate() {
            for ((rival, goal), peer) in RIVALS.iter().zip(peers) {
                let asked = *command == "SET" && requests.pipeline > 1 && what.is_empty();
                rows.push(Row {
                    name: format!(
                        "{command}, pipeline {}, {CLIENTS} clients{what}, beside {}",
                        requests.pipeline, rival.name
                    ),
                    unit: "us".to_owned(),
                    ours: figure(&ours.seen[at]).clone(),
                    peers: vec![peer.figure(at, figure)],
                    goal: if asked { *goal } else { Goal::Nothing },
                });
            }
        }
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    const FEW: Requests = Requests {
        count: 1000,
        pipeline: 16,
    };

    #[test]
    fn requests_per_second_stand_behind_their_command() {
        let said = "\"test\",\"rps\"\n\"SET\",\"200000.00\",\"0.4\"\n\"GET\",\"0.00\",\"0.4\"";
        assert_eq!(requests_per_s(said, "SET"), Some(200_000.0));
        assert_eq!(requests_per_s(said, "GET"), None);
        assert_eq!(requests_per_s(said, "test2"), None);
    }

    #[test]
    fn a_real_server_is_measured() {
        let workspace = Workspace::find().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let (name, binary) = REDIS_7_0.find(&workspace).unwrap().unwrap();
        let start = |data: &Path, port: &str| Server::start(&binary, data, &["--port", port]);
        let mut turns = Turns::start(&name, folder.path(), start).unwrap();
        turns.take(FEW).unwrap();
        for seen in turns.seen {
            assert!(seen.elapsed.median() > Some(0.0));
            assert!(seen.processor.median() >= Some(0.0));
        }
    }

    #[test]
    fn each_command_has_a_row_beside_each_server() {
        let turns = |seen: [f64; 2]| Turns {
            name: "server".to_owned(),
            server: Err("not fetched".to_owned()),
            seen: seen.map(|us| Seen {
                elapsed: Sample::from([us]),
                processor: Sample::from([us / 2.0]),
            }),
        };
        let mut ours = turns([1.0, 2.0]);
        ours.name = "forkless".to_owned();
        let rows = rows_of(&ours, &[turns([2.0, 2.0]), turns([3.0, 2.0])], FEW);
        let goals = rows.iter().map(|row| (row.name.as_str(), row.goal));
        let (elapsed, processor) = rows.split_at(rows.len() / 2);
        assert!(processor.iter().all(|row| row.goal == Goal::Nothing));
        let halves = elapsed.iter().zip(processor);
        for (elapsed, processor) in halves {
            assert_eq!(elapsed.ratio(), processor.ratio());
            assert_ne!(elapsed.ours, processor.ours);
        }
        assert_eq!(
            goals.take(elapsed.len()).collect::<Vec<_>>(),
            [
                (
                    "SET, pipeline 16, 50 clients, beside Redis 7.0",
                    Goal::Times(1.0)
                ),
                (
                    "SET, pipeline 16, 50 clients, beside Valkey 9.1",
                    Goal::Nothing
                ),
                (
                    "GET, pipeline 16, 50 clients, beside Redis 7.0",
                    Goal::Nothing
                ),
                (
                    "GET, pipeline 16, 50 clients, beside Valkey 9.1",
                    Goal::Nothing
                ),
            ]
        );
    }
}
