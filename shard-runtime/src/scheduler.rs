//! The scheduler of a simulation: one thread, many fibers, and a seed that picks who runs.

use crate::fiber::{Fiber, suspend};
use crate::random::Random;
use crate::sync::Waited;
use crate::thread::Place;
use crate::trace::{Trace, What};
use parking_lot::Mutex;
use std::cell::{Cell, RefCell};
use std::fmt;
use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

/// In one run of so many, on average, a fiber gives way at every, every second, … chance. Runs with
/// few switches find what takes a long time alone; runs with many what takes quick turns.
const SWITCH_ONE_IN: [u64; 5] = [1, 1, 2, 4, 16];

thread_local! {
    /// Whether a fiber of a simulation is running this, and not the thread itself.
    static IN_FIBER: Cell<bool> = const { Cell::new(false) };
    static SCHEDULER: RefCell<Option<Scheduler>> = const { RefCell::new(None) };
}

/// What a simulation is run by.
#[derive(Clone, Debug)]
pub(crate) struct Rules {
    pub(crate) seed: u64,
    /// The most that the clock moves at one look, or one chance to switch, in nanoseconds.
    pub(crate) tick_ns: u64,
    /// Chances to switch before the run counts as endless.
    pub(crate) steps_max: u64,
}

/// What a fiber waits for. Numbers are addresses, compared and never looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum On {
    /// A mutex that another fiber has locked.
    Lock(usize),
    /// A condition variable.
    Condition(usize),
    /// The end of a fiber.
    End(usize),
    /// Nothing but the deadline.
    Time,
}

/// How a simulation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// All fibers have ended.
    Finished,
    /// Fibers are left, and all of them wait for each other.
    Stalled,
    /// There were more steps than allowed.
    Endless,
    /// The main fiber has panicked.
    Panicked,
}

struct Scheduler {
    rules: Rules,
    random: Random,
    /// Seeded apart, so that what the program draws does not depend on who drew before.
    switch_one_in: u64,
    base: Instant,
    now_ns: u64,
    steps: u64,
    members: Vec<Member>,
    /// Those that can run, apart from the one that does.
    runnable: Vec<usize>,
    current: usize,
    /// How many wait for a lock, so that most unlocks cost nothing.
    lockers: usize,
    ending: Option<Ending>,
    trace: Trace,
}

struct Member {
    name: Arc<str>,
    state: State,
    /// Absent while it runs, and once it has ended.
    fiber: Option<Fiber>,
    job: Option<Box<dyn FnOnce()>>,
    place: Option<Place>,
    waited: Waited,
}

#[derive(Clone, Copy, Debug)]
enum State {
    Runnable,
    Waiting {
        on: On,
        deadline_ns: Option<u64>,
        at: &'static Location<'static>,
    },
    Ended,
}

/// What became of a run, and what it left.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) ending: Ending,
    /// Who waits, and where, at the end.
    pub(crate) waiting: Vec<(String, String)>,
    pub(crate) steps: u64,
    pub(crate) elapsed: Duration,
    pub(crate) trace: Trace,
}

/// Runs `main` and all that it starts, until all have ended or none can go on.
///
/// `main` must not panic; it calls [`stop`] to give up.
pub(crate) fn run(rules: Rules, main: Box<dyn FnOnce()>) -> Outcome {
    assert!(!is_simulated(), "a simulation cannot run inside another");
    let mut scheduler = Scheduler::new(rules);
    scheduler.add("main", main);
    SCHEDULER.set(Some(scheduler));
    let ending = loop {
        match with(Scheduler::next) {
            Ok((member, fiber)) => {
                IN_FIBER.set(true);
                let fiber = fiber.resume();
                IN_FIBER.set(false);
                with(|scheduler| scheduler.members[member].fiber = fiber);
            }
            Err(ending) => break ending,
        }
    };
    let Some(mut scheduler) = SCHEDULER.take() else {
        panic!("the scheduler went away during its run");
    };
    let outcome = Outcome {
        ending,
        waiting: scheduler.waiting(),
        steps: scheduler.steps,
        elapsed: Duration::from_nanos(scheduler.now_ns),
        trace: std::mem::take(&mut scheduler.trace),
    };
    if ending != Ending::Finished {
        // What is in the middle of something cannot be dropped: its destructors would wait for
        // others that will never run. So a run that fails leaks its fibers.
        Box::leak(Box::new(scheduler));
    }
    outcome
}

/// Whether a fiber of a simulation is running this.
pub(crate) fn is_simulated() -> bool {
    IN_FIBER.get()
}

/// A chance for others to run.
pub(crate) fn pause() {
    // A switch in the middle of unwinding would show others that the thread is panicking.
    if !thread::panicking() && with(Scheduler::wants_switch) {
        suspend();
    }
}

/// Waits until notified, or until `deadline`.
pub(crate) fn wait(on: On, deadline: Option<Instant>, at: &'static Location<'static>) -> Waited {
    with(|scheduler| scheduler.begin_wait(on, deadline, at));
    suspend();
    with(|scheduler| scheduler.members[scheduler.current].waited)
}

/// Lets one of those that wait for `on` go on.
pub(crate) fn notify_one(on: On) {
    with(|scheduler| {
        let waiting = scheduler.waiting_on(on);
        if let Some(&chosen) = waiting.get(scheduler.random.index(waiting.len())) {
            scheduler.make_runnable(chosen, Waited::Notified);
        }
    });
}

/// Lets all that wait for `on` go on.
pub(crate) fn notify_all(on: On) {
    with(|scheduler| {
        if matches!(on, On::Lock(_)) && scheduler.lockers == 0 {
            return;
        }
        for member in scheduler.waiting_on(on) {
            scheduler.make_runnable(member, Waited::Notified);
        }
    });
}

/// The virtual time; looking takes a moment, too.
pub(crate) fn now() -> Instant {
    with(|scheduler| {
        scheduler.tick();
        scheduler.base + Duration::from_nanos(scheduler.now_ns)
    })
}

/// Virtual time since the simulation began.
pub(crate) fn elapsed() -> Duration {
    with(|scheduler| Duration::from_nanos(scheduler.now_ns))
}

/// Lets virtual time pass while the caller is at work.
pub(crate) fn advance(by: Duration) {
    with(|scheduler| {
        let by_ns = u64::try_from(by.as_nanos()).unwrap_or(u64::MAX);
        scheduler.now_ns = scheduler.now_ns.saturating_add(by_ns);
    });
}

/// A number that the seed decides.
pub(crate) fn random() -> u64 {
    with(|scheduler| scheduler.random.number())
}

/// Adds a line to the trace.
pub(crate) fn say(text: &str) {
    with(|scheduler| scheduler.record(scheduler.current, What::Says(text.into())));
}

/// Ends the run after the current step.
pub(crate) fn stop(ending: Ending) {
    with(|scheduler| scheduler.ending = Some(ending));
}

/// The shard that the current fiber serves.
pub(crate) fn place() -> Option<Place> {
    with(|scheduler| scheduler.members[scheduler.current].place)
}

/// Says which shard the current fiber serves.
pub(crate) fn set_place(place: Place) {
    with(|scheduler| scheduler.members[scheduler.current].place = Some(place));
}

/// Starts a fiber.
pub(crate) fn spawn<R: 'static>(name: &str, run: impl FnOnce() -> R + 'static) -> FiberHandle<R> {
    let result = Arc::new(Mutex::new(None));
    let slot = Arc::clone(&result);
    let job = Box::new(move || {
        let ran = catch_unwind(AssertUnwindSafe(run));
        *slot.lock() = Some(ran);
    });
    let member = with(|scheduler| scheduler.add(name, job));
    pause();
    FiberHandle { member, result }
}

/// A started fiber. Dropping it lets the fiber go on by itself.
pub(crate) struct FiberHandle<R> {
    member: usize,
    result: Arc<Mutex<Option<thread::Result<R>>>>,
}

impl<R> FiberHandle<R> {
    #[track_caller]
    pub(crate) fn join(self) -> thread::Result<R> {
        loop {
            if let Some(result) = self.result.lock().take() {
                return result;
            }
            if !is_simulated() {
                return Err(Box::new("its simulation is over"));
            }
            wait(On::End(self.member), None, Location::caller());
        }
    }

    pub(crate) fn is_finished(&self) -> bool {
        if is_simulated() {
            pause();
        }
        self.result.lock().is_some()
    }
}

fn with<R>(look: impl FnOnce(&mut Scheduler) -> R) -> R {
    SCHEDULER.with_borrow_mut(|scheduler| match scheduler {
        Some(scheduler) => look(scheduler),
        None => panic!("no simulation runs on this thread"),
    })
}

/// What every fiber runs.
fn run_job() {
    let job = with(|scheduler| scheduler.members[scheduler.current].job.take());
    if let Some(job) = job {
        job();
    }
    with(Scheduler::end_current);
}

impl Scheduler {
    fn new(rules: Rules) -> Self {
        let mut random = Random::new(rules.seed);
        let switch_one_in = SWITCH_ONE_IN[random.index(SWITCH_ONE_IN.len())];
        Self {
            rules,
            random,
            switch_one_in,
            base: Instant::now(),
            now_ns: 0,
            steps: 0,
            members: Vec::new(),
            runnable: Vec::new(),
            current: 0,
            lockers: 0,
            ending: None,
            trace: Trace::default(),
        }
    }

    fn add(&mut self, name: &str, job: Box<dyn FnOnce()>) -> usize {
        let member = self.members.len();
        let name: Arc<str> = name.into();
        self.trace.add_name(Arc::clone(&name));
        self.members.push(Member {
            name,
            state: State::Runnable,
            fiber: Some(Fiber::new(run_job)),
            job: Some(job),
            place: None,
            waited: Waited::Notified,
        });
        self.runnable.push(member);
        self.record(member, What::Starts);
        member
    }

    /// Takes out the fiber that runs next, or says that there is none.
    fn next(&mut self) -> Result<(usize, Fiber), Ending> {
        if let Some(ending) = self.ending {
            return Err(ending);
        }
        self.expire();
        if self.runnable.is_empty() {
            let Some(deadline_ns) = self.next_deadline_ns() else {
                let all_ended = self
                    .members
                    .iter()
                    .all(|member| matches!(member.state, State::Ended));
                return Err(if all_ended {
                    Ending::Finished
                } else {
                    Ending::Stalled
                });
            };
            self.now_ns = deadline_ns;
            self.expire();
        }
        let chosen = self.random.index(self.runnable.len());
        let member = self.runnable.swap_remove(chosen);
        self.current = member;
        self.record(member, What::Runs);
        match self.members[member].fiber.take() {
            Some(fiber) => Ok((member, fiber)),
            None => panic!("a fiber was made runnable that has ended"),
        }
    }

    fn wants_switch(&mut self) -> bool {
        self.tick();
        if self.count_step() {
            return true;
        }
        if self.random.below(self.switch_one_in) != 0 {
            return false;
        }
        self.runnable.push(self.current);
        true
    }

    /// Counts a step; whether it was one too many.
    fn count_step(&mut self) -> bool {
        self.steps += 1;
        if self.steps <= self.rules.steps_max {
            return false;
        }
        self.ending = Some(Ending::Endless);
        true
    }

    fn begin_wait(&mut self, on: On, deadline: Option<Instant>, at: &'static Location<'static>) {
        self.tick();
        self.count_step();
        let deadline_ns = deadline.map(|deadline| {
            let since = deadline.saturating_duration_since(self.base);
            u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
        });
        self.members[self.current].state = State::Waiting {
            on,
            deadline_ns,
            at,
        };
        self.lockers += usize::from(matches!(on, On::Lock(_)));
        self.record(self.current, What::Waits(at));
    }

    fn waiting_on(&self, wanted: On) -> Vec<usize> {
        let waits = |member: &Member| match member.state {
            State::Waiting { on, .. } => on == wanted,
            State::Runnable | State::Ended => false,
        };
        (0..self.members.len())
            .filter(|&member| waits(&self.members[member]))
            .collect()
    }

    fn make_runnable(&mut self, member: usize, waited: Waited) {
        let woken = &mut self.members[member];
        if let State::Waiting {
            on: On::Lock(_), ..
        } = woken.state
        {
            self.lockers -= 1;
        }
        woken.state = State::Runnable;
        woken.waited = waited;
        self.runnable.push(member);
        self.record(
            member,
            match waited {
                Waited::Notified => What::Wakes,
                Waited::TimedOut => What::TimesOut,
            },
        );
    }

    /// Ends the waits whose deadline has come.
    fn expire(&mut self) {
        for member in 0..self.members.len() {
            if self.deadline_ns(member).is_some_and(|at| at <= self.now_ns) {
                self.make_runnable(member, Waited::TimedOut);
            }
        }
    }

    fn next_deadline_ns(&self) -> Option<u64> {
        (0..self.members.len())
            .filter_map(|member| self.deadline_ns(member))
            .min()
    }

    fn deadline_ns(&self, member: usize) -> Option<u64> {
        match self.members[member].state {
            State::Waiting { deadline_ns, .. } => deadline_ns,
            State::Runnable | State::Ended => None,
        }
    }

    fn end_current(&mut self) {
        self.members[self.current].state = State::Ended;
        self.record(self.current, What::Ends);
        for member in self.waiting_on(On::End(self.current)) {
            self.make_runnable(member, Waited::Notified);
        }
    }

    fn tick(&mut self) {
        let tick_ns = self.random.below(self.rules.tick_ns.saturating_add(1));
        self.now_ns = self.now_ns.saturating_add(tick_ns);
    }

    fn record(&mut self, member: usize, what: What) {
        self.trace.record(self.now_ns, member, what);
    }

    fn waiting(&self) -> Vec<(String, String)> {
        let waits = |member: &Member| match member.state {
            State::Waiting { at, .. } => {
                let place = format!("{}:{}", at.file(), at.line());
                Some((member.name.to_string(), place))
            }
            State::Runnable | State::Ended => None,
        };
        self.members.iter().filter_map(waits).collect()
    }
}

impl fmt::Debug for Scheduler {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Scheduler")
            .field("rules", &self.rules)
            .field("steps", &self.steps)
            .finish_non_exhaustive()
    }
}
