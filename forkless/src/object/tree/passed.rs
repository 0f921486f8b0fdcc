//! Passed nodes: what views have let go of, on its way back to the thread that froze it.
//!
//! An allocator that has a heap for each thread, such as that of the program, takes what other
//! threads have freed of it all at once, when it next needs memory: milliseconds for a write that
//! happens to ask, after a snapshot has let go of a huge value that was written to meanwhile.

use std::any::Any;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, SyncSender};

/// A node of any tree.
type Node = Arc<dyn Any + Send + Sync>;

/// So many nodes of one thread may be on their way back: no more than two MiB of chunks.
const NODES_MAX: usize = 256;

/// So many are freed before a tree changes.
const FREED_AT_ONCE: usize = 8;

thread_local! {
    static HOME: Home = Home::new();
}

/// Where the nodes of trees that this thread freezes come back to.
struct Home {
    sender: SyncSender<Node>,
    receiver: Receiver<Node>,
}

impl Home {
    fn new() -> Self {
        let (sender, receiver) = mpsc::sync_channel(NODES_MAX);
        Self { sender, receiver }
    }
}

/// The way back to one thread.
pub(super) struct WayBack(Option<SyncSender<Node>>);

impl WayBack {
    /// To the thread that calls this.
    pub(super) fn here() -> Self {
        // A thread that ends has no use for memory any more.
        Self(HOME.try_with(|home| home.sender.clone()).ok())
    }

    /// Sends a node back; frees it here when too many are on their way, or nobody waits for it.
    pub(super) fn send(&self, node: Node) {
        if let Some(sender) = &self.0 {
            // What was not taken is dropped with the error.
            sender.try_send(node).ok();
        }
    }
}

/// Frees some of the nodes that have come back to this thread.
pub(super) fn free_some() {
    let freed = HOME.try_with(|home| {
        home.receiver.try_iter().take(FREED_AT_ONCE).for_each(drop);
    });
    // A thread that ends frees them all at once.
    freed.ok();
}

#[cfg(test)]
mod tests {
    use std::thread::{self, ThreadId};

    use parking_lot::Mutex;
    use shard_runtime::spawn_named;
    use snapshot::Copies;

    use super::*;
    use crate::object::tree::{Element, Tree};

    /// Notes which thread frees it.
    #[derive(Clone, Debug)]
    struct Noting(Arc<Mutex<Vec<ThreadId>>>);

    impl Element for Noting {
        type Mark = ();

        fn mark(&self) -> &() {
            &()
        }

        fn weight_bytes(&self) -> usize {
            100
        }
    }

    impl Drop for Noting {
        fn drop(&mut self) {
            self.0.lock().push(thread::current().id());
        }
    }

    #[test]
    fn what_a_view_has_passed_is_freed_by_the_thread_that_froze_it() {
        const ELEMENTS: usize = 6000;
        let freed = Arc::new(Mutex::new(Vec::new()));
        let element = || Noting(Arc::clone(&freed));
        let mut tree: Tree<Noting> = (0..ELEMENTS).map(|_| element()).collect();
        let mut view = tree.freeze(&Copies::uncounted());
        for index in 0..ELEMENTS {
            drop(tree.replace(index, element()));
        }
        let copied = freed.lock().len();
        let encoding = spawn_named("encoding", move || while view.advance() {});
        encoding.join().unwrap();
        assert_eq!(freed.lock().len(), copied, "nothing is freed elsewhere");
        for _ in 0..NODES_MAX {
            free_some();
        }
        let freed = freed.lock();
        assert_eq!(freed.len(), copied + ELEMENTS);
        assert!(freed.iter().all(|thread| *thread == thread::current().id()));
    }
}
