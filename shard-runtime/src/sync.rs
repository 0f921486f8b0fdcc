//! The only door to locks, waiting, atomics and the clock: the real ones, or `loom` under
//! `--cfg loom`; with the feature `sim`, those that a simulation can drive.

#[cfg(all(feature = "sim", not(loom)))]
pub(crate) use crate::simulated::{Condvar, Mutex, MutexGuard, Spin, now};
#[cfg(loom)]
pub(crate) use modelled::{Condvar, Mutex, MutexGuard, Spin, now};
#[cfg(all(not(feature = "sim"), not(loom)))]
pub(crate) use real::{Condvar, Mutex, MutexGuard, Spin, now};
#[cfg(all(feature = "sim", not(loom)))]
pub(crate) use real::{Condvar as RealCondvar, Spin as RealSpin};

use std::sync::atomic::AtomicU64;

#[cfg(loom)]
pub(crate) use loom::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
#[cfg(not(loom))]
pub(crate) use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// A number that one thread writes and any may read, to look at. It orders nothing, so models need
/// not know it; and with one writer, plain loads and stores are enough.
#[derive(Debug)]
pub(crate) struct Gauge(AtomicU64);

impl Gauge {
    pub(crate) fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    /// Adds to the number. Only ever called by the same thread.
    pub(crate) fn add(&self, amount: u64) {
        // Relaxed, as all here: the number is all there is to see.
        let sum = self.get().saturating_add(amount);
        self.0.store(sum, Ordering::Relaxed);
    }

    /// Raises the number. Only ever called by the same thread.
    pub(crate) fn raise_to(&self, number: u64) {
        if number > self.get() {
            self.0.store(number, Ordering::Relaxed);
        }
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Why a wait came back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Waited {
    /// Somebody notified the condition variable.
    Notified,
    /// The deadline passed. Never under `loom`, whose clock stands still.
    TimedOut,
}

#[cfg(not(loom))]
mod real {
    use super::Waited;
    use std::cell::Cell;
    use std::time::Instant;

    #[cfg(not(feature = "sim"))]
    pub(crate) use parking_lot::Mutex;
    pub(crate) use parking_lot::MutexGuard;

    /// The time.
    #[cfg(not(feature = "sim"))]
    pub(crate) fn now() -> Instant {
        Instant::now()
    }

    /// A condition variable that hands the guard through, so that `loom`'s twin can look alike.
    #[derive(Debug)]
    pub(crate) struct Condvar(parking_lot::Condvar);

    impl Condvar {
        pub(crate) fn new() -> Self {
            Self(parking_lot::Condvar::new())
        }

        /// Waits for a notification, until `deadline` if there is one.
        pub(crate) fn wait<'a, T>(
            &self,
            mut guard: MutexGuard<'a, T>,
            deadline: Option<Instant>,
        ) -> (MutexGuard<'a, T>, Waited) {
            let Some(deadline) = deadline else {
                self.0.wait(&mut guard);
                return (guard, Waited::Notified);
            };
            if self.0.wait_until(&mut guard, deadline).timed_out() {
                (guard, Waited::TimedOut)
            } else {
                (guard, Waited::Notified)
            }
        }

        pub(crate) fn notify_one(&self) {
            self.0.notify_one();
        }

        pub(crate) fn notify_all(&self) {
            self.0.notify_all();
        }
    }

    /// After pauses of 1, 2, 4 ... 128 steps, 255 in all, it is time to sleep.
    const PAUSES: u32 = 8;

    /// The few microseconds to look again and again before going to sleep.
    #[derive(Debug)]
    pub(crate) struct Spin(Cell<u32>);

    impl Spin {
        pub(crate) fn new() -> Self {
            Self(Cell::new(0))
        }

        /// Pauses a little; `false` when it is time to sleep.
        ///
        /// It never yields the core. Where others want it, whoever yields is behind all of them,
        /// for milliseconds; who sleeps comes first when it is woken.
        pub(crate) fn again(&self) -> bool {
            let pauses = self.0.get();
            if pauses == PAUSES {
                return false;
            }
            for _ in 0..1_u32 << pauses {
                std::hint::spin_loop();
            }
            self.0.set(pauses + 1);
            true
        }
    }
}

#[cfg(loom)]
mod modelled {
    use super::Waited;
    use std::sync::PoisonError;
    use std::time::Instant;

    pub(crate) use loom::sync::MutexGuard;

    /// `loom`'s mutex, locked the way `parking_lot` is.
    #[derive(Debug)]
    pub(crate) struct Mutex<T>(loom::sync::Mutex<T>);

    impl<T> Mutex<T> {
        pub(crate) fn new(value: T) -> Self {
            Self(loom::sync::Mutex::new(value))
        }

        pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
            self.0.lock().unwrap_or_else(PoisonError::into_inner)
        }
    }

    /// `loom`'s condition variable. A deadline is never reached.
    #[derive(Debug)]
    pub(crate) struct Condvar(loom::sync::Condvar);

    impl Condvar {
        pub(crate) fn new() -> Self {
            Self(loom::sync::Condvar::new())
        }

        pub(crate) fn wait<'a, T>(
            &self,
            guard: MutexGuard<'a, T>,
            _deadline: Option<Instant>,
        ) -> (MutexGuard<'a, T>, Waited) {
            let guard = self.0.wait(guard).unwrap_or_else(PoisonError::into_inner);
            (guard, Waited::Notified)
        }

        pub(crate) fn notify_one(&self) {
            self.0.notify_one();
        }

        pub(crate) fn notify_all(&self) {
            self.0.notify_all();
        }
    }

    /// The time; in a model it is never compared with a deadline.
    pub(crate) fn now() -> Instant {
        Instant::now()
    }

    /// Never looks again: to a model, a second look is only another schedule.
    #[derive(Debug)]
    pub(crate) struct Spin;

    impl Spin {
        pub(crate) fn new() -> Self {
            Self
        }

        #[expect(clippy::unused_self, reason = "looks like its real twin")]
        pub(crate) fn again(&self) -> bool {
            false
        }
    }
}
