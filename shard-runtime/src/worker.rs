//! A named thread whose panic is an error for whoever joins it.

use crate::error::ShardError;
use crate::thread::{Thread, spawn};
use std::any::Any;
use std::io;

/// Starts a thread with a name.
///
/// Should the system refuse the thread, `run` is dropped at once, with all it owns, and
/// [`Worker::join`] says so.
///
/// ```
/// let worker = shard_runtime::spawn_named("adder", || 1 + 1);
/// assert_eq!(worker.join()?, 2);
/// # Ok::<(), shard_runtime::ShardError>(())
/// ```
pub fn spawn_named<R: Send + 'static>(
    name: &str,
    run: impl FnOnce() -> R + Send + 'static,
) -> Worker<R> {
    Worker {
        name: name.to_owned(),
        thread: spawn(name, None, run),
    }
}

/// A thread started with [`spawn_named`]. Dropping it lets the thread go on by itself.
#[derive(Debug)]
pub struct Worker<R> {
    name: String,
    thread: io::Result<Thread<R>>,
}

impl<R> Worker<R> {
    /// The thread's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether [`Worker::join`] would return at once.
    pub fn is_finished(&self) -> bool {
        self.thread.as_ref().map_or(true, Thread::is_finished)
    }

    /// Waits for the thread to end, and returns what it returned.
    ///
    /// # Errors
    ///
    /// [`ShardError::Spawn`] when the thread never started, [`ShardError::Panicked`] when it
    /// panicked.
    pub fn join(self) -> Result<R, ShardError> {
        let Self { name, thread } = self;
        match thread {
            Err(source) => Err(ShardError::Spawn {
                thread: name,
                source,
            }),
            Ok(handle) => handle.join().map_err(|payload| ShardError::Panicked {
                thread: name,
                message: panic_message(payload.as_ref()),
            }),
        }
    }
}

/// The text of a panic, as far as it has one.
pub(crate) fn panic_message(payload: &(dyn Any + Send)) -> String {
    if let Some(text) = payload.downcast_ref::<&str>() {
        (*text).to_owned()
    } else if let Some(text) = payload.downcast_ref::<String>() {
        text.clone()
    } else {
        "a panic without a message".to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thread_carries_its_name() {
        let worker = spawn_named("sink", || std::thread::current().name().map(str::to_owned));
        assert_eq!(worker.name(), "sink");
        assert_eq!(worker.join().unwrap().as_deref(), Some("sink"));
    }

    #[test]
    fn join_carries_the_message_of_the_panic() {
        for (worker, expected) in [
            (spawn_named("a", || panic!("plain")), "plain"),
            (spawn_named("b", || panic!("with {}", 7)), "with 7"),
            (
                spawn_named("c", || std::panic::panic_any(7_u8)),
                "a panic without a message",
            ),
        ] {
            let name = worker.name().to_owned();
            let error = worker.join().unwrap_err();
            let ShardError::Panicked { thread, message } = error else {
                panic!("wrong error: {error:?}");
            };
            assert_eq!((thread, message.as_str()), (name, expected));
        }
    }
}
