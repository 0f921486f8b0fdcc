//! What a shard owes to cuts and transactions: urgent messages, one after the other, of which the
//! part of a cut may have to wait for its moment while the shard goes on serving.

use crate::cut::{Coming, Verdict};
#[cfg(planted)]
use crate::planted::{Plant, is_active};
use std::collections::VecDeque;

/// Urgent messages in the order in which they were handed out.
#[derive(Debug)]
pub(crate) struct Agenda<M> {
    waiting: VecDeque<M>,
    /// A cut that this shard has come to, and its part of it. Nothing in `waiting` begins before
    /// this is over: it was handed out later, and comes later on all other shards too.
    pending: Option<(Coming, M)>,
}

impl<M> Agenda<M> {
    pub(crate) fn new() -> Self {
        Self {
            waiting: VecDeque::new(),
            pending: None,
        }
    }

    /// Takes over what has come out of the mailbox.
    pub(crate) fn admit(&mut self, urgent: &mut VecDeque<M>) {
        self.waiting.append(urgent);
    }

    /// Keeps the part of a cut that this shard has come to, for its moment.
    pub(crate) fn pend(&mut self, coming: Coming, part: M) {
        assert!(self.pending.is_none(), "a shard has come to two cuts");
        self.pending = Some((coming, part));
    }

    /// Whether there is nothing, neither to do nor to wait for.
    pub(crate) fn is_empty(&self) -> bool {
        self.pending.is_none() && self.waiting.is_empty()
    }

    /// Whether [`Agenda::next`] has something to do.
    pub(crate) fn is_ready(&self) -> bool {
        match &self.pending {
            Some((coming, _)) => coming.verdict().is_some(),
            None => !self.waiting.is_empty(),
        }
    }

    /// What must run before anything else. To be asked before everything that the shard serves.
    pub(crate) fn next(&mut self) -> Option<M> {
        #[cfg(planted)]
        if is_active(Plant::AgendaOvertakes) && !self.waiting.is_empty() {
            return self.waiting.pop_front();
        }
        // The usual case first: this is asked before every message.
        if !self.is_ready() {
            return None;
        }
        if let Some((coming, part)) = self.pending.take()
            && coming.verdict() == Some(Verdict::Cut)
        {
            coming.begin();
            return Some(part);
        }
        self.waiting.pop_front()
    }

    /// Stands still until the next thing can run. For a shard that has nothing else to do, and
    /// will not be woken.
    pub(crate) fn wait(&self) {
        if let Some((coming, _)) = &self.pending {
            coming.wait();
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::cut::{Barrier, Seat};
    use std::sync::Arc;

    /// An agenda with a cut of two shards that it has come to, and a message behind that.
    fn agenda(barrier: &Arc<Barrier>) -> Agenda<&'static str> {
        let mut agenda = Agenda::new();
        agenda.admit(&mut VecDeque::from(["later"]));
        agenda.pend(Seat::new(barrier, 0).come(None), "part");
        agenda
    }

    #[test]
    fn part_waits_for_its_moment_and_everything_later_for_the_part() {
        let barrier = Arc::new(Barrier::new(2));
        let mut agenda = agenda(&barrier);
        assert_eq!((agenda.is_ready(), agenda.next()), (false, None));
        let other = Seat::new(&barrier, 1).come(None);
        assert!(agenda.is_ready());
        assert_eq!(agenda.next(), Some("part"));
        assert!(barrier.has_begun(0) && !barrier.has_begun(1));
        assert_eq!(agenda.next(), Some("later"));
        assert!(agenda.is_empty());
        other.begin();
    }

    #[test]
    fn part_of_a_cut_that_failed_is_dropped() {
        let barrier = Arc::new(Barrier::new(2));
        let mut agenda = agenda(&barrier);
        drop(Seat::new(&barrier, 1));
        assert_eq!(agenda.next(), Some("later"));
        assert!(agenda.is_empty());
    }

    #[test]
    fn agenda_that_goes_fails_its_cut() {
        let barrier = Arc::new(Barrier::new(2));
        drop(agenda(&barrier));
        assert_eq!(barrier.abandoned(), Some(0));
    }
}
