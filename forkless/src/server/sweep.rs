//! The search for keys whose time has come, which nobody asks for any more.

use std::task::Waker;

use shard_runtime::{Budget, Shard, Step, Task};
use snapshot::Key;

use crate::server::shard_state::{DATABASES, ShardState, SweepPlace, now_ms};

/// How many logical buckets are looked at, of at most some forty keys each, that have no such key.
const BUCKETS_MAX: u32 = 2048;

/// How many are looked at in all.
const ALL_BUCKETS_MAX: u32 = 32_768;

/// Looks at a part of a shard's keys, in slices, and removes those whose time has come.
///
/// Each part goes on where the last one ended. It is longer where there is much to remove.
#[derive(Debug, Default)]
pub(crate) struct Sweep {
    /// Buckets that were looked at in vain.
    in_vain: u32,
    buckets: u32,
}

impl Task<ShardState> for Sweep {
    fn step(&mut self, shard: &mut Shard<ShardState>, budget: &Budget, _: &Waker) -> Step {
        let state = shard.state();
        let now_ms = now_ms();
        while self.in_vain < BUCKETS_MAX && self.buckets < ALL_BUCKETS_MAX {
            if !state.may_sweep() {
                break;
            }
            let removed = sweep_bucket(state, now_ms);
            self.buckets += 1;
            self.in_vain += u32::from(removed == 0);
            if budget.is_spent() {
                return Step::Again;
            }
        }
        state.is_swept = false;
        Step::Done
    }
}

/// Goes to the next bucket; how many keys it has removed.
fn sweep_bucket(state: &mut ShardState, now_ms: i64) -> usize {
    let place = state.sweep;
    let (_, expiring) = state.sizes(place.database);
    if expiring == 0 {
        state.sweep = SweepPlace {
            database: (place.database + 1) % DATABASES,
            cursor: 0,
        };
        return 0;
    }
    let mut database = state.database(place.database, now_ms);
    let mut over: Vec<Key> = Vec::new();
    let cursor = database.table().scan(place.cursor, |key, object| {
        if database.is_over(object) {
            over.push(key.clone());
        }
    });
    for key in &over {
        database.forget_if_over(key.as_bytes());
    }
    state.sweep = match cursor {
        0 => SweepPlace {
            database: (place.database + 1) % DATABASES,
            cursor,
        },
        _ => SweepPlace { cursor, ..place },
    };
    over.len()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::object::{Object, Text};

    #[test]
    fn everything_whose_time_has_come_is_found_in_all_databases() {
        let mut state = ShardState::new(&Arc::default());
        for number in [0, 7] {
            for key in 0..3000_u32 {
                let object = Object::String(Text::from(&b"value"[..]));
                let over = key.is_multiple_of(3);
                let object = object.expiring(over.then_some(1000));
                state.database(number, 0).set(&key.to_le_bytes(), object);
            }
        }
        let mut removed = 0;
        for _ in 0..100_000 {
            if !state.may_sweep() {
                break;
            }
            removed += sweep_bucket(&mut state, 1001);
        }
        assert_eq!(removed, 2000);
        assert_eq!((state.sizes(0), state.sizes(7)), ((2000, 0), (2000, 0)));
        assert_eq!(state.tally.expired, 2000);
    }

    #[test]
    fn keys_whose_time_is_to_come_stay() {
        let mut state = ShardState::new(&Arc::default());
        let object = Object::String(Text::from(&b"value"[..])).expiring(Some(1001));
        state.database(0, 0).set(b"key", object);
        let removed: usize = (0..1000).map(|_| sweep_bucket(&mut state, 1001)).sum();
        assert_eq!((removed, state.sizes(0)), (0, (1, 1)));
    }
}
