//! The only door to locks, waiting, clocks and chance: the real ones, or, with the feature `sim`,
//! those that a simulation can drive.

#[cfg(not(feature = "sim"))]
pub(crate) use parking_lot::{Mutex, MutexGuard};
#[cfg(not(feature = "sim"))]
pub(crate) use real::{Condvar, HashBuilder, hash_builder, now, sleep, unix_time};
#[cfg(feature = "sim")]
pub(crate) use shard_runtime::{
    SimulatedCondvar as Condvar, SimulatedMutex as Mutex, SimulatedMutexGuard as MutexGuard,
};
#[cfg(feature = "sim")]
pub(crate) use simulated::{HashBuilder, hash_builder, now, sleep, unix_time};

/// How many times smaller a simulation makes everything that a snapshot works in: blobs, pieces,
/// what rides. So a handful of small keys fills blobs and spends budgets.
pub(crate) const SHRINK: usize = if cfg!(feature = "sim") { 256 } else { 1 };

#[cfg(not(feature = "sim"))]
mod real {
    use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

    use parking_lot::MutexGuard;

    /// How the tables hash.
    pub(crate) use dash_table::DefaultHashBuilder as HashBuilder;

    /// A hash that nobody can foresee.
    pub(crate) fn hash_builder() -> HashBuilder {
        HashBuilder::default()
    }

    /// The time.
    pub(crate) fn now() -> Instant {
        Instant::now()
    }

    /// The time since 1970.
    pub(crate) fn unix_time() -> Duration {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        since.unwrap_or_default()
    }

    pub(crate) fn sleep(time: Duration) {
        std::thread::sleep(time);
    }

    /// A condition variable that hands the guard through, as its simulated twin does.
    #[derive(Debug)]
    pub(crate) struct Condvar(parking_lot::Condvar);

    impl Condvar {
        pub(crate) fn new() -> Self {
            Self(parking_lot::Condvar::new())
        }

        /// Waits for a notification, until `deadline` if there is one.
        pub(crate) fn wait_until<'a, T>(
            &self,
            mut guard: MutexGuard<'a, T>,
            deadline: Option<Instant>,
        ) -> MutexGuard<'a, T> {
            match deadline {
                Some(deadline) => drop(self.0.wait_until(&mut guard, deadline)),
                None => self.0.wait(&mut guard),
            }
            guard
        }

        pub(crate) fn notify_all(&self) {
            self.0.notify_all();
        }
    }
}

#[cfg(feature = "sim")]
mod simulated {
    use std::hash::{BuildHasher, Hasher};
    use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

    use shard_runtime::SimulationHandle;

    /// How the tables hash.
    pub(crate) use foldhash::fast::FixedState as HashBuilder;

    /// A hash that the seed decides, or nobody can foresee.
    pub(crate) fn hash_builder() -> HashBuilder {
        let seed = SimulationHandle::current().map_or_else(
            || {
                dash_table::DefaultHashBuilder::default()
                    .build_hasher()
                    .finish()
            },
            SimulationHandle::random,
        );
        HashBuilder::with_seed(seed)
    }

    /// The time: virtual inside a simulation.
    pub(crate) fn now() -> Instant {
        SimulationHandle::current().map_or_else(Instant::now, SimulationHandle::now)
    }

    /// The time since 1970, when simulations begin.
    pub(crate) fn unix_time() -> Duration {
        let since_1970 = || SystemTime::now().duration_since(UNIX_EPOCH);
        SimulationHandle::current().map_or_else(
            || since_1970().unwrap_or_default(),
            SimulationHandle::elapsed,
        )
    }

    pub(crate) fn sleep(time: Duration) {
        match SimulationHandle::current() {
            Some(simulation) => simulation.sleep(time),
            None => std::thread::sleep(time),
        }
    }
}
