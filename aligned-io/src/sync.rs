//! The only door to locks and waiting: the real ones, or `loom` under `--cfg loom`.

use std::sync::PoisonError;

#[cfg(loom)]
use loom::sync as chosen;
#[cfg(not(loom))]
use std::sync as chosen;

pub(crate) use chosen::MutexGuard;

/// A mutex whose holder may panic: what it guards here is never left half changed.
#[derive(Debug)]
pub(crate) struct Mutex<T>(chosen::Mutex<T>);

impl<T> Mutex<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(chosen::Mutex::new(value))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A condition variable that goes with [`Mutex`].
#[derive(Debug)]
pub(crate) struct Condvar(chosen::Condvar);

impl Condvar {
    pub(crate) fn new() -> Self {
        Self(chosen::Condvar::new())
    }

    pub(crate) fn wait<'a, T>(&self, guard: MutexGuard<'a, T>) -> MutexGuard<'a, T> {
        self.0.wait(guard).unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn notify_one(&self) {
        self.0.notify_one();
    }

    pub(crate) fn notify_all(&self) {
        self.0.notify_all();
    }
}
