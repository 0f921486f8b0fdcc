//! Locks and waiting that serve a simulation inside one, and threads outside.

use crate::schedule::On;
use crate::scheduler::{self, is_simulated};
use crate::sync::{RealCondvar, RealSpin, Waited};
use std::ops::{Deref, DerefMut};
use std::panic::Location;
use std::ptr;
use std::time::Instant;

/// A mutex whose locking is a chance for the other threads of a simulation to run.
///
/// For code that is to run inside a [`Simulation`](crate::Simulation) and has locks of its own.
/// Outside one it is an ordinary mutex.
///
/// ```
/// use shard_runtime::{SimulatedCondvar, SimulatedMutex, Simulation, spawn_named};
/// use std::sync::Arc;
///
/// let done = Simulation::new(1).run(|_| {
///     let shared = Arc::new((SimulatedMutex::new(0), SimulatedCondvar::new()));
///     let setter = spawn_named("setter", {
///         let shared = Arc::clone(&shared);
///         move || {
///             *shared.0.lock() = 7;
///             shared.1.notify_all();
///         }
///     });
///     let mut number = shared.0.lock();
///     while *number == 0 {
///         number = shared.1.wait_until(number, None);
///     }
///     drop(number);
///     setter.join()
/// });
/// done?.result?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Mutex<T>(parking_lot::Mutex<T>);

/// The lock of a [`SimulatedMutex`](crate::SimulatedMutex), until dropped.
#[derive(Debug)]
pub struct MutexGuard<'a, T> {
    // Dropped in this order: first the lock is free, then others learn of it.
    inner: parking_lot::MutexGuard<'a, T>,
    released: Released,
}

/// Tells fibers that wait for the lock at this address when it is dropped.
#[derive(Debug)]
struct Released(usize);

impl<T> Mutex<T> {
    /// A mutex around `value`.
    pub fn new(value: T) -> Self {
        Self(parking_lot::Mutex::new(value))
    }

    /// The value, without a lock: nobody else has the mutex.
    pub fn into_inner(self) -> T {
        self.0.into_inner()
    }

    /// Waits for the lock, and takes it.
    #[track_caller]
    pub fn lock(&self) -> MutexGuard<'_, T> {
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

/// A condition variable that lets the other threads of a simulation run while one waits.
///
/// Outside a simulation it is an ordinary condition variable. There is an example at
/// [`SimulatedMutex`](crate::SimulatedMutex).
#[derive(Debug)]
pub struct Condvar(RealCondvar);

impl Condvar {
    /// A condition variable that nobody waits for.
    pub fn new() -> Self {
        Self(RealCondvar::new())
    }

    /// Waits for a notification, until `deadline` if there is one. Who was notified, and who was
    /// not, has to look at what it waits for again.
    #[track_caller]
    pub fn wait_until<'a, T>(
        &self,
        guard: MutexGuard<'a, T>,
        deadline: Option<Instant>,
    ) -> MutexGuard<'a, T> {
        self.wait(guard, deadline).0
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

    /// Lets one of those who wait go on.
    pub fn notify_one(&self) {
        if is_simulated() {
            scheduler::notify_one(self.place());
        } else {
            self.0.notify_one();
        }
    }

    /// Lets all who wait go on.
    pub fn notify_all(&self) {
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

impl Default for Condvar {
    fn default() -> Self {
        Self::new()
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
