//! All schedules of the meeting of two shards: it happens for both or for none, two meetings come
//! in one order, and nobody is left asleep.
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

#[path = "../src/counters.rs"]
mod counters;
#[path = "../src/cut.rs"]
mod cut;
#[path = "../src/durations.rs"]
mod durations;
#[path = "../src/fate.rs"]
mod fate;
#[path = "../src/inbox.rs"]
mod inbox;
#[path = "../src/mailbox.rs"]
mod mailbox;
#[cfg(planted)]
#[path = "../src/planted.rs"]
mod planted;
#[path = "../src/room.rs"]
mod room;
#[path = "../src/sync.rs"]
mod sync;
#[path = "../src/table.rs"]
mod table;
#[path = "../src/task_id.rs"]
mod task_id;

use cut::{Barrier, Order, Seat, Verdict};
use inbox::{Collected, Idle, Inbox};
use loom::sync::atomic::{AtomicUsize, Ordering};
use loom::thread;
use mailbox::Mailbox;
use std::sync::Arc;
use table::Table;

fn two_shards_arrive() {
    let barrier = Arc::new(Barrier::new(2));
    let before: Arc<[_; 2]> = Arc::new(std::array::from_fn(|_| AtomicUsize::new(0)));
    let shards = [0, 1].map(|shard| {
        let (seat, before) = (Seat::new(&barrier, shard), Arc::clone(&before));
        move || {
            before[shard].store(1, Ordering::Relaxed);
            assert_eq!(seat.arrive(None), Verdict::Cut);
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
    let arriving = Seat::new(&barrier, 0);
    let dying = Seat::new(&barrier, 1);
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
        let seat = Seat::new(&barrier, shard);
        thread::spawn(move || seat.arrive(None))
    });
    drop(Seat::new(&barrier, 0));
    let decided = barrier.wait(None);
    for shard in shards {
        assert_eq!(shard.join().unwrap(), decided, "one cut, two verdicts");
    }
}

/// Takes seats as they come.
fn arrive_twice(mailbox: &Mailbox<Seat>) {
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
    let order = Arc::new(Order::new());
    let mailboxes: Arc<[Mailbox<Seat>; 2]> = Arc::new(std::array::from_fn(|_| Mailbox::new(1)));
    let cutters = [0, 1].map(|_| {
        let (order, mailboxes) = (Arc::clone(&order), Arc::clone(&mailboxes));
        move || {
            let barrier = Arc::new(Barrier::new(2));
            order.in_order(|| {
                for (shard, mailbox) in mailboxes.iter().enumerate() {
                    mailbox.push_urgent(Seat::new(&barrier, shard)).unwrap();
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

/// When a shard lays down what it has found.
#[derive(Clone, Copy)]
enum Offer {
    BeforeTheMeeting,
    /// The bug.
    AfterTheMeeting,
}

/// Both shards find something, and each goes on with what the other has found.
fn halves_of_an_exchange(offer: Offer) {
    let table = Table::new(2, Box::new(|found| found.into_iter().rev().collect()));
    let table = Arc::new(table);
    let again = Arc::new(Barrier::new(2));
    let shards = [0, 1].map(|shard| {
        let (table, seat) = (Arc::clone(&table), Seat::new(&again, shard));
        move || {
            match offer {
                Offer::BeforeTheMeeting => {
                    assert!(table.offer(shard, shard));
                    assert_eq!(seat.arrive(None), Verdict::Cut);
                }
                Offer::AfterTheMeeting => {
                    assert_eq!(seat.arrive(None), Verdict::Cut);
                    assert!(table.offer(shard, shard));
                }
            }
            assert_eq!(table.take(shard), 1 - shard);
        }
    });
    let [here, there] = shards;
    let there = thread::spawn(there);
    here();
    there.join().unwrap();
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
    fn exchange_goes_on_when_all_have_met() {
        loom::model(|| halves_of_an_exchange(Offer::BeforeTheMeeting));
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
    #[should_panic(expected = "goes on without a plan")]
    fn offer_after_the_meeting_is_found() {
        loom::model(|| halves_of_an_exchange(Offer::AfterTheMeeting));
    }

    #[test]
    #[should_panic(expected = "two verdicts")]
    fn late_failure_is_found() {
        activate(Plant::CutFailLate);
        loom::model(all_agree_with_the_impatient);
    }
}
