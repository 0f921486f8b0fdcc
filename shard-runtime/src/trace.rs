//! What happened in a simulation, in order.

use std::collections::VecDeque;
use std::fmt;
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

/// Events that a trace keeps: the last ones.
const EVENTS_MAX: usize = 1000;

/// The last thousand events of a simulation; its `Display` is one line for each.
///
/// ```
/// use shard_runtime::Simulation;
///
/// let run = |seed| Simulation::new(seed).run(|sim| sim.note("here")).map(|done| done.trace);
/// let trace = run(1)?;
/// assert!(trace.to_string().contains("main: here"));
/// assert_eq!(trace.digest(), run(1)?.digest());
/// # Ok::<(), shard_runtime::SimulationFailure>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Trace {
    names: Vec<Arc<str>>,
    events: VecDeque<Event>,
    dropped: u64,
    digest: u64,
}

#[derive(Clone, Debug)]
struct Event {
    at_ns: u64,
    fiber: usize,
    what: What,
}

/// What a simulated thread did.
#[derive(Clone, Debug)]
pub(crate) enum What {
    /// It was started.
    Starts,
    /// It has the core now.
    Runs,
    /// It waits, in this line of code.
    Waits(&'static Location<'static>),
    /// Its wait ended without what it waited for.
    TimesOut,
    /// Somebody notified it.
    Wakes,
    /// Its function has returned.
    Ends,
    /// Something the program said.
    Says(Box<str>),
}

impl Trace {
    /// A number that is equal for equal runs, of all events from the first on.
    pub fn digest(&self) -> u64 {
        self.digest
    }

    pub(crate) fn add_name(&mut self, name: Arc<str>) {
        self.names.push(name);
    }

    pub(crate) fn record(&mut self, at_ns: u64, fiber: usize, what: What) {
        self.mix(at_ns);
        self.mix(fiber as u64);
        self.mix(what.code());
        if self.events.len() == EVENTS_MAX {
            self.events.pop_front();
            self.dropped += 1;
        }
        self.events.push_back(Event { at_ns, fiber, what });
    }

    fn mix(&mut self, number: u64) {
        // The constant is 2^64 over the golden ratio; its product spreads low bits upwards.
        self.digest = (self.digest.rotate_left(25) ^ number).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
}

impl What {
    fn code(&self) -> u64 {
        match self {
            Self::Starts => 1,
            Self::Runs => 2,
            Self::Waits(place) => 3 + (u64::from(place.line()) << 8),
            Self::TimesOut => 4,
            Self::Wakes => 5,
            Self::Ends => 6,
            Self::Says(text) => text.bytes().fold(7, |sum: u64, byte| {
                sum.wrapping_mul(31).wrapping_add(u64::from(byte))
            }),
        }
    }
}

impl fmt::Display for Trace {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.dropped > 0 {
            writeln!(formatter, "({} earlier events left out)", self.dropped)?;
        }
        for Event { at_ns, fiber, what } in &self.events {
            let at = Duration::from_nanos(*at_ns);
            let name = self.names.get(*fiber).map_or("", |name| name);
            match what {
                What::Starts => writeln!(formatter, "{at:?} {name} starts")?,
                What::Runs => writeln!(formatter, "{at:?} {name} runs")?,
                What::Waits(place) => {
                    let (file, line) = (place.file(), place.line());
                    writeln!(formatter, "{at:?} {name} waits at {file}:{line}")?;
                }
                What::TimesOut => writeln!(formatter, "{at:?} {name} has waited long enough")?,
                What::Wakes => writeln!(formatter, "{at:?} {name} is woken")?,
                What::Ends => writeln!(formatter, "{at:?} {name} ends")?,
                What::Says(text) => writeln!(formatter, "{at:?} {name}: {text}")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn last_events_are_kept_and_all_are_in_the_digest() {
        let mut trace = Trace::default();
        trace.add_name("a".into());
        let mut digests = Vec::new();
        for at_ns in 0..EVENTS_MAX as u64 + 5 {
            trace.record(at_ns, 0, What::Runs);
            digests.push(trace.digest());
        }
        let text = trace.to_string();
        assert!(text.starts_with("(5 earlier events left out)\n5ns a runs\n"));
        digests.sort_unstable();
        digests.dedup();
        assert_eq!(digests.len(), EVENTS_MAX + 5);
    }
}
