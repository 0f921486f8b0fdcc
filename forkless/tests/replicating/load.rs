//! Write load: clients that send random commands of every kind, as fast as they are done.

use std::io::{BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use shard_runtime::{Worker, spawn_named};

use crate::serving::frame::Frame;
use crate::serving::pack;

/// Commands that are sent at once.
const AT_ONCE: u64 = 40;

/// Clients that write until they are told to stop, or the server is gone.
pub(crate) struct Load {
    course: Arc<Course>,
    clients: Vec<Worker<()>>,
}

/// What the clients and whoever watches them know of each other.
#[derive(Default)]
struct Course {
    stop: AtomicBool,
    done: AtomicU64,
    longest_us: AtomicU64,
}

impl Load {
    /// Two clients of the server at this socket; what they do depends on `seed`.
    pub(crate) fn start(socket: &Path, seed: u64) -> Self {
        let course = Arc::<Course>::default();
        let client = |number: u64| {
            let stream = UnixStream::connect(socket).unwrap();
            let course = Arc::clone(&course);
            let mut random = Random(seed * 2 + number);
            spawn_named("load", move || write(&stream, &mut random, &course))
        };
        let clients = (0..2).map(client).collect();
        Self { course, clients }
    }

    /// How many commands have been done.
    pub(crate) fn done(&self) -> u64 {
        self.course.done.load(Ordering::Relaxed)
    }

    /// The longest that a client has waited for the replies to what it sent at once; forgotten
    /// with the answer.
    pub(crate) fn take_longest(&self) -> Duration {
        Duration::from_micros(self.course.longest_us.swap(0, Ordering::Relaxed))
    }

    pub(crate) fn stop(self) {
        self.course.stop.store(true, Ordering::Relaxed);
        for client in self.clients {
            client.join().unwrap();
        }
    }
}

fn write(stream: &UnixStream, random: &mut Random, course: &Course) {
    let mut replies = BufReader::new(stream.try_clone().unwrap());
    let mut stream = stream;
    while !course.stop.load(Ordering::Relaxed) {
        let mut requests = Vec::new();
        for _ in 0..AT_ONCE {
            let command = command(random);
            let words: Vec<&[u8]> = command.split(' ').map(str::as_bytes).collect();
            requests.extend(pack(&words));
        }
        let sent = Instant::now();
        if stream.write_all(&requests).is_err() {
            return;
        }
        for _ in 0..AT_ONCE {
            if Frame::read(&mut replies).is_err() {
                return;
            }
            course.done.fetch_add(1, Ordering::Relaxed);
        }
        let took_us = u64::try_from(sent.elapsed().as_micros()).unwrap();
        course.longest_us.fetch_max(took_us, Ordering::Relaxed);
    }
}

/// The next command: keys of a kind have names of their own, so that most can be done.
fn command(random: &mut Random) -> String {
    let key = match random.below(20) {
        0 => "big".to_owned(),
        _ => random.below(3000).to_string(),
    };
    let value = "v".repeat(random.below(120));
    let number = random.below(1000);
    // Some are over while the test runs, some far beyond.
    let soon = 1 + random.below(400);
    match random.below(60) {
        0 => format!("SELECT {}", ["0", "1", "9"][random.below(3)]),
        1..10 => format!("SET s:{key} {value}{number}"),
        10 => format!("SET s:{key} {value} PX {soon}"),
        11 => format!("SET s:{key} {value} EX 100000"),
        12 => format!("APPEND s:{key} {value}"),
        13 => format!("SET s:big {}", "long".repeat(number * 20)),
        14 => format!("INCRBY i:{key} {number}"),
        15 => format!("MSET s:{key} {value} s:{number} {value} i:{number} {number}"),
        16..19 => format!("DEL s:{key} s:{number} l:{number}"),
        19 => format!("GETDEL s:{key}"),
        20 => format!("PEXPIRE s:{key} {soon}"),
        21 => format!("PEXPIRE h:{key} {soon}"),
        22 => format!("EXPIRE z:{key} 100000"),
        23 => format!("PERSIST s:{key}"),
        24..28 => format!("RPUSH l:{key} {value} {number}"),
        28 => format!("LPUSH l:{key} {number}"),
        29..31 => format!("LPOP l:{key} 3"),
        31 => format!("RPOP l:{key}"),
        32..38 => format!("HSET h:{key} f{number} {value} g{number} 1"),
        38 => format!("HINCRBY h:{key} n{number} {number}"),
        39..41 => format!("HDEL h:{key} f{number} n{number}"),
        41..45 => format!("SADD e:{key} m{number} {number}"),
        45..47 => format!("SREM e:{key} m{number}"),
        47..51 => format!("ZADD z:{key} {number} m{soon} {soon} m{number}"),
        51 => format!("ZINCRBY z:{key} 1.5 m{soon}"),
        52..54 => format!("ZREM z:{key} m{number}"),
        54 => format!("UNLINK h:{number} z:{number} e:{number}"),
        // Seldom, however fast the server is: a flush of many keys has replicas begin again.
        55 if random.below(5000) == 0 => "FLUSHDB".to_owned(),
        56 if random.below(20_000) == 0 => "FLUSHALL".to_owned(),
        _ => format!("GET s:{key}"),
    }
}

/// A sequence of numbers that is the same for the same seed (`SplitMix64`).
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % bound as u64).unwrap()
    }
}
