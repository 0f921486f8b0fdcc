//! Cooperative tasks: long work on a shard, done in slices between messages.

use crate::budget::Budget;
use crate::mailbox::Mailbox;
use crate::shard::{Message, Shard};
use crate::signal::Signal;
use crate::task_id::TaskId;
use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::Arc;
use std::task::Waker;

/// Work that a shard does in slices.
///
/// A task lives on its shard's thread and need not be `Send`. It may end a slice whenever it
/// likes; it should when the budget is spent.
///
/// ```
/// use shard_runtime::{Budget, Shard, ShardSet, ShardSetConfig, Step, Task};
/// use std::sync::mpsc;
/// use std::task::Waker;
///
/// /// Sums a shard's numbers, some at a time.
/// struct Sum {
///     next: usize,
///     total: u64,
///     done: mpsc::Sender<u64>,
/// }
///
/// impl Task<Vec<u64>> for Sum {
///     fn step(&mut self, shard: &mut Shard<Vec<u64>>, budget: &Budget, _: &Waker) -> Step {
///         while let Some(number) = shard.state_ref().get(self.next) {
///             self.total += number;
///             self.next += 1;
///             if budget.is_spent() {
///                 return Step::Again;
///             }
///         }
///         self.done.send(self.total).ok();
///         Step::Done
///     }
/// }
///
/// let shards = ShardSet::start(ShardSetConfig::default(), |_| (0..1000).collect())?;
/// let (done, sum) = mpsc::channel();
/// shards.send(0, move |shard| {
///     shard.spawn(Sum { next: 0, total: 0, done });
/// })?;
/// assert_eq!(sum.recv()?, 499_500);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait Task<S> {
    /// Works until the budget is spent, until it must wait, or to the end.
    ///
    /// Must not block: nothing else happens on the shard meanwhile.
    fn step(&mut self, shard: &mut Shard<S>, budget: &Budget, waker: &Waker) -> Step;

    /// Whether the shard's thread lets others have the core after a slice of this task, if they
    /// wait for one. It does unless told otherwise: what a task does can usually wait.
    ///
    /// Where more threads work than there are cores, whoever gives way comes back behind all of
    /// them. A task that is soon held up by something else, as a full channel, need not.
    fn gives_way(&self) -> bool {
        true
    }
}

/// What a task says at the end of a slice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// There is more to do.
    Again,
    /// Do not call me until the waker I was given is woken. A wake-up during the slice counts.
    Wait,
    /// All is done. The task is dropped.
    Done,
}

/// The tasks of one shard.
pub(crate) struct TaskList<S> {
    tasks: BTreeMap<TaskId, Entry<S>>,
    /// Tasks to step, in turn. May name tasks that are gone.
    runnable: VecDeque<TaskId>,
    next_id: u64,
}

struct Entry<S> {
    /// Absent while it is being stepped.
    task: Option<Box<dyn Task<S>>>,
    signal: Arc<Signal<Message<S>>>,
    waker: Waker,
    /// Is in `runnable`.
    queued: bool,
}

impl<S: 'static> TaskList<S> {
    pub(crate) fn new() -> Self {
        Self {
            tasks: BTreeMap::new(),
            runnable: VecDeque::new(),
            next_id: 0,
        }
    }

    pub(crate) fn insert(
        &mut self,
        task: Box<dyn Task<S>>,
        mailbox: &Arc<Mailbox<Message<S>>>,
    ) -> TaskId {
        let id = TaskId(self.next_id);
        self.next_id += 1;
        let signal = Arc::new(Signal::new(id, Arc::clone(mailbox)));
        let waker = Waker::from(Arc::clone(&signal));
        self.tasks.insert(
            id,
            Entry {
                task: Some(task),
                signal,
                waker,
                queued: true,
            },
        );
        self.runnable.push_back(id);
        id
    }

    /// Drops the task; says whether it was there.
    pub(crate) fn remove(&mut self, id: TaskId) -> bool {
        self.tasks.remove(&id).is_some()
    }

    /// Makes a woken task runnable.
    pub(crate) fn woken(&mut self, id: TaskId) {
        let Some(entry) = self.tasks.get_mut(&id) else {
            return;
        };
        entry.signal.lower();
        if !entry.queued {
            entry.queued = true;
            self.runnable.push_back(id);
        }
    }

    pub(crate) fn any_runnable(&self) -> bool {
        !self.runnable.is_empty()
    }

    /// Takes out the next task to step.
    pub(crate) fn begin_step(&mut self) -> Option<(TaskId, Box<dyn Task<S>>, Waker)> {
        while let Some(id) = self.runnable.pop_front() {
            if let Some(entry) = self.tasks.get_mut(&id)
                && let Some(task) = entry.task.take()
            {
                entry.queued = false;
                return Some((id, task, entry.waker.clone()));
            }
        }
        None
    }

    /// Puts a task back after its step, unless it is done or was cancelled meanwhile.
    pub(crate) fn end_step(&mut self, id: TaskId, task: Box<dyn Task<S>>, step: Step) {
        if step == Step::Done {
            self.tasks.remove(&id);
            return;
        }
        let Some(entry) = self.tasks.get_mut(&id) else {
            return;
        };
        entry.task = Some(task);
        if step == Step::Again {
            entry.queued = true;
            self.runnable.push_back(id);
        }
    }
}

impl<S> fmt::Debug for TaskList<S> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("TaskList")
            .field("tasks", &self.tasks.len())
            .field("runnable", &self.runnable.len())
            .finish_non_exhaustive()
    }
}
