//! All schedules of a cut of two shards that serve on meanwhile: it is one moment amid writes,
//! transactions and deaths, and no shard sleeps through it.
//!
//! `RUSTFLAGS="--cfg loom" LOOM_MAX_PREEMPTIONS=2 cargo test -p shard-runtime --release --test
//! loom_moment`. With `--cfg planted` in addition, each model must find its planted bugs.
#![cfg(loom)]
#![expect(
    dead_code,
    unreachable_pub,
    reason = "each model takes what it needs of the library's own files"
)]
#![expect(clippy::unwrap_used, reason = "helpers of tests fail like tests")]

#[path = "../src/agenda.rs"]
mod agenda;
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
#[path = "../src/task_id.rs"]
mod task_id;

use agenda::Agenda;
use cut::{Barrier, Seat, Verdict};
use inbox::{Collected, Idle, Inbox};
use loom::sync::atomic::{AtomicUsize, Ordering};
use loom::thread;
use mailbox::{End, Mailbox};
use room::Room;
use std::sync::Arc;

/// What goes to the shards of the models below.
enum Message {
    /// Becomes the number.
    Write(usize),
    /// Comes to a cut, and shows the number at its moment.
    Come(Seat, Arc<AtomicUsize>),
    /// Puts the number where it can be seen from outside.
    Show(Arc<AtomicUsize>),
    /// Arrives at a transaction, and adds to the number.
    Add(Seat, usize),
    /// Tells another shard of what has run before, by sending it the next write.
    Tell(Mailboxes),
    /// Ends the shard, as a panic does.
    Die,
}

type Mailboxes = Arc<[Mailbox<Message>; 2]>;

fn mailboxes() -> Mailboxes {
    Arc::new(std::array::from_fn(|_| Mailbox::new(2)))
}

/// A shard that owns a number, and serves in the order of the real loop.
struct Server {
    number: usize,
    agenda: Agenda<Message>,
    has_shown: bool,
    alive: bool,
}

/// Serves what comes until the mailbox is closed; returns the number.
fn serve(mailbox: &Mailbox<Message>) -> usize {
    let mut server = Server::new();
    let mut inbox = Inbox::with_capacity(2);
    loop {
        let collected = mailbox.collect(&mut inbox, Idle::Sleep);
        server.agenda.admit(&mut inbox.urgent);
        server.serve_agenda();
        while let Some(message) = inbox.messages.pop_front() {
            server.run(message);
            if !server.alive {
                return server.number;
            }
            server.serve_agenda();
        }
        if collected == Collected::Finished {
            while !server.agenda.is_empty() {
                server.agenda.wait();
                server.serve_agenda();
            }
            return server.number;
        }
    }
}

impl Server {
    fn new() -> Self {
        Self {
            number: 0,
            agenda: Agenda::new(),
            has_shown: false,
            alive: true,
        }
    }

    fn serve_agenda(&mut self) {
        while let Some(message) = self.agenda.next() {
            self.run(message);
        }
    }

    fn run(&mut self, message: Message) {
        match message {
            Message::Write(value) => self.number = value,
            Message::Come(seat, shown) => {
                self.agenda.pend(seat.come(None), Message::Show(shown));
            }
            Message::Show(shown) => {
                shown.store(self.number + 1, Ordering::Relaxed);
                self.has_shown = true;
            }
            Message::Add(seat, amount) => {
                if seat.arrive(None) == Verdict::Cut {
                    self.number += amount;
                }
            }
            Message::Tell(mailboxes) => {
                mailboxes[1].push(Message::Write(1), Room::Await).unwrap();
            }
            Message::Die => self.alive = false,
        }
    }
}

/// A cut that was handed out, and where its shards will show one more than their numbers.
struct Cut {
    barrier: Arc<Barrier>,
    shown: [Arc<AtomicUsize>; 2],
}

impl Cut {
    fn hand_out(mailboxes: &Mailboxes) -> Self {
        let barrier = Arc::new(Barrier::new(2));
        let shown: [_; 2] = std::array::from_fn(|_| Arc::new(AtomicUsize::new(0)));
        for (shard, mailbox) in mailboxes.iter().enumerate() {
            let seat = Seat::new(&barrier, shard);
            // The shard may be gone; then its seat is dropped.
            let come = Message::Come(seat, Arc::clone(&shown[shard]));
            mailbox.push_urgent(come).ok();
        }
        Self { barrier, shown }
    }

    /// Waits for the moment, and wakes who sleeps, as the caller does.
    fn wait(&self, mailboxes: &Mailboxes) -> Verdict {
        let verdict = self.barrier.wait(None);
        for mailbox in mailboxes.iter() {
            mailbox.nudge();
        }
        verdict
    }

    fn shown(self) -> [usize; 2] {
        self.shown.map(|number| number.load(Ordering::Relaxed))
    }
}

fn start(mailboxes: &Mailboxes) -> [thread::JoinHandle<usize>; 2] {
    std::array::from_fn(|shard| {
        let mailboxes = Arc::clone(mailboxes);
        thread::spawn(move || {
            let number = serve(&mailboxes[shard]);
            drop(mailboxes[shard].end(End::Stopped));
            number
        })
    })
}

/// Shard 0 is written to, and only then, by itself, shard 1; a cut comes at any time.
fn cut_amid_writes() {
    let mailboxes = mailboxes();
    let shards = start(&mailboxes);
    mailboxes[0].push(Message::Write(1), Room::Await).unwrap();
    let tell = Message::Tell(Arc::clone(&mailboxes));
    mailboxes[0].push(tell, Room::Await).unwrap();
    let cut = Cut::hand_out(&mailboxes);
    assert_eq!(cut.wait(&mailboxes), Verdict::Cut);
    mailboxes[0].close();
    let [first, second] = shards;
    first.join().unwrap();
    mailboxes[1].close();
    second.join().unwrap();
    let [cause, effect] = cut.shown();
    assert!(cause > 0 && effect > 0, "a part of the cut did not run");
    assert!(cause >= effect, "an effect without its cause");
}

/// A cut of two shards that sleep and are told nothing else.
fn cut_of_sleepers() {
    let mailboxes = mailboxes();
    let shards: [_; 2] = std::array::from_fn(|shard| {
        let mailboxes = Arc::clone(&mailboxes);
        thread::spawn(move || {
            let mut server = Server::new();
            let mut inbox = Inbox::with_capacity(2);
            while !server.has_shown {
                mailboxes[shard].collect(&mut inbox, Idle::Sleep);
                server.agenda.admit(&mut inbox.urgent);
                server.serve_agenda();
            }
        })
    });
    let cut = Cut::hand_out(&mailboxes);
    assert_eq!(cut.wait(&mailboxes), Verdict::Cut);
    for shard in shards {
        shard.join().unwrap();
    }
}

/// One of two shards dies at any time: before it comes to a cut, or when it has come.
fn shard_dies_at_any_time() {
    let mailboxes = mailboxes();
    let shards = start(&mailboxes);
    mailboxes[1].push(Message::Die, Room::Await).unwrap();
    let cut = Cut::hand_out(&mailboxes);
    let verdict = cut.wait(&mailboxes);
    mailboxes[0].close();
    for shard in shards {
        shard.join().unwrap();
    }
    let [lives, dies] = cut.shown().map(|number| number > 0);
    assert_eq!(lives, verdict == Verdict::Cut, "one cut, two verdicts");
    assert!(lives || !dies, "a part of a cut that has failed");
}

/// How two shards are given a part each.
#[derive(Clone, Copy)]
enum Parts {
    /// As one transaction.
    Together,
    /// The bug: as two messages.
    Apart,
}

/// What is handed out first, under the lock that puts all in one order.
#[derive(Clone, Copy)]
enum First {
    Cut,
    Transaction,
}

/// A transaction adds to both shards while a cut is taken.
fn cut_meets_transaction(parts: Parts, first: First) {
    let mailboxes = mailboxes();
    let shards = start(&mailboxes);
    let cut = match first {
        First::Cut => {
            let cut = Cut::hand_out(&mailboxes);
            hand_out_transaction(&mailboxes, parts);
            cut
        }
        First::Transaction => {
            hand_out_transaction(&mailboxes, parts);
            Cut::hand_out(&mailboxes)
        }
    };
    assert_eq!(cut.wait(&mailboxes), Verdict::Cut);
    for mailbox in mailboxes.iter() {
        mailbox.close();
    }
    for shard in shards {
        assert_eq!(shard.join().unwrap(), 1);
    }
    let [here, there] = cut.shown();
    assert_eq!(here, there, "half a transaction");
}

fn hand_out_transaction(mailboxes: &Mailboxes, parts: Parts) {
    let together = Arc::new(Barrier::new(2));
    for (shard, mailbox) in mailboxes.iter().enumerate() {
        match parts {
            Parts::Together => {
                let add = Message::Add(Seat::new(&together, shard), 1);
                mailbox.push_urgent(add).unwrap();
            }
            Parts::Apart => {
                let alone = Seat::new(&Arc::new(Barrier::new(1)), 0);
                mailbox.push(Message::Add(alone, 1), Room::Await).unwrap();
            }
        }
    }
}

/// All schedules with as many preemptions as the environment allows, but two at most: models
/// of three shards and clients have more than can be tried.
fn large_model(model: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    let preemptions = builder.preemption_bound.map_or(2, |bound| bound.min(2));
    builder.preemption_bound = Some(preemptions);
    builder.check(model);
}

#[cfg(not(planted))]
mod sound {
    use super::*;

    #[test]
    fn cut_has_no_effect_without_its_cause() {
        large_model(cut_amid_writes);
    }

    #[test]
    fn sleeping_shards_are_woken_for_their_parts() {
        large_model(cut_of_sleepers);
    }

    #[test]
    fn dying_shard_leaves_one_verdict() {
        large_model(shard_dies_at_any_time);
    }

    #[test]
    fn cut_has_all_of_an_earlier_transaction() {
        large_model(|| cut_meets_transaction(Parts::Together, First::Transaction));
    }

    #[test]
    fn cut_has_nothing_of_a_later_transaction() {
        large_model(|| cut_meets_transaction(Parts::Together, First::Cut));
    }
}

#[cfg(planted)]
mod planted_bugs {
    use super::*;
    use planted::{Plant, activate};

    #[test]
    #[should_panic(expected = "an effect without its cause")]
    fn part_before_its_moment_is_found() {
        activate(Plant::CutWithoutWait);
        large_model(cut_amid_writes);
    }

    #[test]
    #[should_panic(expected = "deadlock")]
    fn nudge_that_wakes_nobody_is_found() {
        activate(Plant::MailboxNudgeWithoutWake);
        large_model(cut_of_sleepers);
    }

    #[test]
    #[should_panic(expected = "half a transaction")]
    fn transaction_that_overtakes_a_cut_is_found() {
        activate(Plant::AgendaOvertakes);
        large_model(|| cut_meets_transaction(Parts::Together, First::Cut));
    }

    #[test]
    #[should_panic(expected = "half a transaction")]
    fn parts_that_run_apart_are_found() {
        large_model(|| cut_meets_transaction(Parts::Apart, First::Transaction));
    }
}
