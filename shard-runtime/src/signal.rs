//! What stands behind a task's waker: a flag and a way into the mailbox.

use crate::mailbox::Mailbox;
#[cfg(planted)]
use crate::planted::{Plant, is_active};
use crate::sync::{AtomicBool, Ordering};
use crate::task_id::TaskId;
use std::sync::Arc;
use std::task::Wake;

/// Sends a task's id to its shard when woken.
#[derive(Debug)]
pub(crate) struct Signal<M> {
    id: TaskId,
    /// The task's id is on its way through the mailbox. Keeps it from going twice, so that any
    /// number of wake-ups takes bounded room.
    raised: AtomicBool,
    mailbox: Arc<Mailbox<M>>,
}

impl<M> Signal<M> {
    pub(crate) fn new(id: TaskId, mailbox: Arc<Mailbox<M>>) -> Self {
        Self {
            id,
            raised: AtomicBool::new(false),
            mailbox,
        }
    }

    /// The id has arrived: from here on a wake-up sends it again. Called before the step.
    pub(crate) fn lower(&self) {
        #[cfg(planted)]
        if is_active(Plant::SignalRelaxed) {
            self.raised.swap(false, Ordering::Relaxed);
            return;
        }
        // AcqRel: pairs with the swap in `wake_by_ref`. What was done before a wake-up that found
        // the flag raised, and so sent nothing, is seen by the step that follows.
        self.raised.swap(false, Ordering::AcqRel);
    }
}

impl<M: Send + 'static> Wake for Signal<M> {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        #[cfg(planted)]
        if is_active(Plant::SignalRelaxed) {
            if !self.raised.swap(true, Ordering::Relaxed) {
                self.mailbox.wake(self.id);
            }
            return;
        }
        // AcqRel: pairs with the swap in `lower`.
        if !self.raised.swap(true, Ordering::AcqRel) {
            self.mailbox.wake(self.id);
        }
    }
}
