//! Who can run in a simulation, who waits for what, and who is next.

use crate::fiber::Fiber;
use crate::random::Random;
use crate::sync::Waited;
use crate::thread::Place;
use crate::trace::{Trace, What};
use std::fmt;
use std::panic::Location;
use std::sync::Arc;
use std::time::Instant;

/// In one run of so many, on average, a fiber gives way at every, every second, … chance. Runs with
/// few switches find what takes a long time alone; runs with many what takes quick turns.
const SWITCH_ONE_IN: [u64; 5] = [1, 1, 2, 4, 16];

/// The deadline of a wait that has none.
const NEVER: u64 = u64::MAX;

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

/// The fibers of one simulation, its clock and its chance.
pub(crate) struct Schedule {
    rules: Rules,
    /// What every fiber runs: the job of the current member.
    body: fn(),
    pub(crate) random: Random,
    /// How many chances to switch there are for one switch, on average.
    switch_one_in: u64,
    pub(crate) base: Instant,
    pub(crate) now_ns: u64,
    pub(crate) steps: u64,
    pub(crate) members: Vec<Member>,
    /// Those that can run, apart from the one that does.
    runnable: Vec<usize>,
    /// Those that wait, in the order of their numbers: a program may start and end thousands, of
    /// which few live at a time.
    waiting: Vec<Waiter>,
    /// No wait is over before this; what waited until then may have been woken since.
    earliest_deadline_ns: u64,
    pub(crate) current: usize,
    /// How many wait for a lock, so that most unlocks cost nothing.
    pub(crate) lockers: usize,
    pub(crate) ending: Option<Ending>,
    pub(crate) trace: Trace,
}

/// One fiber.
pub(crate) struct Member {
    name: Arc<str>,
    /// Absent while it runs, and once it has ended.
    pub(crate) fiber: Option<Fiber>,
    pub(crate) job: Option<Box<dyn FnOnce()>>,
    pub(crate) place: Option<Place>,
    pub(crate) waited: Waited,
}

/// A fiber that waits.
#[derive(Clone, Copy, Debug)]
struct Waiter {
    member: usize,
    on: On,
    /// [`NEVER`] for a wait without one.
    deadline_ns: u64,
    at: &'static Location<'static>,
}

impl Schedule {
    pub(crate) fn new(rules: Rules, body: fn()) -> Self {
        let mut random = Random::new(rules.seed);
        let switch_one_in = SWITCH_ONE_IN[random.index(SWITCH_ONE_IN.len())];
        Self {
            rules,
            body,
            random,
            switch_one_in,
            base: Instant::now(),
            now_ns: 0,
            steps: 0,
            members: Vec::new(),
            runnable: Vec::new(),
            waiting: Vec::new(),
            earliest_deadline_ns: NEVER,
            current: 0,
            lockers: 0,
            ending: None,
            trace: Trace::default(),
        }
    }

    pub(crate) fn add(&mut self, name: &str, job: Box<dyn FnOnce()>) -> usize {
        let member = self.members.len();
        let name: Arc<str> = name.into();
        self.trace.add_name(Arc::clone(&name));
        self.members.push(Member {
            name,
            fiber: Some(Fiber::new(self.body)),
            job: Some(job),
            place: None,
            waited: Waited::Notified,
        });
        self.runnable.push(member);
        self.record(member, What::Starts);
        member
    }

    /// Takes out the fiber that runs next, or says that there is none.
    pub(crate) fn next(&mut self) -> Result<(usize, Fiber), Ending> {
        if let Some(ending) = self.ending {
            return Err(ending);
        }
        self.expire();
        if self.runnable.is_empty() {
            let deadline_ns = self.next_deadline_ns();
            if deadline_ns == NEVER {
                return Err(if self.waiting.is_empty() {
                    Ending::Finished
                } else {
                    Ending::Stalled
                });
            }
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

    pub(crate) fn wants_switch(&mut self) -> bool {
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

    pub(crate) fn begin_wait(
        &mut self,
        on: On,
        deadline: Option<Instant>,
        at: &'static Location<'static>,
    ) {
        self.tick();
        self.count_step();
        let deadline_ns = deadline.map_or(NEVER, |deadline| {
            let since = deadline.saturating_duration_since(self.base);
            u64::try_from(since.as_nanos()).unwrap_or(NEVER)
        });
        self.earliest_deadline_ns = self.earliest_deadline_ns.min(deadline_ns);
        let place = self
            .waiting
            .partition_point(|waiter| waiter.member < self.current);
        let waiter = Waiter {
            member: self.current,
            on,
            deadline_ns,
            at,
        };
        self.waiting.insert(place, waiter);
        self.lockers += usize::from(matches!(on, On::Lock(_)));
        self.record(self.current, What::Waits(at));
    }

    pub(crate) fn waiting_on(&self, wanted: On) -> Vec<usize> {
        self.waiters(|waiter| waiter.on == wanted)
    }

    /// Those among the waiting that `is_wanted`, in the order of their numbers.
    fn waiters(&self, is_wanted: impl Fn(&Waiter) -> bool) -> Vec<usize> {
        let wanted = self.waiting.iter().filter(|&waiter| is_wanted(waiter));
        wanted.map(|waiter| waiter.member).collect()
    }

    pub(crate) fn make_runnable(&mut self, member: usize, waited: Waited) {
        let place = self
            .waiting
            .binary_search_by_key(&member, |waiter| waiter.member);
        let Ok(place) = place else {
            panic!("a fiber was woken that does not wait");
        };
        let wait = self.waiting.remove(place);
        self.lockers -= usize::from(matches!(wait.on, On::Lock(_)));
        let woken = &mut self.members[member];
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
        if self.now_ns < self.earliest_deadline_ns {
            return;
        }
        for member in self.waiters(|waiter| waiter.deadline_ns <= self.now_ns) {
            self.make_runnable(member, Waited::TimedOut);
        }
        self.earliest_deadline_ns = self.next_deadline_ns();
    }

    /// [`NEVER`] if nobody waits for a time.
    fn next_deadline_ns(&self) -> u64 {
        let deadlines = self.waiting.iter().map(|waiter| waiter.deadline_ns);
        deadlines.min().unwrap_or(NEVER)
    }

    pub(crate) fn end_current(&mut self) {
        self.record(self.current, What::Ends);
        for member in self.waiting_on(On::End(self.current)) {
            self.make_runnable(member, Waited::Notified);
        }
    }

    pub(crate) fn tick(&mut self) {
        let tick_ns = self.random.below(self.rules.tick_ns.saturating_add(1));
        self.now_ns = self.now_ns.saturating_add(tick_ns);
    }

    pub(crate) fn record(&mut self, member: usize, what: What) {
        self.trace.record(self.now_ns, member, what);
    }

    pub(crate) fn waiting(&self) -> Vec<(String, String)> {
        let tell = |waiter: &Waiter| {
            let name = self.members[waiter.member].name.to_string();
            (name, format!("{}:{}", waiter.at.file(), waiter.at.line()))
        };
        self.waiting.iter().map(tell).collect()
    }
}

impl fmt::Debug for Schedule {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Schedule")
            .field("rules", &self.rules)
            .field("steps", &self.steps)
            .finish_non_exhaustive()
    }
}
