//! All schedules of small cuts and transactions: they happen for all shards or for none, in one
//! order, amid writes; and nobody is left asleep.
//!
//! `RUSTFLAGS="--cfg loom" LOOM_MAX_PREEMPTIONS=2 cargo test -p shard-runtime --release --test
//! loom_cut`. With `--cfg planted` in addition, each model must find its planted bugs.
#![cfg(loom)]
#![expect(
    dead_code,
    unreachable_pub,
    unused_imports,
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
use mailbox::{Mailbox, Room};
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

/// What goes to the shards of the models below; each owns a number.
enum Message {
    /// Becomes the number.
    Write(usize),
    /// Puts the number where it can be seen from outside.
    Count(Seat, Arc<AtomicUsize>),
    /// Adds to the number.
    Add(Seat, usize),
}

type Mailboxes = Arc<[Mailbox<Message>; 2]>;

fn mailboxes() -> Mailboxes {
    Arc::new(std::array::from_fn(|_| Mailbox::new(2)))
}

/// Serves what comes, in the order of the real loop, until the mailbox is closed; returns the
/// number. `written` learns of each write.
fn serve(mailbox: &Mailbox<Message>, written: &AtomicUsize) -> usize {
    let mut number = 0;
    let mut inbox = Inbox::with_capacity(2);
    while mailbox.collect(&mut inbox, Idle::Sleep) != Collected::Finished {
        while let Some(message) = inbox.urgent.pop_front() {
            run(message, &mut number, written);
        }
        while let Some(message) = inbox.messages.pop_front() {
            run(message, &mut number, written);
        }
    }
    number
}

fn run(message: Message, number: &mut usize, written: &AtomicUsize) {
    match message {
        Message::Write(value) => {
            *number = value;
            written.store(value, Ordering::Release);
        }
        Message::Count(seat, counted) => {
            if seat.arrive(None) == Verdict::Cut {
                counted.store(*number, Ordering::Relaxed);
            }
        }
        Message::Add(seat, amount) => {
            if seat.arrive(None) == Verdict::Cut {
                *number += amount;
            }
        }
    }
}

/// Hands out a cut that shows the numbers.
fn cut(order: &Order, mailboxes: &Mailboxes) -> [Arc<AtomicUsize>; 2] {
    let counted = std::array::from_fn(|_| Arc::new(AtomicUsize::new(0)));
    let barrier = Arc::new(Barrier::new(2));
    order.in_order(|| {
        for (shard, mailbox) in mailboxes.iter().enumerate() {
            let seat = Seat::new(&barrier, shard);
            let count = Message::Count(seat, Arc::clone(&counted[shard]));
            mailbox.push_urgent(count).unwrap();
        }
    });
    counted
}

/// One client writes to shard 0, sees it done, and writes to shard 1; a cut comes at any time.
fn cut_amid_writes() {
    let (order, mailboxes) = (Order::new(), mailboxes());
    let written: Arc<[_; 2]> = Arc::new(std::array::from_fn(|_| AtomicUsize::new(0)));
    let first = {
        let (mailboxes, written) = (Arc::clone(&mailboxes), Arc::clone(&written));
        thread::spawn(move || {
            // This shard tells of its write by sending the next one itself: the shortest way that
            // an acknowledgement can take.
            let mut inbox = Inbox::with_capacity(2);
            let mut number = 0;
            while mailboxes[0].collect(&mut inbox, Idle::Sleep) != Collected::Finished {
                while let Some(message) = inbox.urgent.pop_front() {
                    run(message, &mut number, &written[0]);
                }
                while let Some(message) = inbox.messages.pop_front() {
                    run(message, &mut number, &written[0]);
                    mailboxes[1].push(Message::Write(1), Room::Exceed).unwrap();
                    mailboxes[1].close();
                }
            }
        })
    };
    let second = {
        let (mailboxes, written) = (Arc::clone(&mailboxes), Arc::clone(&written));
        thread::spawn(move || serve(&mailboxes[1], &written[1]))
    };
    mailboxes[0].push(Message::Write(1), Room::Exceed).unwrap();
    let barrier = Arc::new(Barrier::new(2));
    let counted: [_; 2] = std::array::from_fn(|_| Arc::new(AtomicUsize::new(0)));
    // The cut may come when all is over; then it does not happen.
    for (shard, mailbox) in mailboxes.iter().enumerate() {
        let seat = Seat::new(&barrier, shard);
        mailbox
            .push_urgent(Message::Count(seat, Arc::clone(&counted[shard])))
            .ok();
    }
    mailboxes[0].close();
    first.join().unwrap();
    second.join().unwrap();
    let [cause, effect] = counted.map(|number| number.load(Ordering::Relaxed));
    assert!(cause >= effect, "an effect without its cause");
}

/// How two shards are given a part each.
#[derive(Clone, Copy)]
enum Parts {
    /// As one transaction.
    Together,
    /// The bug: as two messages.
    Apart,
}

/// A transaction adds to both shards while a cut is taken.
fn cut_meets_transaction(parts: Parts) {
    let (order, mailboxes) = (Arc::new(Order::new()), mailboxes());
    let shards = [0, 1].map(|shard| {
        let mailboxes = Arc::clone(&mailboxes);
        thread::spawn(move || serve(&mailboxes[shard], &AtomicUsize::new(0)))
    });
    let transaction = {
        let (order, mailboxes) = (Arc::clone(&order), Arc::clone(&mailboxes));
        thread::spawn(move || {
            let together = Arc::new(Barrier::new(2));
            order.in_order(|| {
                for (shard, mailbox) in mailboxes.iter().enumerate() {
                    let seat = match parts {
                        Parts::Together => Seat::new(&together, shard),
                        Parts::Apart => Seat::new(&Arc::new(Barrier::new(1)), 0),
                    };
                    let add = Message::Add(seat, 1);
                    match parts {
                        Parts::Together => mailbox.push_urgent(add).unwrap(),
                        Parts::Apart => mailbox.push(add, Room::Exceed).unwrap(),
                    }
                }
            });
        })
    };
    let counted = cut(&order, &mailboxes);
    transaction.join().unwrap();
    for mailbox in mailboxes.iter() {
        mailbox.close();
    }
    for shard in shards {
        assert_eq!(shard.join().unwrap(), 1);
    }
    let [here, there] = counted.map(|number| number.load(Ordering::Relaxed));
    assert_eq!(here, there, "half a transaction");
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
    fn cut_has_no_effect_without_its_cause() {
        loom::model(cut_amid_writes);
    }

    #[test]
    fn cut_has_all_of_a_transaction_or_nothing() {
        loom::model(|| cut_meets_transaction(Parts::Together));
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
    #[should_panic(expected = "an effect without its cause")]
    fn shard_that_does_not_stand_still_is_found() {
        activate(Plant::CutWithoutWait);
        loom::model(cut_amid_writes);
    }

    #[test]
    #[should_panic(expected = "half a transaction")]
    fn parts_that_run_apart_are_found() {
        loom::model(|| cut_meets_transaction(Parts::Apart));
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
