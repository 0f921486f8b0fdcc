//! The only door to locks, waiting and atomics: the real ones, or `loom` under `--cfg loom`.

#[cfg(loom)]
pub(crate) use modelled::{Condvar, Mutex, MutexGuard};
#[cfg(not(loom))]
pub(crate) use real::{Condvar, Mutex, MutexGuard};

#[cfg(loom)]
pub(crate) use loom::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
#[cfg(not(loom))]
pub(crate) use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// Why a wait came back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Waited {
    /// Somebody notified the condition variable.
    Notified,
    /// The deadline passed. Never under `loom`, whose clock stands still.
    TimedOut,
}

#[cfg(loom)]
pub(crate) use modelled::spin_until;
#[cfg(not(loom))]
pub(crate) use real::spin_until;

#[cfg(not(loom))]
mod real {
    use super::Waited;
    use crossbeam::utils::Backoff;
    use std::time::Instant;

    pub(crate) use parking_lot::{Mutex, MutexGuard};

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

    /// Looks at `done` again and again for a few microseconds; says whether it became true.
    ///
    /// Later looks yield the core, so that whoever is waited for can use it.
    pub(crate) fn spin_until(done: impl Fn() -> bool) -> bool {
        let backoff = Backoff::new();
        while !done() {
            if backoff.is_completed() {
                return false;
            }
            backoff.snooze();
        }
        true
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

    /// Looks once: a model explores both outcomes.
    pub(crate) fn spin_until(done: impl Fn() -> bool) -> bool {
        done()
    }
}
