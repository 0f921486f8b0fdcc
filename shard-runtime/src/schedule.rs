//! Who can run in a simulation, who waits for what, and who is next.

use crate::fiber::Fiber;
use crate::random::Random;
use crate::sync::Waited;
use crate::thread::Place;
use crate::trace::{Trace, What};
use std::collections::BTreeSet;
use std::fmt;
use std::panic::Location;
use std::sync::Arc;
use std::time::Instant;

/// In one run of so many, on average, a fiber gives way at every, every second, … chance. Runs with
/// few switches find what takes a long time alone; runs with many what takes quick turns.
const SWITCH_ONE_IN: [u64; 5] = [1, 1, 2, 4, 16];

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
    /// Those that wait: a program may start and end thousands, of which few live at a time.
    waiting: BTreeSet<usize>,
    pub(crate) current: usize,
    /// How many wait for a lock, so that most unlocks cost nothing.
    pub(crate) lockers: usize,
    pub(crate) ending: Option<Ending>,
    pub(crate) trace: Trace,
}

/// One fiber.
pub(crate) struct Member {
    name: Arc<str>,
    state: State,
    /// Absent while it runs, and once it has ended.
    pub(crate) fiber: Option<Fiber>,
    pub(crate) job: Option<Box<dyn FnOnce()>>,
    pub(crate) place: Option<Place>,
    pub(crate) waited: Waited,
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
            waiting: BTreeSet::new(),
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
            state: State::Runnable,
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
            let Some(deadline_ns) = self.next_deadline_ns() else {
                return Err(if self.waiting.is_empty() {
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
        let deadline_ns = deadline.map(|deadline| {
            let since = deadline.saturating_duration_since(self.base);
            u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
        });
        self.members[self.current].state = State::Waiting {
            on,
            deadline_ns,
            at,
        };
        self.waiting.insert(self.current);
        self.lockers += usize::from(matches!(on, On::Lock(_)));
        self.record(self.current, What::Waits(at));
    }

    pub(crate) fn waiting_on(&self, wanted: On) -> Vec<usize> {
        let waits = |member: &Member| match member.state {
            State::Waiting { on, .. } => on == wanted,
            State::Runnable | State::Ended => false,
        };
        let waiting = self.waiting.iter().copied();
        waiting
            .filter(|&member| waits(&self.members[member]))
            .collect()
    }

    pub(crate) fn make_runnable(&mut self, member: usize, waited: Waited) {
        let woken = &mut self.members[member];
        if let State::Waiting {
            on: On::Lock(_), ..
        } = woken.state
        {
            self.lockers -= 1;
        }
        woken.state = State::Runnable;
        self.waiting.remove(&member);
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
        let is_late =
            |&member: &usize| self.deadline_ns(member).is_some_and(|at| at <= self.now_ns);
        let late: Vec<usize> = self.waiting.iter().copied().filter(is_late).collect();
        for member in late {
            self.make_runnable(member, Waited::TimedOut);
        }
    }

    fn next_deadline_ns(&self) -> Option<u64> {
        let waiting = self.waiting.iter();
        waiting.filter_map(|&member| self.deadline_ns(member)).min()
    }

    fn deadline_ns(&self, member: usize) -> Option<u64> {
        match self.members[member].state {
            State::Waiting { deadline_ns, .. } => deadline_ns,
            State::Runnable | State::Ended => None,
        }
    }

    pub(crate) fn end_current(&mut self) {
        self.members[self.current].state = State::Ended;
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

impl fmt::Debug for Schedule {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Schedule")
            .field("rules", &self.rules)
            .field("steps", &self.steps)
            .finish_non_exhaustive()
    }
}
