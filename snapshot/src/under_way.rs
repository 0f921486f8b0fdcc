//! What is on its way to shards, which whoever sends it waits for: no mailbox is to hold it all.

use std::sync::Arc;

use crate::sync::{Condvar, Mutex};

/// How many bytes of one sender are on their way to the shards.
#[derive(Debug)]
pub(crate) struct UnderWay {
    bytes: Mutex<usize>,
    changed: Condvar,
    bytes_max: usize,
}

impl UnderWay {
    /// Nothing; [`wait`](Self::wait) returns when there are no more than so many.
    pub(crate) fn new(bytes_max: usize) -> Self {
        Self {
            bytes: Mutex::new(0),
            changed: Condvar::new(),
            bytes_max,
        }
    }

    /// Waits until there are few enough.
    pub(crate) fn wait(&self) {
        let mut bytes = self.bytes.lock();
        while *bytes > self.bytes_max {
            bytes = self.changed.wait_until(bytes, None);
        }
    }
}

/// Bytes that are under way until this is dropped, or all who share it have dropped it.
#[derive(Debug)]
pub(crate) struct OnItsWay {
    of: Arc<UnderWay>,
    bytes: usize,
}

impl OnItsWay {
    pub(crate) fn new(of: &Arc<UnderWay>, bytes: usize) -> Self {
        *of.bytes.lock() += bytes;
        Self {
            of: Arc::clone(of),
            bytes,
        }
    }
}

impl Drop for OnItsWay {
    fn drop(&mut self) {
        let mut bytes = self.of.bytes.lock();
        let before = *bytes;
        *bytes -= self.bytes;
        // Once for each time that somebody may wait.
        if before > self.of.bytes_max && *bytes <= self.of.bytes_max {
            self.of.changed.notify_all();
        }
    }
}

#[cfg(test)]
mod tests {
    use shard_runtime::spawn_named;

    use super::*;

    #[test]
    fn who_waits_goes_on_when_all_who_share_what_is_under_way_are_done() {
        let under_way = Arc::new(UnderWay::new(100));
        let frame = Arc::new(OnItsWay::new(&under_way, 101));
        let other = Arc::clone(&frame);
        let waited = Arc::clone(&under_way);
        let waiting = spawn_named("waiting", move || {
            waited.wait();
            *waited.bytes.lock()
        });
        drop(frame);
        assert_eq!(*under_way.bytes.lock(), 101);
        drop(other);
        assert_eq!(waiting.join().unwrap(), 0);
    }
}
