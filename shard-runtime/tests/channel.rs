//! The channel keeps its bound, its order and its promises to those who wait.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail like tests")]

use proptest::prelude::*;
use shard_runtime::{
    ChannelConfig, ReceiverDropped, RecvDeadlineError, Sender, TrySendError, Weighted, channel,
    spawn_named,
};
use std::collections::VecDeque;
use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Wake, Waker};
use std::thread;
use std::time::{Duration, Instant};

/// A message that weighs what it says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Load {
    producer: usize,
    number: usize,
    weight: usize,
}

impl Weighted for Load {
    fn weight_bytes(&self) -> usize {
        self.weight
    }
}

fn load(weight: usize) -> Load {
    Load {
        producer: 0,
        number: 0,
        weight,
    }
}

fn bounds(capacity_bytes: usize, reserved_bytes: usize) -> ChannelConfig {
    ChannelConfig {
        capacity_bytes,
        reserved_bytes,
    }
}

/// Counts its wake-ups.
#[derive(Default)]
struct Bell(AtomicUsize);

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

fn bell() -> (Arc<Bell>, Waker) {
    let bell = Arc::new(Bell::default());
    (Arc::clone(&bell), Waker::from(bell))
}

fn is_full(result: &Result<(), TrySendError<Load>>) -> bool {
    matches!(result, Err(TrySendError::Full(_)))
}

/// Waits until this many producers wait in `send`.
fn await_line(sender: &Sender<Load>, producers: usize) {
    while sender.stats().waiting_producers < producers {
        thread::yield_now();
    }
}

#[test]
fn weight_counts_until_the_next_recv() {
    let (sender, receiver) = channel(bounds(10, 0));
    let (_, waker) = bell();
    sender.send(load(6)).unwrap();
    assert!(is_full(&sender.try_send(load(5), &waker)));
    receiver.recv().unwrap().unwrap();
    assert!(
        is_full(&sender.try_send(load(5), &waker)),
        "it is in the consumer's hand"
    );
    let now = Instant::now();
    assert!(matches!(
        receiver.recv_deadline(now),
        Err(RecvDeadlineError::TimedOut)
    ));
    sender.try_send(load(5), &waker).unwrap();
    assert_eq!(receiver.recv().unwrap(), Some(load(5)));
    receiver.release();
    sender.try_send(load(10), &waker).unwrap();
    let stats = sender.stats();
    assert_eq!(
        (
            stats.queued_bytes,
            stats.in_hand_bytes,
            stats.high_water_bytes
        ),
        (10, 0, 10)
    );
    assert_eq!((stats.messages, stats.refused), (3, 2));
}

#[test]
fn reserve_is_for_send_alone() {
    let (sender, _receiver) = channel(bounds(10, 4));
    sender.try_send(load(6), Waker::noop()).unwrap();
    assert!(is_full(&sender.try_send(load(1), Waker::noop())));
    sender.send(load(4)).unwrap();
    assert_eq!(sender.stats().queued_bytes, 10);
}

#[test]
fn oversize_message_passes_alone() {
    let (sender, receiver) = channel(bounds(10, 4));
    sender.try_send(load(100), Waker::noop()).unwrap();
    assert!(is_full(&sender.try_send(load(0), Waker::noop())));
    let second = {
        let sender = sender.clone();
        spawn_named("second", move || sender.send(load(200)).unwrap())
    };
    drop(sender);
    assert_eq!(receiver.recv().unwrap(), Some(load(100)));
    assert_eq!(receiver.recv().unwrap(), Some(load(200)));
    assert_eq!(receiver.recv().unwrap(), None);
    second.join().unwrap();
    assert_eq!(receiver.stats().high_water_bytes, 200);
}

#[test]
fn heavy_message_in_line_is_not_overtaken() {
    for _ in 0..20 {
        let (sender, receiver) = channel(bounds(10, 0));
        sender.send(load(6)).unwrap();
        let mut waiting = Vec::new();
        for (ahead, weight) in [9, 2].into_iter().enumerate() {
            let other = sender.clone();
            waiting.push(spawn_named("waits", move || {
                other.send(load(weight)).unwrap();
            }));
            await_line(&sender, ahead + 1);
        }
        // Both of these would fit, but the heavy one is first. The second leaves the line again,
        // which makes all in it look for room.
        assert!(is_full(&sender.try_send(load(1), Waker::noop())));
        assert!(is_full(&sender.send_deadline(load(1), Instant::now())));
        drop(sender);
        let weights: Vec<_> = std::iter::from_fn(|| receiver.recv().unwrap())
            .map(|load| load.weight)
            .collect();
        assert_eq!(weights, [6, 9, 2]);
        for waits in waiting {
            waits.join().unwrap();
        }
        assert!(receiver.stats().blocked > Duration::ZERO);
    }
}

#[test]
fn waker_is_woken_once_half_is_free() {
    let (sender, receiver) = channel(bounds(8, 0));
    let (rung, waker) = bell();
    for _ in 0..8 {
        sender.try_send(load(1), &waker).unwrap();
    }
    assert!(is_full(&sender.try_send(load(1), &waker)));
    assert!(is_full(&sender.try_send(load(1), &waker)));
    let mut rings = Vec::new();
    for _ in 0..6 {
        receiver.recv().unwrap().unwrap();
        rings.push(rung.0.load(Ordering::Relaxed));
    }
    assert_eq!(rings, [0, 0, 0, 0, 1, 1]);
}

#[test]
fn cancel_wakes_all_and_hands_the_messages_back() {
    let (sender, receiver) = channel(bounds(1, 0));
    sender.send(load(1)).unwrap();
    let (rung, waker) = bell();
    assert!(is_full(&sender.try_send(load(1), &waker)));
    let blocked: Vec<_> = (0..3)
        .map(|producer| {
            let sender = sender.clone();
            spawn_named("blocked", move || {
                sender.send(Load {
                    producer,
                    ..load(7)
                })
            })
        })
        .collect();
    await_line(&sender, 3);
    sender.cancel("disk is gone");
    sender.cancel("too late");
    for (producer, blocked) in blocked.into_iter().enumerate() {
        let error = blocked.join().unwrap().unwrap_err();
        assert_eq!(
            error.message,
            Load {
                producer,
                ..load(7)
            }
        );
        assert_eq!(error.cancelled.cause.to_string(), "disk is gone");
    }
    assert_eq!(rung.0.load(Ordering::Relaxed), 1);
    let error = receiver.recv().unwrap_err();
    assert_eq!(error.source().unwrap().to_string(), "disk is gone");
    let refused = sender.try_send(load(1), &waker).unwrap_err();
    assert!(matches!(refused, TrySendError::Cancelled(_)));
    assert!(sender.is_cancelled() && receiver.is_cancelled());
}

#[test]
fn cancel_wakes_the_consumer() {
    let (sender, receiver) = channel::<Load>(bounds(1, 0));
    let consumer = spawn_named("consumer", move || receiver.recv());
    sender.cancel(std::io::Error::other("stop"));
    let cause = consumer.join().unwrap().unwrap_err().cause;
    assert!(cause.downcast_ref::<std::io::Error>().is_some());
}

#[test]
fn dropped_receiver_frees_senders_and_messages() {
    let (sender, receiver) = channel(bounds(1, 0));
    sender.send(vec![0_u8; 8]).unwrap();
    let blocked = {
        let sender = sender.clone();
        spawn_named("blocked", move || sender.send(vec![1; 8]).unwrap_err())
    };
    drop(receiver);
    let cause = blocked.join().unwrap().cancelled.cause;
    assert_eq!(cause.downcast_ref(), Some(&ReceiverDropped));
    assert_eq!(sender.stats().queued_bytes, 0);
}

#[test]
fn consumer_that_panics_frees_the_producers() {
    let (sender, receiver) = channel(bounds(1, 0));
    let consumer = spawn_named("consumer", move || {
        receiver.recv().unwrap().unwrap();
        panic!("no disk");
    });
    let sent = (0..10).take_while(|_| sender.send(load(1)).is_ok()).count();
    assert!(sent <= 2);
    consumer.join().unwrap_err();
}

#[test]
fn send_deadline_hands_the_message_back_and_leaves_the_line() {
    let (sender, receiver) = channel(bounds(4, 0));
    sender.send(load(4)).unwrap();
    let soon = Instant::now() + Duration::from_millis(5);
    assert!(is_full(&sender.send_deadline(load(2), soon)));
    assert_eq!(receiver.recv().unwrap(), Some(load(4)));
    receiver.release();
    sender.send_deadline(load(2), soon).unwrap();
    sender.try_send(load(2), Waker::noop()).unwrap();
}

#[test]
fn every_producer_must_close() {
    let (sender, receiver) = channel(bounds(10, 0));
    let other = sender.clone();
    drop(sender);
    other.send(load(3)).unwrap();
    drop(other);
    assert_eq!(receiver.recv().unwrap(), Some(load(3)));
    assert_eq!(receiver.recv().unwrap(), None);
    assert_eq!(receiver.recv().unwrap(), None);
}

/// Sends numbered loads of changing weight, now with `send`, now with `try_send`.
fn produce(sender: &Sender<Load>, producer: usize, count: usize) {
    let current = thread::current();
    let waker = Waker::from(Arc::new(Unpark(current)));
    for number in 0..count {
        let weight = (number * 7 + producer * 13) % 40;
        let mut load = Load {
            producer,
            number,
            weight,
        };
        if number % 3 == 0 {
            sender.send(load).unwrap();
            continue;
        }
        while let Err(TrySendError::Full(back)) = sender.try_send(load, &waker) {
            load = back;
            thread::park();
        }
    }
}

struct Unpark(thread::Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

#[test]
fn storm_of_producers_keeps_bound_and_order() {
    const COUNT: usize = 5000;
    for config in [bounds(100, 30), bounds(64, 64), bounds(0, 0)] {
        let (sender, receiver) = channel(config);
        let producers: Vec<_> = (0..4)
            .map(|producer| {
                let sender = sender.clone();
                spawn_named("producer", move || produce(&sender, producer, COUNT))
            })
            .collect();
        drop(sender);
        let mut next = [0; 4];
        while let Some(load) = receiver.recv().unwrap() {
            assert_eq!(load.number, next[load.producer]);
            next[load.producer] += 1;
        }
        assert_eq!(next, [COUNT; 4]);
        for producer in producers {
            producer.join().unwrap();
        }
        let stats = receiver.stats();
        // No load is heavier than 39.
        assert!(stats.high_water_bytes <= config.capacity_bytes.max(39));
        assert_eq!((stats.queued_bytes, stats.in_hand_bytes), (0, 0));
        assert_eq!(stats.messages, 4 * 5000);
    }
}

#[derive(Clone, Copy, Debug)]
enum Action {
    TrySend(usize),
    Recv,
    Release,
}

fn action() -> impl Strategy<Value = Action> {
    prop_oneof![
        3 => (0_usize..30).prop_map(Action::TrySend),
        2 => Just(Action::Recv),
        1 => Just(Action::Release),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn one_thread_sees_the_rule_as_written(
        capacity in 0_usize..60,
        reserved in 0_usize..60,
        actions in prop::collection::vec(action(), 0..100),
    ) {
        let (sender, receiver) = channel(bounds(capacity, reserved));
        let mut queue = VecDeque::new();
        let mut in_hand = 0;
        for action in actions {
            match action {
                Action::TrySend(weight) => {
                    let used = queue.iter().sum::<usize>() + in_hand;
                    let fits = used == 0 || used + weight <= capacity.saturating_sub(reserved);
                    let sent = sender.try_send(load(weight), Waker::noop()).is_ok();
                    prop_assert_eq!(sent, fits);
                    if sent {
                        queue.push_back(weight);
                    }
                }
                Action::Recv => {
                    let received = receiver.recv_deadline(Instant::now());
                    in_hand = queue.pop_front().unwrap_or(0);
                    let received = received.ok().flatten().map_or(0, |load| load.weight);
                    prop_assert_eq!(received, in_hand);
                }
                Action::Release => {
                    receiver.release();
                    in_hand = 0;
                }
            }
            let stats = receiver.stats();
            prop_assert_eq!(stats.queued_bytes, queue.iter().sum::<usize>());
            prop_assert_eq!(stats.in_hand_bytes, in_hand);
        }
    }
}

#[test]
fn what_a_producer_cancels_is_dropped_by_the_receiver() {
    struct Counted(Arc<AtomicUsize>);
    impl Drop for Counted {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
    impl Weighted for Counted {
        fn weight_bytes(&self) -> usize {
            1
        }
    }
    let dropped = Arc::new(AtomicUsize::new(0));
    let (sender, receiver) = channel(bounds(10, 0));
    sender.send(Counted(Arc::clone(&dropped))).ok().unwrap();
    sender.cancel("enough");
    assert_eq!(dropped.load(Ordering::Relaxed), 0);
    assert!(receiver.recv().is_err());
    assert_eq!(dropped.load(Ordering::Relaxed), 1);

    let (sender, receiver) = channel(bounds(10, 0));
    sender.send(Counted(Arc::clone(&dropped))).ok().unwrap();
    sender.cancel("enough");
    receiver.monitor().cancel("enough, and at once");
    assert_eq!(dropped.load(Ordering::Relaxed), 2);
}
