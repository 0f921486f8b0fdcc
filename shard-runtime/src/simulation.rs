//! The deterministic twin: shards, clients and channels on one thread, in an order that a seed
//! decides, by a clock that is virtual.

use crate::schedule::{Ending, On, Rules};
use crate::scheduler::{self, is_simulated};
use crate::simulation_failure::{SimulationCause, SimulationFailure};
use crate::sync::now;
use crate::trace::Trace;
use crate::worker::panic_message;
use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::rc::Rc;
use std::thread;
use std::time::{Duration, Instant};

/// Runs a program of shard sets, channels and named threads on one thread, as a seed decides.
///
/// Inside [`Simulation::run`] a [`ShardSet`](crate::ShardSet), a [`channel`](crate::channel()) and
/// [`spawn_named`](crate::spawn_named) are what they always are: the same loops, mailboxes, cuts
/// and tasks. Only what is under them differs. A thread is a fiber; wherever it takes a lock or
/// waits, others may run, and the seed says which. Deadlines are met by a virtual clock, which
/// moves a little at every step and jumps when all wait. The same seed gives the same run.
///
/// What waits on anything else (`std::sync`, sleeps, files) holds up the whole simulation, and
/// what draws from elsewhere (addresses, `HashMap` with a random state, the real clock) makes runs
/// differ. Code with locks of its own takes [`SimulatedMutex`](crate::SimulatedMutex) and
/// [`SimulatedCondvar`](crate::SimulatedCondvar) instead. Memory is sequentially consistent:
/// weaker orders are for models.
///
/// A schedule of a few shards and clients takes some tens of microseconds, so a property can be
/// tried on a million:
///
/// ```
/// use shard_runtime::{ShardSet, ShardSetConfig, Simulation, spawn_named};
/// use std::sync::Arc;
/// use std::time::Duration;
///
/// for seed in 0..100 {
///     let done = Simulation::new(seed).run(|_| {
///         let config = ShardSetConfig { shards: 2, ..ShardSetConfig::default() };
///         let shards = Arc::new(ShardSet::start(config, |_| 0_u32)?);
///         let writer = spawn_named("writer", {
///             let shards = Arc::clone(&shards);
///             move || (0..6).try_for_each(|n| shards.call(n % 2, |shard| *shard.state() += 1))
///         });
///         let seen = shards.cut(Duration::from_secs(1), |shard| *shard.state())?;
///         // Shard 0 is written first, so a moment has as many writes there, or one more.
///         assert!(seen[0] == seen[1] || seen[0] == seen[1] + 1, "torn: {seen:?}");
///         writer.join()?
///     });
///     done?.result?;
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Simulation {
    rules: Rules,
}

/// A simulation that came to its end.
#[derive(Clone, Debug)]
pub struct Simulated<R> {
    /// What the main function returned.
    pub result: R,
    /// How often a thread had the chance to give way to another.
    pub steps: u64,
    /// Virtual time from start to end.
    pub elapsed: Duration,
    /// What happened.
    pub trace: Trace,
}

impl Simulation {
    /// A simulation whose order is decided by `seed`.
    pub fn new(seed: u64) -> Self {
        Self {
            rules: Rules {
                seed,
                tick_ns: 1000,
                steps_max: 1_000_000,
            },
        }
    }

    /// The most that the clock moves when somebody looks at it, or could give way: each time the
    /// seed picks a part of it, in whole nanoseconds. Default 1 µs.
    ///
    /// With none, time passes only by [`SimulationHandle::work`] and in waits; then a task that
    /// does neither has a slice without end.
    #[must_use]
    pub fn tick(mut self, at_most: Duration) -> Self {
        self.rules.tick_ns = u64::try_from(at_most.as_nanos()).unwrap_or(u64::MAX);
        self
    }

    /// Steps after which the run is given up as [`SimulationCause::Endless`]. Default a million.
    #[must_use]
    pub fn steps_max(mut self, steps: u64) -> Self {
        self.rules.steps_max = steps;
        self
    }

    /// Runs `main` and all the threads that it starts, until all have ended.
    ///
    /// # Errors
    ///
    /// [`SimulationFailure`], which names the seed: `main` panicked; everybody waits for somebody
    /// else; there were too many steps. What was in the middle of something is leaked then.
    ///
    /// # Panics
    ///
    /// Inside another simulation.
    pub fn run<R: 'static>(
        self,
        main: impl FnOnce(SimulationHandle) -> R + 'static,
    ) -> Result<Simulated<R>, SimulationFailure> {
        let seed = self.rules.seed;
        let slot = Rc::new(RefCell::new(None::<thread::Result<R>>));
        let filled = Rc::clone(&slot);
        let outcome = scheduler::run(
            self.rules,
            Box::new(move || {
                let ran = catch_unwind(AssertUnwindSafe(|| main(SimulationHandle(()))));
                if ran.is_err() {
                    scheduler::stop(Ending::Panicked);
                }
                filled.replace(Some(ran));
            }),
        );
        let cause = match (outcome.ending, slot.take()) {
            (Ending::Finished, Some(Ok(result))) => {
                return Ok(Simulated {
                    result,
                    steps: outcome.steps,
                    elapsed: outcome.elapsed,
                    trace: outcome.trace,
                });
            }
            (_, Some(Err(payload))) => SimulationCause::Panicked {
                message: panic_message(payload.as_ref()),
            },
            (Ending::Endless, _) => SimulationCause::Endless {
                steps: outcome.steps,
            },
            _ => SimulationCause::Stalled {
                waiting: outcome.waiting,
            },
        };
        Err(SimulationFailure {
            seed,
            cause,
            trace: outcome.trace,
        })
    }
}

/// What a simulated program may ask its simulation, from any of its threads.
///
/// Its methods panic outside of the simulation that it comes from.
#[derive(Clone, Copy, Debug)]
pub struct SimulationHandle(());

impl SimulationHandle {
    /// The simulation that the calling code runs in, if it runs in one.
    pub fn current() -> Option<Self> {
        is_simulated().then_some(Self(()))
    }

    /// The virtual clock, as an instant. Looking takes a moment, too.
    pub fn now(self) -> Instant {
        now()
    }

    /// A number that the seed decides.
    pub fn random(self) -> u64 {
        scheduler::random()
    }

    /// A number below `bound` that the seed decides; 0 if that is 0.
    pub fn below(self, bound: u64) -> u64 {
        let scaled = (u128::from(self.random()) * u128::from(bound)) >> 64;
        u64::try_from(scaled).unwrap_or(0)
    }

    /// Lets virtual time pass, as work of the calling thread, and gives others the chance to run.
    pub fn work(self, time: Duration) {
        scheduler::advance(time);
        scheduler::pause();
    }

    /// Sleeps in virtual time.
    #[track_caller]
    pub fn sleep(self, time: Duration) {
        let deadline = now().checked_add(time);
        scheduler::wait(On::Time, deadline, Location::caller());
    }

    /// Gives others the chance to run.
    pub fn pause(self) {
        scheduler::pause();
    }

    /// Adds a line to the trace.
    pub fn note(self, text: &str) {
        scheduler::say(text);
    }

    /// Virtual time since the simulation began.
    pub fn elapsed(self) -> Duration {
        scheduler::elapsed()
    }

    /// Whether the calling code runs in a simulation.
    pub fn is_here(self) -> bool {
        is_simulated()
    }
}
