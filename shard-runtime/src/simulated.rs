//! Locks and waiting that serve a simulation inside one, and threads outside.

use crate::schedule::On;
use crate::scheduler::{self, is_simulated};
use crate::sync::{RealCondvar, RealSpin, Waited};
use std::ops::{Deref, DerefMut};
use std::panic::Location;
use std::ptr;
use std::time::Instant;

/// A mutex whose locking is a chance for other fibers to run.
#[derive(Debug)]
pub(crate) struct Mutex<T>(parking_lot::Mutex<T>);

/// The lock, until dropped.
#[derive(Debug)]
pub(crate) struct MutexGuard<'a, T> {
    // Dropped in this order: first the lock is free, then others learn of it.
    inner: parking_lot::MutexGuard<'a, T>,
    released: Released,
}

/// Tells fibers that wait for the lock at this address when it is dropped.
#[derive(Debug)]
struct Released(usize);

impl<T> Mutex<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(parking_lot::Mutex::new(value))
    }

    #[track_caller]
    pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
        if is_simulated() {
            scheduler::pause();
        }
        lock(&self.0, Location::caller())
    }
}

fn lock<'a, T>(
    mutex: &'a parking_lot::Mutex<T>,
    at: &'static Location<'static>,
) -> MutexGuard<'a, T> {
    let address = ptr::from_ref(mutex).addr();
    let inner = if is_simulated() {
        loop {
            if let Some(guard) = mutex.try_lock() {
                break guard;
            }
            scheduler::wait(On::Lock(address), None, at);
        }
    } else {
        mutex.lock()
    };
    MutexGuard {
        inner,
        released: Released(address),
    }
}

impl<T> Deref for MutexGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.inner
    }
}

impl<T> DerefMut for MutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.inner
    }
}

impl Drop for Released {
    fn drop(&mut self) {
        if is_simulated() {
            scheduler::notify_all(On::Lock(self.0));
        }
    }
}

/// A condition variable that lets other fibers run while one waits.
#[derive(Debug)]
pub(crate) struct Condvar(RealCondvar);

impl Condvar {
    pub(crate) fn new() -> Self {
        Self(RealCondvar::new())
    }

    #[track_caller]
    pub(crate) fn wait<'a, T>(
        &self,
        guard: MutexGuard<'a, T>,
        deadline: Option<Instant>,
    ) -> (MutexGuard<'a, T>, Waited) {
        let MutexGuard { inner, released } = guard;
        if !is_simulated() {
            let (inner, waited) = self.0.wait(inner, deadline);
            return (MutexGuard { inner, released }, waited);
        }
        let mutex = parking_lot::MutexGuard::mutex(&inner);
        // Nothing can come between these and the wait: fibers switch there only.
        drop(inner);
        drop(released);
        let at = Location::caller();
        let waited = scheduler::wait(self.place(), deadline, at);
        (lock(mutex, at), waited)
    }

    pub(crate) fn notify_one(&self) {
        if is_simulated() {
            scheduler::notify_one(self.place());
        } else {
            self.0.notify_one();
        }
    }

    pub(crate) fn notify_all(&self) {
        if is_simulated() {
            scheduler::notify_all(self.place());
        } else {
            self.0.notify_all();
        }
    }

    fn place(&self) -> On {
        On::Condition(ptr::from_ref(self).addr())
    }
}

/// Looks again and again, but not inside a simulation, where the one core is needed.
#[derive(Debug)]
pub(crate) struct Spin(RealSpin);

impl Spin {
    pub(crate) fn new() -> Self {
        Self(RealSpin::new())
    }

    pub(crate) fn again(&self) -> bool {
        !is_simulated() && self.0.again()
    }
}

/// The time: virtual inside a simulation.
pub(crate) fn now() -> Instant {
    if is_simulated() {
        scheduler::now()
    } else {
        Instant::now()
    }
}
