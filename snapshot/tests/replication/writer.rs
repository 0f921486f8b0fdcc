//! Somebody who writes all the while.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use shard_runtime::{Worker, spawn_named};

use crate::shards::{Shards, delete, set};

/// Writes to random keys until it is told to stop.
pub(crate) struct Writer {
    stop: Arc<AtomicBool>,
    slowest: Worker<Duration>,
}

impl Writer {
    pub(crate) fn start(shards: &Shards, keys: u64) -> Self {
        let (stop, shards) = (Arc::new(AtomicBool::new(false)), Arc::clone(shards));
        let stopped = Arc::clone(&stop);
        let slowest = spawn_named("writer", move || {
            let mut slowest = Duration::ZERO;
            let mut random = 1_u64;
            while !stopped.load(Ordering::Relaxed) {
                random = random.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
                let key = format!("key:{}", (random >> 33) % keys);
                let since = Instant::now();
                match random >> 60 {
                    0..3 => delete(&shards, 0, key.as_bytes()),
                    3 => set(&shards, 3, key.as_bytes(), vec![b'n'; 20]),
                    4 if (random >> 50).trailing_zeros() >= 8 => {
                        set(&shards, 0, b"huge", vec![b'h'; 1 << 20]);
                    }
                    _ => set(&shards, 0, key.as_bytes(), random.to_le_bytes().to_vec()),
                }
                slowest = slowest.max(since.elapsed());
                if (random >> 50).trailing_zeros() >= 6 {
                    std::thread::sleep(Duration::from_micros(200));
                }
            }
            slowest
        });
        Self { stop, slowest }
    }

    pub(crate) fn stop(self) {
        self.stop.store(true, Ordering::Relaxed);
        self.slowest.join().unwrap();
    }
}
