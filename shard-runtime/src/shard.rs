//! A shard: the state that one thread owns, and the loop that serves it.

use crate::agenda::Agenda;
use crate::budget::Budget;
use crate::counters::Counters;
use crate::cut::Coming;
use crate::fair_share::FairShare;
use crate::inbox::{Collected, Idle, Inbox};
use crate::job::Job;
use crate::mailbox::{End, Mailbox};
use crate::sync::{AtomicBool, Ordering, now};
use crate::task::{Task, TaskList};
use crate::task_id::TaskId;
use crate::worker::panic_message;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// What goes through a mailbox.
pub(crate) type Message<S> = Job<Shard<S>>;

/// What a closure or a task gets: the shard's state, on the shard's own thread.
pub struct Shard<S> {
    index: usize,
    /// Dropped before the state, whose owners may take their time: others wait for a cut.
    agenda: Agenda<Message<S>>,
    state: S,
    tasks: TaskList<S>,
    /// Whether a task of the last slice gives way.
    gives_way: bool,
    mailbox: Arc<Mailbox<Message<S>>>,
}

impl<S> Shard<S> {
    /// Which shard this is, counted from 0.
    pub fn index(&self) -> usize {
        self.index
    }

    /// The state that the shard owns.
    pub fn state(&mut self) -> &mut S {
        &mut self.state
    }

    /// The state that the shard owns, to look at.
    pub fn state_ref(&self) -> &S {
        &self.state
    }
}

impl<S: 'static> Shard<S> {
    pub(crate) fn new(index: usize, state: S, mailbox: Arc<Mailbox<Message<S>>>) -> Self {
        Self {
            index,
            agenda: Agenda::new(),
            state,
            tasks: TaskList::new(),
            gives_way: false,
            mailbox,
        }
    }

    /// Goes on serving until the moment of a cut is there, and then runs its part first.
    pub(crate) fn pend(&mut self, coming: Coming, part: Message<S>) {
        self.agenda.pend(coming, part);
    }

    /// What the shard counts.
    pub(crate) fn counters(&self) -> &Counters {
        self.mailbox.counters()
    }

    /// Runs what cuts and transactions have for the shard, as far as it can run now.
    fn serve_agenda(&mut self) {
        while let Some(message) = self.agenda.next() {
            message.run(self);
            self.mailbox.counters().count_messages(1);
        }
    }

    /// Gives the shard a task, to be stepped first after the messages of this turn.
    ///
    /// O(log tasks). When the shard stops, tasks that are not done are dropped on its thread.
    pub fn spawn(&mut self, task: impl Task<S> + 'static) -> TaskId {
        self.tasks.insert(Box::new(task), &self.mailbox)
    }

    /// Drops a task that is not done yet; says whether there was one. O(log tasks).
    ///
    /// A task that cancels itself is dropped when its step ends, whatever it returns.
    pub fn cancel(&mut self, task: TaskId) -> bool {
        self.tasks.remove(task)
    }

    /// Steps tasks in turn until the budget is spent or none can run; at least one step.
    fn step_tasks(&mut self, budget: &Budget) {
        loop {
            self.serve_agenda();
            let Some((id, mut task, waker)) = self.tasks.begin_step() else {
                return;
            };
            let step = task.step(self, budget, &waker);
            self.gives_way |= task.gives_way();
            self.tasks.end_step(id, task, step);
            if budget.is_spent() {
                return;
            }
        }
    }
}

impl<S> fmt::Debug for Shard<S> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Shard")
            .field("index", &self.index)
            .field("tasks", &self.tasks)
            .finish_non_exhaustive()
    }
}

/// A shard and what it has collected: a machine that is driven one turn at a time.
///
/// A turn is: collect what has come; messages for their share of the time; tasks for theirs. Before
/// each message and each step, what is due of cuts and transactions. It never sleeps unless its
/// driver lets it.
pub(crate) struct ShardLoop<S> {
    shard: Shard<S>,
    inbox: Inbox<Message<S>>,
    turns: FairShare,
    /// Set when the shard must end and leave what waits.
    abort: Arc<AtomicBool>,
}

/// What one turn came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// Something was done.
    Worked,
    /// There was nothing to do.
    Idle,
    /// The shard has ended, and so has its loop.
    Ended(End),
}

impl<S: 'static> ShardLoop<S> {
    pub(crate) fn new(shard: Shard<S>, turns: FairShare, abort: Arc<AtomicBool>) -> Self {
        let inbox = Inbox::with_capacity(shard.mailbox.capacity());
        Self {
            shard,
            inbox,
            turns,
            abort,
        }
    }

    /// Collects messages, serves them for a while, then lets tasks work for a slice.
    ///
    /// With [`Idle::Sleep`] it sleeps first if there is nothing to do. A panic of a closure or a
    /// task ends the shard.
    pub(crate) fn turn(&mut self, idle: Idle) -> Turn {
        match catch_unwind(AssertUnwindSafe(|| self.serve(idle))) {
            Ok(turn) => turn,
            Err(payload) => Turn::Ended(End::Poisoned {
                message: panic_message(payload.as_ref()).into(),
            }),
        }
    }

    /// Whether others should have the core first: there is a task that could be stepped now, and
    /// one that was stepped last gives way.
    pub(crate) fn gives_way(&self) -> bool {
        self.shard.gives_way && self.shard.tasks.any_runnable()
    }

    /// Ends the mailbox, then drops all that is left: messages, tasks, state.
    ///
    /// The mailbox ends first, so whoever learns from a dropped message that it was in vain finds
    /// the reason there.
    pub(crate) fn end(self, end: End) {
        let Self { shard, inbox, .. } = self;
        let left = shard.mailbox.end(end);
        drop((inbox, left));
        drop(shard);
    }

    fn serve(&mut self, idle: Idle) -> Turn {
        if self.is_aborted() {
            return Turn::Ended(End::Stopped);
        }
        let must_not_sleep = self.shard.tasks.any_runnable()
            || !self.inbox.messages.is_empty()
            || self.shard.agenda.is_ready();
        let idle = if must_not_sleep { Idle::Return } else { idle };
        match self.collect(idle) {
            Collected::Finished => {
                self.serve_last_agenda();
                return Turn::Ended(End::Stopped);
            }
            Collected::Nothing if !must_not_sleep => return Turn::Idle,
            Collected::Nothing | Collected::Something => {}
        }
        for task in self.inbox.woken.drain(..) {
            self.shard.tasks.woken(task);
        }
        self.shard.serve_agenda();
        self.serve_messages();
        self.serve_tasks();
        Turn::Worked
    }

    fn collect(&mut self, idle: Idle) -> Collected {
        let collected = self.shard.mailbox.collect(&mut self.inbox, idle);
        self.shard.agenda.admit(&mut self.inbox.urgent);
        collected
    }

    /// Nothing will come any more, but cuts and transactions that have come are not over.
    fn serve_last_agenda(&mut self) {
        while !self.shard.agenda.is_empty() && !self.is_aborted() {
            self.shard.agenda.wait();
            self.shard.serve_agenda();
        }
    }

    /// Serves messages: all, or as many as their turn allows if tasks wait for theirs, or a cut for
    /// the shard.
    fn serve_messages(&mut self) {
        let tasks_wait = self.shard.tasks.any_runnable();
        let budget = if tasks_wait {
            let Some(turn) = self.turns.message_turn() else {
                return;
            };
            Budget::of_time(turn)
        } else {
            Budget::unlimited()
        };
        let budget = budget.interrupted_by(self.shard.mailbox.urgent_hint());
        let since = tasks_wait.then(now);
        let mut served = 0;
        while let Some(message) = self.inbox.messages.pop_front() {
            message.run(&mut self.shard);
            served += 1;
            self.shard.serve_agenda();
            if budget.is_spent() || self.is_aborted() {
                break;
            }
            // An empty inbox need not mean an empty mailbox, and the turn is not over.
            if tasks_wait && self.inbox.messages.is_empty() {
                self.collect(Idle::Return);
                self.shard.serve_agenda();
            }
        }
        self.shard.mailbox.counters().count_messages(served);
        match since {
            Some(since) if !self.inbox.messages.is_empty() => {
                self.turns
                    .messages_took(now().saturating_duration_since(since));
            }
            _ => self.turns.messages_ran_out(),
        }
    }

    fn is_aborted(&self) -> bool {
        // Relaxed: nothing comes with it. The mailbox is closed after it is set, and that wakes a
        // shard that sleeps.
        self.abort.load(Ordering::Relaxed)
    }

    /// Lets tasks work for their turn, unless a cut waits for the shard.
    fn serve_tasks(&mut self) {
        if !self.shard.tasks.any_runnable() {
            self.turns.tasks_ran_out();
            return;
        }
        if self.shard.mailbox.is_urgent() {
            return;
        }
        let Some(turn) = self.turns.task_turn() else {
            return;
        };
        let budget = Budget::of_time(turn).interrupted_by(self.shard.mailbox.urgent_hint());
        let since = now();
        self.shard.gives_way = false;
        self.shard.step_tasks(&budget);
        let slice = now().saturating_duration_since(since);
        self.turns.tasks_took(slice);
        self.shard.mailbox.counters().count_task_slice(slice);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::room::Room;
    use crate::task::Step;
    use std::task::Waker;
    use std::time::Duration;

    type Log = Vec<&'static str>;

    /// A loop without a thread, and its mailbox.
    fn shard_loop(task_slice: Duration) -> (ShardLoop<Log>, Arc<Mailbox<Message<Log>>>) {
        let mailbox = Arc::new(Mailbox::new(8));
        let shard = Shard::new(0, Log::new(), Arc::clone(&mailbox));
        let abort = Arc::new(AtomicBool::new(false));
        let turns = FairShare::new(task_slice, 20);
        (ShardLoop::new(shard, turns, abort), mailbox)
    }

    fn note(word: &'static str) -> Message<Log> {
        Job::new(move |shard: &mut Shard<Log>| shard.state().push(word))
    }

    /// Notes itself at every step.
    struct Noting;

    impl Task<Log> for Noting {
        fn step(&mut self, shard: &mut Shard<Log>, _: &Budget, _: &Waker) -> Step {
            shard.state().push("task");
            Step::Again
        }
    }

    /// Works on, whoever waits for a core.
    struct Pressing;

    impl Task<Log> for Pressing {
        fn step(&mut self, _: &mut Shard<Log>, _: &Budget, _: &Waker) -> Step {
            Step::Again
        }

        fn gives_way(&self) -> bool {
            false
        }
    }

    #[test]
    fn shard_gives_way_if_one_of_its_tasks_does() {
        let (mut shard, _mailbox) = shard_loop(Duration::ZERO);
        shard.turn(Idle::Return);
        assert!(!shard.gives_way(), "it has no task");
        let pressing = shard.shard.spawn(Pressing);
        shard.turn(Idle::Return);
        assert!(!shard.gives_way());
        shard.shard.cancel(pressing);
        shard.shard.spawn(Noting);
        shard.turn(Idle::Return);
        assert!(shard.gives_way());
    }

    #[test]
    fn one_turn_serves_all_and_the_next_is_idle() {
        let (mut shard, mailbox) = shard_loop(Duration::ZERO);
        mailbox.push(note("first"), Room::Demand).unwrap();
        mailbox.push(note("second"), Room::Demand).unwrap();
        mailbox.push_urgent(note("urgent")).unwrap();
        assert_eq!(shard.turn(Idle::Return), Turn::Worked);
        assert_eq!(shard.shard.state_ref(), &["urgent", "first", "second"]);
        assert_eq!(shard.turn(Idle::Return), Turn::Idle);
    }

    #[test]
    fn messages_and_tasks_alternate_when_slices_are_short() {
        let (mut shard, mailbox) = shard_loop(Duration::ZERO);
        shard.shard.spawn(Noting);
        for _ in 0..3 {
            mailbox.push(note("message"), Room::Demand).unwrap();
        }
        for _ in 0..4 {
            assert_eq!(shard.turn(Idle::Return), Turn::Worked);
        }
        let expected = [
            "message", "task", "message", "task", "message", "task", "task",
        ];
        assert_eq!(shard.shard.state_ref(), &expected);
    }

    #[test]
    fn urgent_message_ends_the_slices_and_comes_next() {
        let (mut shard, mailbox) = shard_loop(Duration::MAX);
        shard.shard.spawn(Noting);
        let inner = Arc::clone(&mailbox);
        let raise: Message<Log> = Job::new(move |shard: &mut Shard<Log>| {
            shard.state().push("raise");
            inner.push_urgent(note("urgent")).unwrap();
        });
        mailbox.push(raise, Room::Demand).unwrap();
        mailbox.push(note("queued"), Room::Demand).unwrap();
        assert_eq!(shard.turn(Idle::Return), Turn::Worked);
        assert_eq!(shard.shard.state_ref(), &["raise"]);
        mailbox.close();
        // Nothing but the next cut would end a slice of this task.
        shard.shard.cancel(TaskId(0));
        assert_eq!(shard.turn(Idle::Return), Turn::Worked);
        assert_eq!(shard.shard.state_ref(), &["raise", "urgent", "queued"]);
        assert_eq!(shard.turn(Idle::Return), Turn::Ended(End::Stopped));
    }

    #[test]
    fn panic_ends_the_loop_with_its_message() {
        let (mut shard, mailbox) = shard_loop(Duration::ZERO);
        mailbox
            .push(Job::new(|_| panic!("boom")), Room::Demand)
            .unwrap();
        let Turn::Ended(end) = shard.turn(Idle::Return) else {
            panic!("the loop goes on")
        };
        shard.end(end);
        let ended = mailbox.ended();
        assert_eq!(
            ended,
            Some(End::Poisoned {
                message: "boom".into()
            })
        );
    }
}
