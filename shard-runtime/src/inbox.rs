//! What a shard takes out of its mailbox, and what it does if there is nothing.

use crate::task_id::TaskId;
use std::collections::VecDeque;

/// What the shard has taken out of its mailbox and not served yet.
#[derive(Debug)]
pub(crate) struct Inbox<M> {
    pub(crate) messages: VecDeque<M>,
    pub(crate) urgent: VecDeque<M>,
    pub(crate) woken: Vec<TaskId>,
}

impl<M> Inbox<M> {
    /// An inbox with room for one full mailbox.
    pub(crate) fn with_capacity(messages: usize) -> Self {
        Self {
            messages: VecDeque::with_capacity(messages),
            urgent: VecDeque::new(),
            woken: Vec::new(),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.messages.is_empty() && self.urgent.is_empty() && self.woken.is_empty()
    }
}

/// What the shard does if its mailbox is empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Idle {
    /// Go on with its tasks.
    Return,
    /// Sleep until something comes.
    Sleep,
}

/// What a collection found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Collected {
    /// Something is in the inbox, or the shard was told to look around.
    Something,
    /// Nothing is.
    Nothing,
    /// Nothing is, and nothing will be: the mailbox is closed and drained.
    Finished,
}
