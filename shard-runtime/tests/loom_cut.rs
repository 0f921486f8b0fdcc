//! All schedules of a small cut: it happens for all shards or for none, and nobody is left asleep.
//!
//! `RUSTFLAGS="--cfg loom" LOOM_MAX_PREEMPTIONS=2 cargo test -p shard-runtime --release --test
//! loom_cut`. With `--cfg planted` in addition, each model must find its planted bugs.
#![cfg(loom)]
#![expect(
    dead_code,
    unreachable_pub,
    reason = "each model takes what it needs of the library's own files"
)]
#![expect(clippy::unwrap_used, reason = "helpers of tests fail like tests")]

#[path = "../src/cut.rs"]
mod cut;
#[path = "../src/mailbox.rs"]
mod mailbox;
#[cfg(planted)]
#[path = "../src/planted.rs"]
mod planted;
#[path = "../src/sync.rs"]
mod sync;
#[path = "../src/task_id.rs"]
mod task_id;

use cut::{Barrier, CutOrder, Ticket, Verdict};
use loom::sync::atomic::{AtomicUsize, Ordering};
use loom::thread;
use mailbox::{Collected, Idle, Inbox, Mailbox};
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

/// Serves tickets as they come.
fn arrive_twice(mailbox: &Mailbox<Ticket>) {
    let mut inbox = Inbox::with_capacity(1);
    for _ in 0..2 {
        while inbox.urgent.is_empty() {
            assert_eq!(
                mailbox.collect(&mut inbox, Idle::Sleep),
                Collected::Something
            );
        }
        assert_eq!(inbox.urgent.pop_front().unwrap().arrive(None), Verdict::Cut);
    }
}

fn two_cuts_at_once() {
    let order = Arc::new(CutOrder::new());
    let mailboxes: Arc<[Mailbox<Ticket>; 2]> = Arc::new(std::array::from_fn(|_| Mailbox::new(1)));
    let cutters = [0, 1].map(|_| {
        let (order, mailboxes) = (Arc::clone(&order), Arc::clone(&mailboxes));
        move || {
            let barrier = Arc::new(Barrier::new(2));
            order.in_order(|| {
                for (shard, mailbox) in mailboxes.iter().enumerate() {
                    mailbox.push_urgent(Ticket::new(&barrier, shard)).unwrap();
                }
            });
        }
    });
    let [here, there] = cutters;
    let other_cutter = thread::spawn(there);
    let other_shard = {
        let mailboxes = Arc::clone(&mailboxes);
        thread::spawn(move || arrive_twice(&mailboxes[1]))
    };
    here();
    arrive_twice(&mailboxes[0]);
    other_cutter.join().unwrap();
    other_shard.join().unwrap();
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
    fn concurrent_cuts_do_not_wait_crosswise() {
        loom::model(two_cuts_at_once);
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
    #[should_panic(expected = "deadlock")]
    fn cuts_without_order_are_found() {
        activate(Plant::CutWithoutOrder);
        loom::model(two_cuts_at_once);
    }

    #[test]
    #[should_panic(expected = "two verdicts")]
    fn late_failure_is_found() {
        activate(Plant::CutFailLate);
        loom::model(all_agree_with_the_impatient);
    }
}
