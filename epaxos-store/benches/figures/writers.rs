//! Proposals, then votes, then executions of the same instances, each synced, by several threads.

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Instant;

use epaxos_store::Store;
use serde_json::{Value, json};

use crate::bare::{Bare, Threads};
use crate::tree::Tree;
use crate::work::{Work, options, transact};
use crate::{Choice, Scale, folder, print};

/// The tree syncs each of its commits alone: it gets so many times less to do.
const TREE_SHARE: u64 = 20;

/// Figures of all rounds: each a list, in the unit of its row.
#[derive(Default)]
struct Figures {
    mean_us: Vec<f64>,
    p50_us: Vec<f64>,
    p99_us: Vec<f64>,
    written_ratio: Vec<f64>,
}

/// Who writes.
#[derive(Clone, Copy)]
enum Writer {
    Ours,
    Bare(Threads),
    Tree,
}

const WRITERS: [Writer; 4] = [
    Writer::Ours,
    Writer::Bare(Threads::Default),
    Writer::Bare(Threads::Alike),
    Writer::Tree,
];

pub(crate) fn measure(scale: &Scale, writers: u64, choice: &Choice) {
    let threads = if writers == 1 { "writer" } else { "writers" };
    let name = |work: Work, what: &str| format!("{work:?}, synced, {writers} {threads}{what}");
    if !Work::ALL.iter().any(|work| choice.has(&name(*work, ""))) {
        return;
    }
    let count =
        scale.transactions * [1, 3, 10][usize::from(writers > 1) + usize::from(writers > 8)];
    let mut figures = WRITERS.map(|_| Work::ALL.map(|_| Figures::default()));
    for round in 0..scale.rounds {
        for turn in 0..WRITERS.len() {
            let which = (round + turn) % WRITERS.len();
            write(WRITERS[which], writers, count, &mut figures[which]);
        }
    }
    let goal = if writers == 64 {
        json!({"times_the_best_peer": 0.9})
    } else {
        Value::Null
    };
    for (at, work) in Work::ALL.into_iter().enumerate() {
        let [ours, bare, alike, tree] = figures.each_ref().map(|figures| &figures[at]);
        let row = |what, unit, of: fn(&Figures) -> &[f64], goal: &Value| {
            let peers = [("bare rocksdb", of(bare)), ("redb", of(tree))];
            print(&name(work, what), unit, of(ours), &peers, goal);
        };
        row("", "us each", |figures| &figures.mean_us, &goal);
        row(", p50", "us", |figures| &figures.p50_us, &Value::Null);
        row(", p99", "us", |figures| &figures.p99_us, &Value::Null);
        let written: fn(&Figures) -> &[f64] = |figures| &figures.written_ratio;
        row(", bytes written", "per byte logged", written, &Value::Null);
        let peers = [("bare rocksdb", alike.mean_us.as_slice())];
        let name = name(work, ", write threads alike");
        print(&name, "us each", &ours.mean_us, &peers, &Value::Null);
    }
}

/// All works of one writer, in a folder of its own.
fn write(writer: Writer, threads: u64, count: u64, figures: &mut [Figures; 3]) {
    let folder = folder();
    let path = folder.path();
    let all = Work::ALL.into_iter().zip(figures);
    match writer {
        Writer::Ours => {
            let store = Store::open(path, &options()).unwrap();
            for (work, figures) in all {
                let write = |index| transact(&store, index, work);
                timed(threads, count, work, write, figures);
            }
        }
        Writer::Bare(threads_alike) => {
            let bare = Bare::open(path, threads_alike);
            for (work, figures) in all {
                let write = |index| bare.write(index, work);
                timed(threads, count, work, write, figures);
            }
        }
        Writer::Tree => {
            let tree = Tree::open(path);
            for (work, figures) in all {
                let write = |index| tree.write(index, work);
                timed(threads, count / TREE_SHARE, work, write, figures);
            }
        }
    }
}

/// Runs `count` calls of `write` on so many threads, and takes the time of each.
fn timed(threads: u64, count: u64, work: Work, write: impl Fn(u64) + Sync, figures: &mut Figures) {
    let next = AtomicU64::new(0);
    let written = bytes_written();
    let start = Instant::now();
    let mut times = thread::scope(|scope| {
        let threads = (0..threads).map(|_| {
            thread::Builder::new()
                .spawn_scoped(scope, || {
                    let mut times = Vec::new();
                    loop {
                        let index = next.fetch_add(1, Ordering::Relaxed);
                        if index >= count {
                            return times;
                        }
                        let start = Instant::now();
                        write(index);
                        times.push(start.elapsed().as_secs_f64() * 1e6);
                    }
                })
                .unwrap()
        });
        let threads = threads.collect::<Vec<_>>();
        let times = threads.into_iter().map(|thread| thread.join().unwrap());
        times.flatten().collect::<Vec<_>>()
    });
    let elapsed = start.elapsed().as_secs_f64();
    times.sort_by(f64::total_cmp);
    figures.mean_us.push(elapsed * 1e6 / count as f64);
    figures.p50_us.push(times[times.len() / 2]);
    figures.p99_us.push(times[times.len() * 99 / 100]);
    let written = bytes_written() - written;
    let logged = count * work.logged_bytes();
    figures.written_ratio.push(written as f64 / logged as f64);
}

/// Bytes that this process has handed to disks.
fn bytes_written() -> u64 {
    let io = std::fs::read_to_string("/proc/self/io").unwrap();
    let line = io.lines().find(|line| line.starts_with("write_bytes:"));
    let number = line.unwrap().split_whitespace().nth(1);
    number.unwrap().parse().unwrap()
}
