//! Full mailboxes, tickets and broadcasts: what senders are told, and when.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail like tests")]

use shard_runtime::{
    Budget, Shard, ShardError, ShardSet, ShardSetConfig, Step, Task, Ticket, WhenFull, spawn_named,
};
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;
use std::time::Duration;

/// Long enough for anything that works.
const PATIENCE: Duration = Duration::from_mins(1);
/// Short, for what cannot work.
const IN_VAIN: Duration = Duration::from_millis(10);

fn start(when_full: WhenFull) -> Arc<ShardSet<Vec<u32>>> {
    let config = ShardSetConfig {
        shards: 2,
        mailbox_messages: 2,
        when_full,
        ..ShardSetConfig::default()
    };
    Arc::new(ShardSet::start(config, |_| Vec::new()).unwrap())
}

/// Holds a shard until the returned end is dropped.
fn hold<S: 'static>(shards: &ShardSet<S>, shard: usize) -> mpsc::Sender<()> {
    let (release, released) = mpsc::channel::<()>();
    let (arrive, arrived) = mpsc::channel();
    shards
        .send(shard, move |_| {
            arrive.send(()).unwrap();
            released.recv().ok();
        })
        .unwrap();
    arrived.recv().unwrap();
    release
}

fn is_full(error: &ShardError) -> bool {
    let expected = ShardError::MailboxFull {
        shard: 0,
        messages: 2,
    };
    error.to_string() == expected.to_string()
}

fn note(number: u32) -> impl FnOnce(&mut Shard<Vec<u32>>) + Send + 'static {
    move |shard| shard.state().push(number)
}

fn noted(shards: &ShardSet<Vec<u32>>) -> Vec<u32> {
    shards.call(0, |shard| shard.state().clone()).unwrap()
}

/// Awaits a future on this thread.
fn block_on<F: Future + Unpin>(mut future: F) -> F::Output {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    loop {
        match Pin::new(&mut future).poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(output) => return output,
            Poll::Pending => std::thread::park(),
        }
    }
}

#[test]
fn refusing_set_refuses_and_goes_on() {
    let shards = start(WhenFull::Refuse);
    let release = hold(&shards, 0);
    shards.send(0, note(1)).unwrap();
    let ticket = shards.submit(0, |shard| shard.state().push(2)).unwrap();
    assert!(is_full(&shards.send(0, note(3)).unwrap_err()));
    assert!(is_full(&shards.call(0, |_| ()).unwrap_err()));
    assert!(is_full(&shards.submit(0, |_| ()).unwrap_err()));
    shards.call(1, |_| ()).unwrap();
    drop(release);
    ticket.wait().unwrap();
    assert_eq!(noted(&shards), [1, 2]);
}

#[test]
fn waiting_set_waits_for_room() {
    let shards = start(WhenFull::Wait);
    let release = hold(&shards, 0);
    let sender = {
        let shards = Arc::clone(&shards);
        spawn_named("sender", move || {
            (0..6).for_each(|number| shards.send(0, note(number)).unwrap());
        })
    };
    drop(release);
    sender.join().unwrap();
    assert_eq!(noted(&shards), [0, 1, 2, 3, 4, 5]);
}

#[test]
fn try_send_gives_the_closure_back() {
    let shards = start(WhenFull::Wait);
    let release = hold(&shards, 0);
    shards.try_send(0, note(1)).unwrap();
    shards.try_send(0, note(2)).unwrap();
    let not_sent = shards.try_send(0, note(3)).unwrap_err();
    assert!(is_full(&not_sent.error));
    drop(release);
    shards.send(0, not_sent.closure).unwrap();
    assert_eq!(noted(&shards), [1, 2, 3]);
    let nowhere = shards.try_send(7, note(4)).unwrap_err();
    assert!(matches!(
        nowhere.error,
        ShardError::NoSuchShard {
            shard: 7,
            shards: 2
        }
    ));
}

#[test]
fn send_within_gives_the_closure_back_when_its_time_is_up() {
    let shards = start(WhenFull::Wait);
    let release = hold(&shards, 0);
    shards.send_within(0, PATIENCE, note(1)).unwrap();
    shards.send_within(0, Duration::MAX, note(2)).unwrap();
    let not_sent = shards.send_within(0, IN_VAIN, note(3)).unwrap_err();
    assert!(is_full(&not_sent.error));
    let waiting = {
        let shards = Arc::clone(&shards);
        spawn_named("waiting", move || {
            shards.send_within(0, PATIENCE, not_sent.closure).is_ok()
        })
    };
    drop(release);
    assert!(waiting.join().unwrap());
    assert_eq!(noted(&shards), [1, 2, 3]);
}

#[test]
fn try_submit_gives_the_closure_back_and_it_can_still_answer() {
    let shards = start(WhenFull::Wait);
    let release = hold(&shards, 0);
    let tickets = [1, 2].map(|answer| shards.try_submit(0, move |_| answer).unwrap());
    let not_sent = shards.try_submit(0, |_| 3).unwrap_err();
    assert!(is_full(&not_sent.error));
    drop(release);
    assert_eq!(tickets.map(|ticket| ticket.wait().unwrap()), [1, 2]);
    let ticket = shards.submit(0, not_sent.closure).unwrap();
    assert_eq!(block_on(ticket).unwrap(), 3);
    shards.close();
    let stopped = shards.try_submit(0, |_| 4).unwrap_err();
    assert!(matches!(
        ShardError::from(stopped),
        ShardError::Stopped { shard: 0 }
    ));
}

#[test]
fn ticket_is_looked_at_waited_for_and_awaited() {
    let shards = start(WhenFull::Wait);
    let release = hold(&shards, 0);
    let mut ticket = shards.submit(0, |shard| shard.index() + 7).unwrap();
    assert_eq!(ticket.shard(), 0);
    assert!(ticket.try_take().is_none());
    assert!(ticket.wait_timeout(IN_VAIN).is_none());
    drop(release);
    assert_eq!(ticket.wait_timeout(PATIENCE).unwrap().unwrap(), 7);
    let taken = |error| matches!(error, ShardError::AnswerTaken { shard: 0 });
    assert!(taken(ticket.try_take().unwrap().unwrap_err()));
    assert!(taken(block_on(&mut ticket).unwrap_err()));
    assert!(taken(ticket.wait().unwrap_err()));
    assert_eq!(block_on(shards.submit(1, |_| 8).unwrap()).unwrap(), 8);
}

#[test]
fn dropped_ticket_gives_up_the_answer_and_not_the_closure() {
    struct Answer(#[expect(dead_code, reason = "held to be dropped")] Arc<()>);
    let shards = start(WhenFull::Wait);
    let alive = Arc::new(());
    let held = Arc::clone(&alive);
    let release = hold(&shards, 0);
    let ticket = shards.submit(0, move |shard| {
        shard.state().push(1);
        Answer(held)
    });
    drop(ticket);
    drop(release);
    assert_eq!(noted(&shards), [1]);
    assert_eq!(Arc::strong_count(&alive), 1);
}

#[test]
fn ticket_of_a_panic_names_it_before_the_shard_has_ended() {
    let shards = start(WhenFull::Wait);
    let release = hold(&shards, 0);
    let boom = shards.submit(0, |_| panic!("boom")).unwrap();
    let behind = shards.submit(0, |_| ()).unwrap();
    drop(release);
    for result in [block_on(boom), block_on(behind)] {
        let Err(ShardError::Poisoned { shard: 0, message }) = result else {
            panic!("wrong outcome: {result:?}");
        };
        assert_eq!(message, "boom");
    }
}

#[test]
fn tickets_outlive_the_set() {
    let shards = start(WhenFull::Wait);
    let ticket = shards.submit(1, |shard| shard.index()).unwrap();
    let release = hold(&shards, 0);
    let mut held: Ticket<()> = shards.submit(0, |_| panic!("late")).unwrap();
    assert!(held.try_take().is_none());
    drop(release);
    drop(shards);
    assert_eq!(ticket.wait().unwrap(), 1);
    assert!(matches!(
        held.wait(),
        Err(ShardError::Poisoned { shard: 0, .. })
    ));
}

#[test]
fn shard_thread_may_submit_and_poll_and_must_not_wait() {
    /// Awaits another shard's answer without holding its own shard.
    struct Ask {
        ticket: Ticket<u32>,
        answer: mpsc::Sender<u32>,
    }
    impl Task<Vec<u32>> for Ask {
        fn step(&mut self, _: &mut Shard<Vec<u32>>, _: &Budget, waker: &Waker) -> Step {
            match Pin::new(&mut self.ticket).poll(&mut Context::from_waker(waker)) {
                Poll::Pending => Step::Wait,
                Poll::Ready(answer) => {
                    self.answer.send(answer.unwrap()).unwrap();
                    Step::Done
                }
            }
        }
    }
    let shards = start(WhenFull::Wait);
    let release = hold(&shards, 1);
    let inner = Arc::clone(&shards);
    let (answer, answered) = mpsc::channel();
    shards
        .call(0, move |shard| {
            let waited = inner.submit(1, |_| 1).unwrap().wait();
            assert!(matches!(
                waited,
                Err(ShardError::OnShardThread { shard: 0 })
            ));
            let ticket = inner.submit(1, |_| 42).unwrap();
            shard.spawn(Ask { ticket, answer });
            let everywhere = inner.broadcast(|_| ());
            assert!(everywhere.iter().all(Result::is_err));
        })
        .unwrap();
    // The shard that asked goes on serving.
    assert_eq!(shards.call(0, |_| 7).unwrap(), 7);
    drop(release);
    assert_eq!(answered.recv().unwrap(), 42);
}

#[test]
fn broadcast_answers_for_each_shard() {
    let config = ShardSetConfig {
        shards: 3,
        ..ShardSetConfig::default()
    };
    let shards = ShardSet::start(config, |index| index).unwrap();
    let ran = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&ran);
    let results = shards.broadcast(move |shard| {
        count.fetch_add(1, Ordering::Relaxed);
        assert_ne!(shard.index(), 1, "not here");
        *shard.state() * 10
    });
    assert_eq!(ran.load(Ordering::Relaxed), 3);
    let [
        Ok(0),
        Err(ShardError::Poisoned { shard: 1, message }),
        Ok(20),
    ] = results.as_slice()
    else {
        panic!("wrong results: {results:?}");
    };
    assert!(message.contains("not here"));
}

#[test]
fn many_threads_await_many_tickets() {
    let shards = start(WhenFull::Wait);
    let clients: Vec<_> = (0..4_u32)
        .map(|client| {
            let shards = Arc::clone(&shards);
            spawn_named("client", move || {
                for number in 0..500 {
                    let shard = (client + number) as usize % 2;
                    let mut ticket = shards.submit(shard, move |_| number).unwrap();
                    let answer = match number % 3 {
                        0 => ticket.wait(),
                        1 => block_on(ticket),
                        _ => ticket.wait_timeout(PATIENCE).unwrap(),
                    };
                    assert_eq!(answer.unwrap(), number);
                }
            })
        })
        .collect();
    for client in clients {
        client.join().unwrap();
    }
}
