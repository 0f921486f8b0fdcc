//! All schedules of a small mailbox: no message, wake-up or end is lost; nor is an answer.
//!
//! `RUSTFLAGS="--cfg loom" LOOM_MAX_PREEMPTIONS=2 cargo test -p shard-runtime --release --test
//! loom_mailbox`. With `--cfg planted` in addition, each model must find its planted bugs.
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
#[path = "../src/reply.rs"]
mod reply;
#[path = "../src/room.rs"]
mod room;
#[path = "../src/signal.rs"]
mod signal;
#[path = "../src/sync.rs"]
mod sync;
#[path = "../src/task_id.rs"]
mod task_id;

use inbox::{Collected, Idle, Inbox};
use loom::sync::atomic::{AtomicUsize, Ordering};
use loom::thread;
use mailbox::{End, Mailbox};
use reply::{Answer, reply};
use room::{Rejected, Room};
use signal::Signal;
use std::sync::Arc;
use std::task::Waker;
use task_id::TaskId;

/// Takes messages out until the mailbox is closed and drained.
fn drain(mailbox: &Mailbox<usize>) -> Vec<usize> {
    let mut inbox = Inbox::with_capacity(1);
    let mut served = Vec::new();
    loop {
        match mailbox.collect(&mut inbox, Idle::Sleep) {
            Collected::Finished => return served,
            Collected::Something => {}
            Collected::Nothing => panic!("a sleeping shard came back with nothing"),
        }
        served.extend(inbox.urgent.drain(..));
        served.extend(inbox.messages.drain(..));
    }
}

fn two_senders_and_a_sleeper() {
    let mailbox = Arc::new(Mailbox::new(4));
    let senders = [1, 2].map(|message| {
        let mailbox = Arc::clone(&mailbox);
        thread::spawn(move || mailbox.push(message, Room::Await).unwrap())
    });
    let closer = {
        let mailbox = Arc::clone(&mailbox);
        move || {
            for sender in senders {
                sender.join().unwrap();
            }
            mailbox.close();
        }
    };
    let shard = thread::spawn(move || {
        let mut served = drain(&mailbox);
        served.sort_unstable();
        assert_eq!(served, [1, 2]);
    });
    closer();
    shard.join().unwrap();
}

fn sender_waits_for_room() {
    let mailbox = Arc::new(Mailbox::new(1));
    let sender = {
        let mailbox = Arc::clone(&mailbox);
        thread::spawn(move || {
            mailbox.push(1, Room::Await).unwrap();
            mailbox.push(2, Room::Await).unwrap();
            mailbox.close();
        })
    };
    assert_eq!(drain(&mailbox), [1, 2]);
    sender.join().unwrap();
}

fn urgent_message_meets_a_common_one() {
    let mailbox = Arc::new(Mailbox::new(1));
    let sender = {
        let mailbox = Arc::clone(&mailbox);
        thread::spawn(move || {
            mailbox.push(1, Room::Await).unwrap();
            mailbox.push_urgent(2).unwrap();
            mailbox.close();
        })
    };
    let mut served = drain(&mailbox);
    served.sort_unstable();
    assert_eq!(served, [1, 2]);
    sender.join().unwrap();
}

/// All schedules with as many preemptions as the environment allows, but three at least: fewer do
/// not find the bug that is planted in this model, which is small.
fn explore(model: fn()) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = builder.preemption_bound.map(|bound| bound.max(3));
    builder.check(model);
}

/// The mailbox closes just as somebody sends: what is taken is served.
fn close_meets_a_sender() {
    let mailbox = Arc::new(Mailbox::new(1));
    let sender = {
        let mailbox = Arc::clone(&mailbox);
        thread::spawn(move || mailbox.push(1, Room::Await).is_ok())
    };
    let shard = {
        let mailbox = Arc::clone(&mailbox);
        thread::spawn(move || drain(&mailbox).len())
    };
    mailbox.close();
    let sent = sender.join().unwrap();
    assert_eq!(
        shard.join().unwrap(),
        usize::from(sent),
        "taken, not served"
    );
}

fn end_meets_two_who_wait() {
    let mailbox = Arc::new(Mailbox::new(1));
    mailbox.push(0, Room::Await).unwrap();
    let sender = {
        let mailbox = Arc::clone(&mailbox);
        thread::spawn(move || {
            let rejected = mailbox.push(1, Room::Await).unwrap_err();
            assert_eq!(rejected, Rejected::Ended(End::Stopped));
        })
    };
    let watcher = {
        let mailbox = Arc::clone(&mailbox);
        thread::spawn(move || assert_eq!(mailbox.await_end(), End::Stopped))
    };
    assert_eq!(mailbox.end(End::Stopped).messages, [0]);
    sender.join().unwrap();
    watcher.join().unwrap();
}

/// When the shard lowers the flag of a woken task.
#[derive(Clone, Copy)]
enum Lower {
    BeforeTheStep,
    AfterTheStep,
}

/// Work comes twice, each time with a wake-up; the task must see all of it.
fn task_is_woken_twice(lower: Lower) {
    let mailbox = Arc::new(Mailbox::<usize>::new(1));
    let signal = Arc::new(Signal::new(TaskId(7), Arc::clone(&mailbox)));
    let work = Arc::new(AtomicUsize::new(0));
    let source = {
        let (waker, work) = (Waker::from(Arc::clone(&signal)), Arc::clone(&work));
        thread::spawn(move || {
            for amount in [1, 2] {
                work.store(amount, Ordering::Relaxed);
                waker.wake_by_ref();
            }
        })
    };
    let mut inbox = Inbox::with_capacity(1);
    let mut seen = 0;
    while seen < 2 {
        assert_eq!(
            mailbox.collect(&mut inbox, Idle::Sleep),
            Collected::Something
        );
        assert_eq!(inbox.woken.drain(..).collect::<Vec<_>>(), [TaskId(7)]);
        if matches!(lower, Lower::BeforeTheStep) {
            signal.lower();
        }
        seen = work.load(Ordering::Relaxed);
        if matches!(lower, Lower::AfterTheStep) {
            signal.lower();
        }
    }
    source.join().unwrap();
}

fn answer_comes() {
    let (replier, awaiter) = reply();
    let other = thread::spawn(move || replier.fill(7));
    assert_eq!(awaiter.wait(None), Answer::Filled(7));
    other.join().unwrap();
}

fn answer_is_lost() {
    let (replier, awaiter) = reply::<usize>();
    let other = thread::spawn(move || drop(replier));
    assert_eq!(awaiter.wait(None), Answer::Lost);
    other.join().unwrap();
}

#[cfg(not(planted))]
mod sound {
    use super::*;

    #[test]
    fn sleeping_shard_misses_nothing() {
        loom::model(two_senders_and_a_sleeper);
    }

    #[test]
    fn sender_gets_room() {
        loom::model(sender_waits_for_room);
    }

    #[test]
    fn urgent_message_is_served() {
        loom::model(urgent_message_meets_a_common_one);
    }

    #[test]
    fn closing_mailbox_serves_what_it_took() {
        explore(close_meets_a_sender);
    }

    #[test]
    fn end_frees_all() {
        loom::model(end_meets_two_who_wait);
    }

    #[test]
    fn no_wake_up_of_a_task_is_lost() {
        loom::model(|| task_is_woken_twice(Lower::BeforeTheStep));
    }

    #[test]
    fn answer_reaches_the_waiter() {
        loom::model(answer_comes);
    }

    #[test]
    fn lost_answer_frees_the_waiter() {
        loom::model(answer_is_lost);
    }
}

#[cfg(planted)]
mod planted_bugs {
    use super::*;
    use planted::{Plant, activate};

    #[test]
    #[should_panic(expected = "deadlock")]
    fn check_then_sleep_is_found() {
        activate(Plant::MailboxCheckThenSleep);
        loom::model(two_senders_and_a_sleeper);
    }

    #[test]
    #[should_panic(expected = "taken, not served")]
    fn late_entry_is_found() {
        activate(Plant::MailboxLateEntry);
        explore(close_meets_a_sender);
    }

    #[test]
    #[should_panic(expected = "deadlock")]
    fn swap_without_wake_is_found() {
        activate(Plant::MailboxSwapWithoutWake);
        loom::model(sender_waits_for_room);
    }

    #[test]
    #[should_panic(expected = "deadlock")]
    fn end_that_wakes_one_is_found() {
        activate(Plant::MailboxEndWakesOne);
        loom::model(end_meets_two_who_wait);
    }

    #[test]
    #[should_panic(expected = "deadlock")]
    fn relaxed_signal_is_found() {
        activate(Plant::SignalRelaxed);
        loom::model(|| task_is_woken_twice(Lower::BeforeTheStep));
    }

    #[test]
    #[should_panic(expected = "deadlock")]
    fn signal_lowered_late_is_found() {
        loom::model(|| task_is_woken_twice(Lower::AfterTheStep));
    }

    #[test]
    #[should_panic(expected = "deadlock")]
    fn settling_without_wake_is_found() {
        activate(Plant::ReplySettleWithoutWake);
        loom::model(answer_is_lost);
    }
}
