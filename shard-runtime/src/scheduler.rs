//! The scheduler of the thread: runs a simulation, and is what its fibers call.

use crate::fiber::suspend;
use crate::schedule::{Ending, On, Rules, Schedule};
use crate::sync::Waited;
use crate::thread::Place;
use crate::trace::{Trace, What};
use parking_lot::Mutex;
use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

thread_local! {
    /// Whether a fiber of a simulation is running this, and not the thread itself.
    static IN_FIBER: Cell<bool> = const { Cell::new(false) };
    static SCHEDULER: RefCell<Option<Schedule>> = const { RefCell::new(None) };
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
    let mut scheduler = Schedule::new(rules, run_job);
    scheduler.add("main", main);
    SCHEDULER.set(Some(scheduler));
    let ending = loop {
        match with(Schedule::next) {
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
    if !thread::panicking() && with(Schedule::wants_switch) {
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

fn with<R>(look: impl FnOnce(&mut Schedule) -> R) -> R {
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
    with(Schedule::end_current);
}
