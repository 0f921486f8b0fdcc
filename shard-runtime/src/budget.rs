//! How much a task may do before it must give the shard back.

use crate::sync::{AtomicBool, Ordering, now};
use std::cell::Cell;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The bound of one slice of work. Ask [`is_spent`](Budget::is_spent) after every small piece.
///
/// ```
/// use shard_runtime::Budget;
///
/// let budget = Budget::of_asks(3);
/// let mut buckets = 0;
/// loop {
///     buckets += 1;
///     if budget.is_spent() {
///         break;
///     }
/// }
/// assert_eq!(buckets, 4);
/// ```
#[derive(Debug)]
pub struct Budget {
    bound: Bound,
    /// Spends the budget early: a cut wants this shard.
    interrupt: Option<Arc<AtomicBool>>,
}

#[derive(Debug)]
enum Bound {
    Time(Instant),
    Asks(Cell<u64>),
    None,
}

impl Budget {
    /// Spent when `slice` has passed from now on.
    pub fn of_time(slice: Duration) -> Self {
        let bound = now().checked_add(slice).map_or(Bound::None, Bound::Time);
        Self {
            bound,
            interrupt: None,
        }
    }

    /// Answers `false` to `asks` questions and `true` from then on. For tests and simulations,
    /// which must not depend on a clock.
    pub fn of_asks(asks: u64) -> Self {
        Self {
            bound: Bound::Asks(Cell::new(asks)),
            interrupt: None,
        }
    }

    /// Never spent. For running a task to its end on the spot.
    pub fn unlimited() -> Self {
        Self {
            bound: Bound::None,
            interrupt: None,
        }
    }

    /// The same, but spent as soon as `interrupt` is true.
    pub(crate) fn interrupted_by(self, interrupt: Arc<AtomicBool>) -> Self {
        Self {
            interrupt: Some(interrupt),
            ..self
        }
    }

    /// Whether it is time to stop. Costs one look at the clock, some tens of nanoseconds.
    pub fn is_spent(&self) -> bool {
        // Relaxed: a hint, as `Mailbox::push_urgent` explains.
        if self
            .interrupt
            .as_ref()
            .is_some_and(|raised| raised.load(Ordering::Relaxed))
        {
            return true;
        }
        match &self.bound {
            Bound::Time(end) => now() >= *end,
            Bound::Asks(left) => match left.get().checked_sub(1) {
                Some(fewer) => {
                    left.set(fewer);
                    false
                }
                None => true,
            },
            Bound::None => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn asks_are_counted() {
        let budget = Budget::of_asks(2);
        assert_eq!(
            [(); 4].map(|()| budget.is_spent()),
            [false, false, true, true]
        );
    }

    #[test]
    fn no_time_is_spent_at_once() {
        assert!(Budget::of_time(Duration::ZERO).is_spent());
        assert!(!Budget::of_time(Duration::MAX).is_spent());
        assert!(!Budget::unlimited().is_spent());
    }

    #[test]
    fn interrupt_spends_any_budget() {
        let interrupt = Arc::new(AtomicBool::new(false));
        let budget = Budget::unlimited().interrupted_by(Arc::clone(&interrupt));
        assert!(!budget.is_spent());
        interrupt.store(true, Ordering::Relaxed);
        assert!(budget.is_spent());
    }
}
