//! All schedules of a small cut: it happens for all shards or for none, and nobody is left asleep.
//!
//! `RUSTFLAGS="--cfg loom" LOOM_MAX_PREEMPTIONS=2 cargo test -p shard-runtime --release --test
//! loom_cut`. With `--cfg planted` in addition, each model must find its planted bugs.
#![cfg(loom)]
#![expect(
    dead_code,
    unused_imports,
    reason = "each model takes what it needs of the library's own files"
)]
#![expect(clippy::unwrap_used, reason = "helpers of tests fail like tests")]

#[path = "../src/cut.rs"]
mod cut;
#[cfg(planted)]
#[path = "../src/planted.rs"]
mod planted;
#[path = "../src/sync.rs"]
mod sync;

use cut::{Barrier, Ticket, Verdict};
use loom::sync::atomic::{AtomicUsize, Ordering};
use loom::thread;
use std::sync::Arc;

fn two_shards_arrive() {
    let barrier = Arc::new(Barrier::new(2));
    let before: Arc<[_; 2]> = Arc::new(std::array::from_fn(|_| AtomicUsize::new(0)));
    let shards = [0, 1].map(|shard| {
        let (ticket, before) = (Ticket::new(&barrier, shard), Arc::clone(&before));
        move || {
            before[shard].store(1, Ordering::Relaxed);
            assert_eq!(ticket.arrive(None), Verdict::Cut);
            let seen = before[1 - shard].load(Ordering::Relaxed);
            assert_eq!(seen, 1, "a write before the other arrival is not seen");
        }
    });
    let [here, there] = shards;
    let there = thread::spawn(there);
    here();
    there.join().unwrap();
    assert_eq!(barrier.wait(None), Verdict::Cut);
}

fn one_of_two_dies() {
    let barrier = Arc::new(Barrier::new(2));
    let arriving = Ticket::new(&barrier, 0);
    let dying = Ticket::new(&barrier, 1);
    let arrives = thread::spawn(move || assert_eq!(arriving.arrive(None), Verdict::Failed));
    let dies = thread::spawn(move || drop(dying));
    assert_eq!(barrier.wait(None), Verdict::Failed);
    arrives.join().unwrap();
    dies.join().unwrap();
    assert!(barrier.first_absent().is_some());
}

/// Both shards arrive, and somebody loses patience just then.
fn all_agree_with_the_impatient() {
    let barrier = Arc::new(Barrier::new(2));
    let shards = [0, 1].map(|shard| {
        let ticket = Ticket::new(&barrier, shard);
        thread::spawn(move || ticket.arrive(None))
    });
    drop(Ticket::new(&barrier, 0));
    let decided = barrier.wait(None);
    for shard in shards {
        assert_eq!(shard.join().unwrap(), decided, "one cut, two verdicts");
    }
}

#[cfg(not(planted))]
mod sound {
    use super::*;

    #[test]
    fn arrival_orders_everything_before_it() {
        loom::model(two_shards_arrive);
    }

    #[test]
    fn dead_shard_fails_the_cut_for_all() {
        loom::model(one_of_two_dies);
    }

    #[test]
    fn verdict_is_one() {
        loom::model(all_agree_with_the_impatient);
    }
}

#[cfg(planted)]
mod planted_bugs {
    use super::*;
    use planted::{Plant, activate};

    #[test]
    #[should_panic(expected = "is not seen")]
    fn relaxed_arrival_is_found() {
        activate(Plant::CutArriveRelaxed);
        loom::model(two_shards_arrive);
    }

    #[test]
    #[should_panic(expected = "deadlock")]
    fn announcement_without_the_lock_is_found() {
        activate(Plant::CutAnnounceWithoutLock);
        loom::model(two_shards_arrive);
    }

    #[test]
    #[should_panic(expected = "two verdicts")]
    fn late_failure_is_found() {
        activate(Plant::CutFailLate);
        loom::model(all_agree_with_the_impatient);
    }
}
