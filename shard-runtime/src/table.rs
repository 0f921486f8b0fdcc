//! The table between the halves of an exchange: all offers lie on it, then one plan for each part.

use crate::sync::Mutex;
use std::fmt;
use std::mem;

/// What turns all offers into one plan for each part.
pub(crate) type Between<R, Q> = Box<dyn FnOnce(Vec<R>) -> Vec<Q> + Send>;

/// Where the shards of one exchange lay what they found, and find what follows from it.
pub(crate) struct Table<R, Q>(Mutex<State<R, Q>>);

struct State<R, Q> {
    offers: Vec<Option<R>>,
    missing: usize,
    /// Taken by whoever makes the last offer.
    between: Option<Between<R, Q>>,
    plans: Vec<Option<Q>>,
    /// How many plans there were, if not one for each part.
    wrong_count: Option<usize>,
}

impl<R, Q> Table<R, Q> {
    pub(crate) fn new(parts: usize, between: Between<R, Q>) -> Self {
        Self(Mutex::new(State {
            offers: (0..parts).map(|_| None).collect(),
            missing: parts,
            between: Some(between),
            plans: Vec::new(),
            wrong_count: None,
        }))
    }

    /// Lays down what one part has found, and the plans if it was the last. Whether the part may
    /// come to the second meeting; after which the plans are there.
    pub(crate) fn offer(&self, part: usize, found: R) -> bool {
        let mut state = self.0.lock();
        let parts = state.offers.len();
        let earlier = state.offers[part].replace(found);
        assert!(earlier.is_none(), "a part of an exchange ran twice");
        state.missing -= 1;
        if state.missing > 0 {
            return true;
        }
        let offers = mem::take(&mut state.offers);
        let Some(between) = state.between.take() else {
            panic!("an exchange was decided twice");
        };
        drop(state);
        let plans = between(offers.into_iter().flatten().collect());
        let mut state = self.0.lock();
        if plans.len() != parts {
            state.wrong_count = Some(plans.len());
            return false;
        }
        state.plans = plans.into_iter().map(Some).collect();
        true
    }

    /// Takes the plan of one part, once all have met again.
    pub(crate) fn take(&self, part: usize) -> Q {
        let plan = self.0.lock().plans.get_mut(part).and_then(Option::take);
        match plan {
            Some(plan) => plan,
            None => panic!("an exchange goes on without a plan"),
        }
    }

    /// How many plans there were, if not one for each part.
    pub(crate) fn wrong_count(&self) -> Option<usize> {
        self.0.lock().wrong_count
    }
}

impl<R, Q> fmt::Debug for Table<R, Q> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Table").finish_non_exhaustive()
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn last_offer_decides_in_the_order_of_parts() {
        let table = Table::new(2, Box::new(|offers| vec![offers[1], offers[0]]));
        assert!(table.offer(1, "b"));
        assert!(table.offer(0, "a"));
        assert_eq!((table.take(0), table.take(1)), ("b", "a"));
        assert_eq!(table.wrong_count(), None);
    }

    #[test]
    fn wrong_number_of_plans_is_told() {
        let table = Table::new(
            2,
            Box::new(|offers: Vec<u8>| offers.into_iter().skip(1).collect()),
        );
        assert!(table.offer(0, 1));
        assert!(!table.offer(1, 2));
        assert_eq!(table.wrong_count(), Some(1));
    }
}
