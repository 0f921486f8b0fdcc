//! A thread that marks and deletes, a little at a time.

use std::io;
use std::time::{Duration, SystemTime};

use crate::error::StoreError;
use crate::store::Store;
use crate::sync::{Arc, Builder, Condvar, JoinHandle, Mutex};

/// How a [`Collector`] works.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct CollectorOptions {
    /// The time between two looks at what may be deleted: 30 s.
    pub interval: Duration,
    /// The most instances deleted per second: 100,000.
    pub instances_per_sec_max: u64,
}

impl Default for CollectorOptions {
    fn default() -> Self {
        Self {
            interval: Duration::from_secs(30),
            instances_per_sec_max: 100_000,
        }
    }
}

/// The pause between two steps while there is more to delete.
const STEP: Duration = Duration::from_millis(1000 / STEPS_PER_SEC);

const STEPS_PER_SEC: u64 = 20;

/// A thread that calls [`Store::gc_tick`] with the system's clock, in small steps.
///
/// It keeps the store open, and ends when it is dropped, after the step that it is in. A failed
/// step is logged and tried again; a store that is poisoned stays so.
///
/// # Example
///
/// ```
/// use epaxos_store::{Collector, CollectorOptions, Options, ReplicaId, Store};
///
/// # let folder = tempfile::tempdir().unwrap();
/// let store = Store::open(folder.path(), &Options::new(ReplicaId(1)))?;
/// let collector = Collector::start(&store, CollectorOptions::default())?;
/// # drop(collector);
/// # Ok::<(), epaxos_store::StoreError>(())
/// ```
#[derive(Debug)]
pub struct Collector {
    signal: Arc<Signal>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Signal {
    is_over: Mutex<bool>,
    changed: Condvar,
}

impl Collector {
    /// Starts the thread.
    ///
    /// # Errors
    ///
    /// [`StoreError::Io`] when the system has no thread to give.
    pub fn start(store: &Store, options: CollectorOptions) -> Result<Self, StoreError> {
        let signal = Arc::new(Signal::default());
        let seen = Arc::clone(&signal);
        let store = store.clone();
        let thread = Builder::new()
            .name("epaxos-collector".to_owned())
            .spawn(move || run(&store, options, &seen))
            .map_err(|error: io::Error| StoreError::io("start a thread for", "", &error))?;
        Ok(Self {
            signal,
            thread: Some(thread),
        })
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        *self.signal.is_over.lock() = true;
        self.signal.changed.notify_all();
        if let Some(thread) = self.thread.take() {
            // A panic of the thread was reported by the thread.
            let _ = thread.join();
        }
    }
}

fn run(store: &Store, options: CollectorOptions, signal: &Signal) {
    let instances_max = options.instances_per_sec_max.div_ceil(STEPS_PER_SEC).max(1);
    loop {
        let pause = match store.collect(SystemTime::now(), instances_max) {
            Ok(report) if report.has_more => STEP,
            Ok(_) => options.interval,
            Err(error) => {
                tracing::warn!(%error, "instances are not deleted");
                options.interval
            }
        };
        let mut is_over = signal.is_over.lock();
        if !*is_over {
            signal.changed.wait_for(&mut is_over, pause);
        }
        if *is_over {
            return;
        }
    }
}
