//! All schedules of a ticket: its answer meets a waiter, a waker, a change of wakers, a drop.
//!
//! `RUSTFLAGS="--cfg loom" LOOM_MAX_PREEMPTIONS=3 cargo test -p shard-runtime --release --test
//! loom_ticket`. With `--cfg planted` in addition, each model must find its planted bugs.
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
#[path = "../src/error.rs"]
mod error;
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
#[path = "../src/set_id.rs"]
mod set_id;
#[path = "../src/sync.rs"]
mod sync;
#[path = "../src/task_id.rs"]
mod task_id;
#[path = "../src/thread.rs"]
mod thread;
#[path = "../src/ticket.rs"]
mod ticket;

use error::ShardError;
use loom::sync::atomic::{AtomicUsize, Ordering};
use loom::thread as model;
use mailbox::{End, Mailbox};
use reply::{Replier, reply};
use room::Room;
use set_id::SetId;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use ticket::Ticket;

struct Unpark(model::Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// A waker of this thread, which no other is equal to.
fn unpark() -> Waker {
    Waker::from(Arc::new(Unpark(model::current())))
}

fn poll<R>(ticket: &mut Ticket<R>, waker: &Waker) -> Poll<Result<R, ShardError>> {
    Pin::new(ticket).poll(&mut Context::from_waker(waker))
}

/// Awaits the ticket on this thread.
fn block_on<R>(mut ticket: Ticket<R>) -> Result<R, ShardError> {
    let waker = unpark();
    loop {
        match poll(&mut ticket, &waker) {
            Poll::Ready(answer) => return answer,
            Poll::Pending => model::park(),
        }
    }
}

type Message = (Replier<usize>, Arc<AtomicUsize>);

/// A ticket of shard 0, the end that answers it, and the mailbox between them.
fn submit() -> (Ticket<usize>, Replier<usize>, Arc<Mailbox<Message>>) {
    let mailbox = Arc::new(Mailbox::new(1));
    let (replier, awaiter) = reply();
    let ticket = Ticket::new(awaiter, 0, SetId::of(&mailbox), mailbox.fate());
    (ticket, replier, mailbox)
}

fn answer_meets_a_waiter() {
    let (ticket, replier, _) = submit();
    let shard = model::spawn(move || replier.fill(7));
    assert_eq!(ticket.wait().unwrap(), 7);
    shard.join().unwrap();
}

fn answer_meets_a_poll() {
    let (ticket, replier, _) = submit();
    let shard = model::spawn(move || replier.fill(7));
    assert_eq!(block_on(ticket).unwrap(), 7);
    shard.join().unwrap();
}

/// Polled by one task, then handed to another: the waker of the second counts.
fn answer_meets_a_change_of_wakers() {
    let (mut ticket, replier, _) = submit();
    let shard = model::spawn(move || replier.fill(7));
    let answer = match poll(&mut ticket, Waker::noop()) {
        Poll::Ready(answer) => answer,
        Poll::Pending => block_on(ticket),
    };
    assert_eq!(answer.unwrap(), 7);
    shard.join().unwrap();
}

/// A waker that does nothing, as often as it is woken, but can be counted.
struct Idle;

impl Wake for Idle {
    fn wake(self: Arc<Self>) {}
}

/// The ticket goes, polled or not; the answer and the waker must be freed.
fn answer_meets_a_drop() {
    let (replier, awaiter) = reply();
    let mailbox = Mailbox::<Message>::new(1);
    let mut ticket = Ticket::new(awaiter, 0, SetId::of(mailbox.fate()), mailbox.fate());
    let (alive, idle) = (Arc::new(()), Arc::new(Idle));
    let answer = Arc::clone(&alive);
    let shard = model::spawn(move || replier.fill(answer));
    drop(poll(&mut ticket, &Waker::from(Arc::clone(&idle))));
    drop(ticket);
    shard.join().unwrap();
    assert_eq!(Arc::strong_count(&alive), 1, "the answer leaks");
    assert_eq!(Arc::strong_count(&idle), 1, "the waker leaks");
}

/// The ticket goes, and its answer is far away.
fn drop_lets_the_waker_go() {
    let (mut ticket, replier, _) = submit();
    let idle = Arc::new(Idle);
    assert!(poll(&mut ticket, &Waker::from(Arc::clone(&idle))).is_pending());
    drop(ticket);
    assert_eq!(Arc::strong_count(&idle), 1, "the waker is kept");
    replier.fill(7);
}

/// The shard ends with the message still in its mailbox.
fn end_meets_a_poll() {
    let (ticket, replier, mailbox) = submit();
    let served = Arc::new(AtomicUsize::new(0));
    mailbox
        .push((replier, Arc::clone(&served)), Room::Demand)
        .unwrap();
    let shard = model::spawn(move || {
        let end = End::Poisoned {
            message: "boom".into(),
        };
        drop(mailbox.end(end));
    });
    let error = block_on(ticket).unwrap_err();
    assert!(
        matches!(error, ShardError::Poisoned { shard: 0, .. }),
        "a wrong reason: {error:?}"
    );
    assert_eq!(served.load(Ordering::Relaxed), 0);
    shard.join().unwrap();
}

fn panic_meets_a_poll() {
    let (ticket, replier, _) = submit();
    let shard = model::spawn(move || replier.fail("boom".into()));
    let error = block_on(ticket).unwrap_err();
    assert!(matches!(error, ShardError::Poisoned { shard: 0, .. }));
    shard.join().unwrap();
}

#[cfg(not(planted))]
mod sound {
    use super::*;

    #[test]
    fn waiter_gets_the_answer() {
        loom::model(answer_meets_a_waiter);
    }

    #[test]
    fn waker_is_woken() {
        loom::model(answer_meets_a_poll);
    }

    #[test]
    fn second_waker_is_woken() {
        loom::model(answer_meets_a_change_of_wakers);
    }

    #[test]
    fn dropped_ticket_leaves_nothing() {
        loom::model(answer_meets_a_drop);
    }

    #[test]
    fn dropped_ticket_lets_its_waker_go() {
        loom::model(drop_lets_the_waker_go);
    }

    #[test]
    fn lost_answer_says_why() {
        loom::model(end_meets_a_poll);
    }

    #[test]
    fn panic_reaches_the_waker() {
        loom::model(panic_meets_a_poll);
    }
}

#[cfg(planted)]
mod planted_bugs {
    use super::*;
    use planted::{Plant, activate};

    #[test]
    #[should_panic(expected = "deadlock")]
    fn settling_without_wake_is_found_by_a_waiter() {
        activate(Plant::ReplySettleWithoutWake);
        loom::model(answer_meets_a_waiter);
    }

    #[test]
    #[should_panic(expected = "deadlock")]
    fn settling_without_wake_is_found_by_a_waker() {
        activate(Plant::ReplySettleWithoutWake);
        loom::model(panic_meets_a_poll);
    }

    #[test]
    #[should_panic(expected = "deadlock")]
    fn late_waker_is_found() {
        activate(Plant::ReplyLateWaker);
        loom::model(answer_meets_a_poll);
    }

    #[test]
    #[should_panic(expected = "deadlock")]
    fn old_waker_is_found() {
        activate(Plant::ReplyKeepsOldWaker);
        loom::model(answer_meets_a_change_of_wakers);
    }

    #[test]
    #[should_panic(expected = "the waker is kept")]
    fn kept_waker_is_found() {
        activate(Plant::TicketKeepsWaker);
        loom::model(drop_lets_the_waker_go);
    }

    #[test]
    #[should_panic(expected = "a wrong reason")]
    fn unsealed_fate_is_found() {
        activate(Plant::MailboxFateUnsealed);
        loom::model(end_meets_a_poll);
    }
}
