//! The mailbox of a shard: a bounded queue that many fill and one thread drains in batches.
//!
//! Everything that can wake a shard goes through one lock: messages, urgent messages, woken tasks,
//! the order to close. So the shard's decision to sleep and anyone's decision to wake it are
//! ordered, and no wake-up can fall between them.

use crate::counters::Counters;
use crate::fate::Fate;
use crate::inbox::{Collected, Idle, Inbox};
#[cfg(planted)]
use crate::planted::{Plant, is_active};
use crate::room::{Rejected, Room};
use crate::sync::{AtomicBool, Condvar, Mutex, MutexGuard, Ordering, Spin, Waited, now};
use crate::task_id::TaskId;
use std::collections::VecDeque;
use std::mem;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A queue of messages for one shard.
#[derive(Debug)]
pub(crate) struct Mailbox<M> {
    state: Mutex<State<M>>,
    /// The shard sleeps here while there is nothing to do.
    filled: Condvar,
    /// Senders that found the mailbox full sleep here, and whoever waits for its end.
    changed: Condvar,
    /// A hint that urgent messages wait; the truth is under the lock.
    urgent_hint: Arc<AtomicBool>,
    /// Messages that may wait before senders must.
    capacity: usize,
    /// A hint for the shard that spins: something has come. The truth is under the lock.
    filled_hint: AtomicBool,
    /// Learns how the mailbox ended.
    fate: Arc<Fate>,
    counters: Counters,
    created: Instant,
}

#[derive(Debug)]
struct State<M> {
    queue: VecDeque<M>,
    urgent: VecDeque<M>,
    woken: Vec<TaskId>,
    /// The shard shall look around, though nothing has come.
    nudged: bool,
    /// The shard waits on `filled` and has not been notified yet.
    asleep: bool,
    /// How many threads wait on `changed`.
    watchers: usize,
    phase: Phase,
    waiting_high_water: usize,
    /// How long the shard has had nothing to do, up to the last time that it had something.
    idle: Duration,
    /// Since when it has nothing to do.
    idle_since: Option<Instant>,
    /// When the mailbox ended.
    ended: Option<Instant>,
}

/// What has gone through a mailbox, and how idle its shard was.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Traffic {
    pub(crate) waiting: usize,
    pub(crate) waiting_high_water: usize,
    pub(crate) lifetime: Duration,
    pub(crate) idle: Duration,
}

#[derive(Clone, Debug)]
enum Phase {
    /// Messages are taken.
    Open,
    /// No more are taken; those that are here will still run.
    Closing,
    /// The shard is gone.
    Ended(End),
}

/// How a shard ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// It was closed, and drained.
    Stopped,
    /// Something panicked on it.
    Poisoned {
        /// The message of the panic.
        message: Arc<str>,
    },
}

impl<M> Mailbox<M> {
    pub(crate) fn new(capacity: usize) -> Self {
        Self {
            state: Mutex::new(State {
                queue: VecDeque::with_capacity(capacity),
                urgent: VecDeque::new(),
                woken: Vec::new(),
                nudged: false,
                asleep: false,
                watchers: 0,
                phase: Phase::Open,
                waiting_high_water: 0,
                idle: Duration::ZERO,
                idle_since: None,
                ended: None,
            }),
            filled: Condvar::new(),
            changed: Condvar::new(),
            urgent_hint: Arc::new(AtomicBool::new(false)),
            capacity,
            filled_hint: AtomicBool::new(false),
            fate: Arc::new(Fate::new()),
            counters: Counters::new(),
            created: now(),
        }
    }

    /// How the shard ends, for those who await its answers.
    pub(crate) fn fate(&self) -> &Arc<Fate> {
        &self.fate
    }

    /// What the shard counts.
    pub(crate) fn counters(&self) -> &Counters {
        &self.counters
    }

    /// A look at the mailbox.
    pub(crate) fn traffic(&self) -> Traffic {
        let state = self.state.lock();
        let until = state.ended.unwrap_or_else(now);
        let idle_now = state.idle_since.map_or(Duration::ZERO, |since| {
            until.saturating_duration_since(since)
        });
        Traffic {
            waiting: state.queue.len(),
            waiting_high_water: state.waiting_high_water,
            lifetime: until.saturating_duration_since(self.created),
            idle: state.idle + idle_now,
        }
    }

    pub(crate) fn capacity(&self) -> usize {
        self.capacity
    }

    /// Puts a message at the end of the queue. One that is not taken is dropped, outside the lock.
    pub(crate) fn push(&self, message: M, room: Room) -> Result<(), Rejected> {
        self.push_as(message, room, |message| message)
            .map_err(|(rejected, _)| rejected)
    }

    /// Makes a message of `content`, once it is certain to be taken, and puts it at the end of the
    /// queue; or gives `content` back. `make` runs under the lock.
    pub(crate) fn push_as<C>(
        &self,
        content: C,
        room: Room,
        make: impl FnOnce(C) -> M,
    ) -> Result<(), (Rejected, C)> {
        let (mut state, room) = self.await_room(self.state.lock(), room);
        if let Err(rejected) = room {
            drop(state);
            return Err((rejected, content));
        }
        #[cfg(planted)]
        if is_active(Plant::MailboxLateEntry) {
            drop(state);
            state = self.state.lock();
        }
        state.queue.push_back(make(content));
        self.rouse(state);
        Ok(())
    }

    /// Puts a message before everything that waits in the queue, behind other urgent ones.
    pub(crate) fn push_urgent(&self, message: M) -> Result<(), Rejected> {
        let mut state = self.state.lock();
        state.check_open()?;
        state.urgent.push_back(message);
        // Relaxed: a hint. The shard that sees it takes the lock, which orders the message itself;
        // the shard that does not see it yet finds the message at its next collection.
        self.urgent_hint.store(true, Ordering::Relaxed);
        self.rouse(state);
        Ok(())
    }

    /// Says that a task may go on.
    pub(crate) fn wake(&self, task: TaskId) {
        let mut state = self.state.lock();
        if !matches!(state.phase, Phase::Ended(_)) {
            state.woken.push(task);
            self.rouse(state);
        }
    }

    /// Wakes the shard if it sleeps: what it waits for has been decided elsewhere.
    pub(crate) fn nudge(&self) {
        #[cfg(planted)]
        if is_active(Plant::MailboxNudgeWithoutWake) {
            return;
        }
        let mut state = self.state.lock();
        state.nudged = true;
        self.rouse(state);
    }

    /// Takes no more messages. Those inside still run.
    pub(crate) fn close(&self) {
        let mut state = self.state.lock();
        if matches!(state.phase, Phase::Open) {
            state.phase = Phase::Closing;
            self.rouse(state);
            self.changed.notify_all();
        }
    }

    /// Ends the mailbox, and hands out what was left in it, for the caller to drop.
    pub(crate) fn end(&self, end: End) -> Inbox<M> {
        #[cfg(planted)]
        let unsealed = is_active(Plant::MailboxFateUnsealed);
        #[cfg(not(planted))]
        let unsealed = false;
        if !unsealed {
            self.fate.seal(&end);
        }
        let mut state = self.state.lock();
        state.phase = Phase::Ended(end);
        state.ended = Some(now());
        let left = Inbox {
            messages: mem::take(&mut state.queue),
            urgent: mem::take(&mut state.urgent),
            woken: mem::take(&mut state.woken),
        };
        drop(state);
        #[cfg(planted)]
        if is_active(Plant::MailboxEndWakesOne) {
            self.changed.notify_one();
            return left;
        }
        self.changed.notify_all();
        left
    }

    /// Waits until the mailbox has ended.
    pub(crate) fn await_end(&self) -> End {
        let mut state = self.state.lock();
        loop {
            if let Phase::Ended(end) = &state.phase {
                return end.clone();
            }
            state = self.watch(state, None).0;
        }
    }

    /// How the mailbox ended, if it has.
    pub(crate) fn ended(&self) -> Option<End> {
        match &self.state.lock().phase {
            Phase::Ended(end) => Some(end.clone()),
            Phase::Open | Phase::Closing => None,
        }
    }

    /// Whether urgent messages seem to be waiting.
    pub(crate) fn is_urgent(&self) -> bool {
        // Relaxed: see `push_urgent`.
        self.urgent_hint.load(Ordering::Relaxed)
    }

    /// What a slice looks at to end early: the flag behind [`Mailbox::is_urgent`].
    pub(crate) fn urgent_hint(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.urgent_hint)
    }

    /// Moves what has come into `inbox`. Only the shard calls this.
    ///
    /// Messages are moved only when the inbox has none left, all at once, by swapping the queues.
    pub(crate) fn collect(&self, inbox: &mut Inbox<M>, idle: Idle) -> Collected {
        let collected = self.gather(&mut self.state.lock(), inbox);
        if collected != Collected::Nothing || idle == Idle::Return {
            return collected;
        }
        let since = now();
        let spin = Spin::new();
        loop {
            // Relaxed: a hint, as `rouse` explains.
            if self.filled_hint.load(Ordering::Relaxed) || !spin.again() {
                break;
            }
        }
        let mut state = self.state.lock();
        state.idle_since = Some(since);
        loop {
            let collected = self.gather(&mut state, inbox);
            if collected != Collected::Nothing {
                state.idle_since = None;
                state.idle += now().saturating_duration_since(since);
                return collected;
            }
            #[cfg(planted)]
            if is_active(Plant::MailboxCheckThenSleep) {
                drop(state);
                state = self.state.lock();
            }
            state.asleep = true;
            state = self.filled.wait(state, None).0;
            state.asleep = false;
        }
    }

    fn gather(&self, state: &mut State<M>, inbox: &mut Inbox<M>) -> Collected {
        if inbox.messages.is_empty() && !state.queue.is_empty() {
            state.waiting_high_water = state.waiting_high_water.max(state.queue.len());
            mem::swap(&mut inbox.messages, &mut state.queue);
            let anyone_waits = state.watchers > 0;
            #[cfg(planted)]
            let anyone_waits = anyone_waits && !is_active(Plant::MailboxSwapWithoutWake);
            if anyone_waits {
                self.changed.notify_all();
            }
        }
        inbox.urgent.append(&mut state.urgent);
        inbox.woken.append(&mut state.woken);
        // Relaxed: see `push_urgent` and `rouse`; the lock is held here too.
        self.urgent_hint.store(false, Ordering::Relaxed);
        self.filled_hint.store(false, Ordering::Relaxed);
        let nudged = mem::replace(&mut state.nudged, false);
        if nudged || !inbox.is_empty() {
            Collected::Something
        } else if matches!(state.phase, Phase::Open) {
            Collected::Nothing
        } else {
            Collected::Finished
        }
    }

    /// Waits, as `room` allows, until a message may enter.
    fn await_room<'a>(
        &self,
        mut state: MutexGuard<'a, State<M>>,
        room: Room,
    ) -> (MutexGuard<'a, State<M>>, Result<(), Rejected>) {
        let (deadline, capacity) = match room {
            Room::AwaitUntil(deadline) => (Some(deadline), self.capacity),
            Room::Await | Room::Demand => (None, self.capacity),
            Room::Exceed(deadline) => (deadline, self.capacity.saturating_mul(2)),
        };
        let mut waited = Waited::Notified;
        loop {
            let open = state.check_open();
            if open.is_err() || state.queue.len() < capacity {
                return (state, open);
            }
            if room == Room::Demand || waited == Waited::TimedOut {
                return (state, Err(Rejected::Full));
            }
            (state, waited) = self.watch(state, deadline);
        }
    }

    /// Releases the lock and wakes the shard if it sleeps.
    fn rouse(&self, mut state: MutexGuard<'_, State<M>>) {
        let asleep = mem::replace(&mut state.asleep, false);
        // Relaxed: the shard that sees it takes the lock; the one that does not takes it before it
        // sleeps, and finds what has come.
        self.filled_hint.store(true, Ordering::Relaxed);
        drop(state);
        if asleep {
            self.filled.notify_one();
        }
    }

    /// Waits for room, or for the end; until `deadline` if there is one.
    fn watch<'a>(
        &self,
        mut state: MutexGuard<'a, State<M>>,
        deadline: Option<Instant>,
    ) -> (MutexGuard<'a, State<M>>, Waited) {
        state.watchers += 1;
        let (mut state, waited) = self.changed.wait(state, deadline);
        state.watchers -= 1;
        (state, waited)
    }
}

impl<M> State<M> {
    fn check_open(&self) -> Result<(), Rejected> {
        match &self.phase {
            Phase::Open => Ok(()),
            Phase::Closing => Err(Rejected::Closing),
            Phase::Ended(end) => Err(Rejected::Ended(end.clone())),
        }
    }
}
