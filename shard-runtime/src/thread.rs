//! The only door to threads: the system's, or the fibers of the simulation that starts them.

#[cfg(all(feature = "sim", not(loom)))]
use crate::scheduler::{self, FiberHandle};
use std::cell::Cell;
use std::fmt;
use std::io;
use std::thread::{self, Builder, JoinHandle};

/// A shard among all sets of the process: the address of its set's mailboxes, and its index.
pub(crate) type Place = (usize, usize);

thread_local! {
    static PLACE: Cell<Option<Place>> = const { Cell::new(None) };
}

/// A started thread. Dropping it lets the thread go on by itself.
pub(crate) struct Thread<R>(Handle<R>);

enum Handle<R> {
    System(JoinHandle<R>),
    #[cfg(all(feature = "sim", not(loom)))]
    Simulated(FiberHandle<R>),
}

/// Starts a thread with a name; with `stack_bytes` of stack if given, which a fiber ignores.
pub(crate) fn spawn<R: Send + 'static>(
    name: &str,
    stack_bytes: Option<usize>,
    run: impl FnOnce() -> R + Send + 'static,
) -> io::Result<Thread<R>> {
    #[cfg(all(feature = "sim", not(loom)))]
    if scheduler::is_simulated() {
        return Ok(Thread(Handle::Simulated(scheduler::spawn(name, run))));
    }
    let mut builder = Builder::new().name(name.to_owned());
    if let Some(bytes) = stack_bytes {
        builder = builder.stack_size(bytes);
    }
    Ok(Thread(Handle::System(builder.spawn(run)?)))
}

impl<R> Thread<R> {
    /// Waits for the thread's result, or what it panicked with.
    pub(crate) fn join(self) -> thread::Result<R> {
        match self.0 {
            Handle::System(handle) => handle.join(),
            #[cfg(all(feature = "sim", not(loom)))]
            Handle::Simulated(handle) => handle.join(),
        }
    }

    /// Whether [`Thread::join`] would return at once.
    pub(crate) fn is_finished(&self) -> bool {
        match &self.0 {
            Handle::System(handle) => handle.is_finished(),
            #[cfg(all(feature = "sim", not(loom)))]
            Handle::Simulated(handle) => handle.is_finished(),
        }
    }
}

impl<R> fmt::Debug for Thread<R> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Thread")
            .field("is_finished", &self.is_finished())
            .finish_non_exhaustive()
    }
}

/// Lets others have the core.
pub(crate) fn yield_now() {
    #[cfg(all(feature = "sim", not(loom)))]
    if scheduler::is_simulated() {
        scheduler::pause();
        return;
    }
    thread::yield_now();
}

/// Whether the calling thread is a fiber of a simulation, which shares its core with all others.
pub(crate) fn is_fiber() -> bool {
    #[cfg(all(feature = "sim", not(loom)))]
    return scheduler::is_simulated();
    #[cfg(any(not(feature = "sim"), loom))]
    false
}

/// The shard that the calling thread serves, if it serves one.
pub(crate) fn place() -> Option<Place> {
    #[cfg(all(feature = "sim", not(loom)))]
    if scheduler::is_simulated() {
        return scheduler::place();
    }
    PLACE.get()
}

/// Says which shard the calling thread serves from now on.
pub(crate) fn set_place(place: Place) {
    #[cfg(all(feature = "sim", not(loom)))]
    if scheduler::is_simulated() {
        scheduler::set_place(place);
        return;
    }
    PLACE.set(Some(place));
}
