//! One row and its peers, measured in turns.

use std::fs::{self, File};
use std::path::Path;

use aligned_io::WriterOptions;
use serde_json::{Value, json};

use crate::row::{Peer, Row, print};
use crate::time::Time;
use crate::writes::write;

/// Measures one row in turns, every round in the other order.
pub(crate) fn measure(row: &Row, directory: &Path, has_fio: bool) {
    let scale = row.scale;
    let is_read = row.name.starts_with("read");
    let mut ours = Vec::new();
    let mut peers: Vec<Vec<Time>> = row.peers.iter().map(|_| Vec::new()).collect();
    let path = directory.join("file");
    if is_read {
        write(&WriterOptions::default(), &path, scale.file_bytes);
    }
    let fresh = || {
        if !is_read {
            let _ = fs::remove_file(&path);
            rustix::fs::syncfs(File::open(directory).unwrap()).unwrap();
        }
    };
    let is_missing = |peer: &Peer| peer.name.starts_with("fio") && !has_fio;
    // The first round of all warms up, and does not count.
    for round in 0..=scale.rounds {
        let mut turns: Vec<usize> = (0..=row.peers.len()).collect();
        if round % 2 == 1 {
            turns.reverse();
        }
        for turn in turns {
            let peer = turn.checked_sub(1);
            if peer.is_some_and(|peer| is_missing(&row.peers[peer])) {
                continue;
            }
            fresh();
            let time = match peer {
                None => (row.ours)(&path),
                Some(peer) => (row.peers[peer].run)(&path),
            };
            if round == 0 {
                continue;
            }
            match peer {
                None => ours.push(time),
                Some(peer) => peers[peer].push(time),
            }
        }
    }
    let _ = fs::remove_file(&path);
    let report = |figure: fn(&Time) -> f64, scale: f64| {
        let figures = |times: &[Time]| -> Vec<f64> {
            times.iter().map(|time| figure(time) / scale).collect()
        };
        let peer = |(peer, times): (&Peer, &Vec<Time>)| {
            if is_missing(peer) {
                json!({"name": peer.name, "missing": "not installed"})
            } else {
                json!({"name": peer.name, "figure": figures(times)})
            }
        };
        let peers: Vec<Value> = row.peers.iter().zip(&peers).map(peer).collect();
        (figures(&ours), peers)
    };
    let (figures, others) = report(|time| time.wall, 1.0);
    print(&row.name, "s", &figures, &others, &row.goal);
    if let Some(name) = &row.cpu {
        #[expect(clippy::cast_precision_loss, reason = "a few GiB")]
        let gib = scale.file_bytes as f64 / f64::from(1 << 30);
        let (figures, others) = report(|time| time.cpu, gib);
        print(name, "s", &figures, &others, &Value::Null);
    }
}
