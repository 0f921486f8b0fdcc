//! The writes that a master has to take meanwhile: the same for every master.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

use crate::bench::client;
use crate::failure::Failure;

/// How often writes are sent: as many as are due, in one pipeline.
const TICK: Duration = Duration::from_millis(1);

/// What a master says to a write.
const REPLY: &[u8] = b"+OK\r\n";

/// What the writes are for at the moment.
#[derive(Debug, Default)]
pub(crate) struct Phase(AtomicU8);

impl Phase {
    /// Nothing but the writes.
    pub(crate) const IDLE: u8 = 0;
    /// A replica comes into sync.
    pub(crate) const SYNCING: u8 = 1;
    /// Others are busy with what nobody asks about.
    pub(crate) const UNSEEN: u8 = 2;
    const OVER: u8 = 3;

    /// What comes from now on is of this phase.
    pub(crate) fn set(&self, phase: u8) {
        self.0.store(phase, Ordering::Relaxed);
    }

    /// Ends the writes when it is dropped, so that nobody waits for them for ever.
    pub(crate) fn over_at_the_end(&self) -> impl Drop + '_ {
        struct Over<'a>(&'a Phase);
        impl Drop for Over<'_> {
            fn drop(&mut self) {
                self.0.set(Phase::OVER);
            }
        }
        Over(self)
    }
}

/// Writes to keys that there are, a tick's share at a time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Load {
    /// Keys from `key:0` on.
    pub(crate) keys: u64,
    pub(crate) value_bytes: usize,
    pub(crate) writes_per_s: u32,
}

/// How long single writes took, in microseconds from when they were sent.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Writes {
    pub(crate) median_us: f64,
    pub(crate) p99_us: f64,
    pub(crate) p999_us: f64,
    pub(crate) longest_us: f64,
    pub(crate) count: u64,
}

impl Load {
    /// Writes to the master at `port` until the phase is over: how long the writes of the first
    /// two phases took.
    ///
    /// What is late because the master is, is sent as soon as the replies are there.
    ///
    /// # Errors
    ///
    /// [`Failure`] when the master refuses a write, or the connection fails.
    pub(crate) fn write(&self, port: u16, phase: &Phase) -> Result<[Writes; 2], Failure> {
        let mut stream = client::connect(port)?;
        let mut seen = [Histogram::<u64>::new(3), Histogram::new(3)].map(Result::ok);
        let (mut request, mut random) = (Vec::new(), Random(0x9e37_79b9_7f4a_7c15));
        let mut due = Instant::now();
        let share = self.writes_per_s / 1000;
        loop {
            // Relaxed: whoever has set it waits for nothing that is done here.
            let now = phase.0.load(Ordering::Relaxed);
            if now == Phase::OVER {
                return Ok(seen.map(|seen| seen.as_ref().map(Writes::of).unwrap_or_default()));
            }
            request.clear();
            for _ in 0..share {
                let key = format!("key:{}", random.next() % self.keys);
                let value = format!("{:0>1$x}", random.next(), self.value_bytes);
                client::encode(&mut request, &["SET", &key, &value]);
            }
            let left = due.saturating_duration_since(Instant::now());
            if !left.is_zero() {
                std::thread::sleep(left);
            }
            due += TICK;
            let histogram = seen.get_mut(usize::from(now)).and_then(Option::as_mut);
            let sent = send(&mut stream, &request, share as usize, histogram);
            sent.map_err(|error| Failure::Unexpected {
                from: "SET".to_owned(),
                said: error.to_string(),
            })?;
        }
    }
}

/// Sends one pipeline of writes, and waits for all replies.
fn send(
    stream: &mut TcpStream,
    request: &[u8],
    writes: usize,
    mut seen: Option<&mut Histogram<u64>>,
) -> io::Result<()> {
    let begun = Instant::now();
    stream.write_all(request)?;
    let (mut replies, mut buffer) = (Vec::new(), [0; 4096]);
    while replies.len() < writes * REPLY.len() {
        let before = replies.len() / REPLY.len();
        match stream.read(&mut buffer)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            bytes => replies.extend_from_slice(&buffer[..bytes]),
        }
        let took = u64::try_from(begun.elapsed().as_nanos()).unwrap_or(u64::MAX);
        let whole = replies.len() / REPLY.len() - before;
        if let Some(seen) = seen.as_deref_mut() {
            seen.record_n(took, whole as u64)
                .map_err(io::Error::other)?;
        }
    }
    if replies.chunks(REPLY.len()).all(|reply| reply == REPLY) {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&replies).into_owned();
    Err(io::Error::other(said))
}

impl Writes {
    fn of(seen: &Histogram<u64>) -> Self {
        #[expect(clippy::cast_precision_loss, reason = "shown with a few digits")]
        let us = |nanoseconds: u64| nanoseconds as f64 / 1000.0;
        Self {
            median_us: us(seen.value_at_quantile(0.5)),
            p99_us: us(seen.value_at_quantile(0.99)),
            p999_us: us(seen.value_at_quantile(0.999)),
            longest_us: us(seen.max()),
            count: seen.len(),
        }
    }
}

/// Numbers that are as good as random here: xorshift64*.
#[derive(Debug)]
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::bench::client::{Client, free_port};
    use crate::server::Server;

    const LOAD: Load = Load {
        keys: 10,
        value_bytes: 100,
        writes_per_s: 20_000,
    };

    #[test]
    fn writes_are_counted_for_their_phase() {
        let data = tempfile::tempdir().unwrap();
        let port = free_port().unwrap();
        let options = ["--port", &port.to_string()];
        let _server = Server::start(Path::new("redis-server"), data.path(), &options).unwrap();
        let mut client = Client::connect(port).unwrap();
        let phase = Phase::default();
        let written = |client: &mut Client| -> u64 {
            let said = client.ask(&["INFO", "stats"]).unwrap();
            let line = said
                .lines()
                .find_map(|line| line.strip_prefix("total_commands_processed:"));
            line.unwrap().parse().unwrap()
        };
        let seen = std::thread::scope(|scope| {
            let over = phase.over_at_the_end();
            let load = scope.spawn(|| LOAD.write(port, &phase));
            for next in [Phase::IDLE, Phase::SYNCING] {
                phase.set(next);
                let before = written(&mut client);
                while written(&mut client) < before + 100 {
                    std::thread::yield_now();
                }
            }
            drop(over);
            load.join().unwrap().unwrap()
        });
        for writes in seen {
            assert!(writes.count >= 20, "{writes:?}");
            let rising = [
                writes.median_us,
                writes.p99_us,
                writes.p999_us,
                writes.longest_us,
            ];
            assert!(rising.is_sorted() && writes.median_us > 0.0, "{writes:?}");
        }
        assert_eq!(client.ask(&["STRLEN", "key:1"]).unwrap(), "100");
    }

    #[test]
    fn a_write_that_is_refused_is_no_figure() {
        let port = free_port().unwrap();
        let listener = std::net::TcpListener::bind(("127.0.0.1", port)).unwrap();
        let refused = std::thread::scope(|scope| {
            scope.spawn(|| {
                let (mut stream, _) = listener.accept().unwrap();
                stream.read_exact(&mut [0; 64]).unwrap();
                stream
                    .write_all(b"-ERR no\r\n".repeat(20).as_slice())
                    .unwrap();
            });
            LOAD.write(port, &Phase::default()).unwrap_err().to_string()
        });
        assert!(refused.contains("-ERR no"), "{refused}");
    }
}
