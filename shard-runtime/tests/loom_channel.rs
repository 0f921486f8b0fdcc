//! All schedules of small channels: no blob lost, no close lost, the bound kept, all woken.
//!
//! `RUSTFLAGS="--cfg loom" LOOM_MAX_PREEMPTIONS=2 cargo test -p shard-runtime --release --test
//! loom_channel`. With `--cfg planted` in addition, each model must find its planted bugs.
#![cfg(loom)]
#![expect(
    dead_code,
    unreachable_pub,
    unused_imports,
    reason = "each model takes what it needs of the library's own files"
)]
#![expect(clippy::unwrap_used, reason = "helpers of tests fail like tests")]

#[path = "../src/channel.rs"]
mod channel;
#[path = "../src/channel_error.rs"]
mod channel_error;
#[cfg(planted)]
#[path = "../src/planted.rs"]
mod planted;
#[path = "../src/sync.rs"]
mod sync;
#[path = "../src/weighted_queue.rs"]
mod weighted_queue;

use channel::{ChannelConfig, Receiver, Sender, Weighted, channel as open};
use channel_error::TrySendError;
use loom::thread;
use std::sync::Arc;
use std::task::{Wake, Waker};

/// The `number`th blob of a producer, and its weight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Blob {
    producer: usize,
    number: usize,
    weight: usize,
}

impl Weighted for Blob {
    fn weight_bytes(&self) -> usize {
        self.weight
    }
}

fn light(producer: usize, number: usize) -> Blob {
    Blob {
        producer,
        number,
        weight: 1,
    }
}

fn pair(capacity_bytes: usize) -> (Sender<Blob>, Receiver<Blob>) {
    open(ChannelConfig {
        capacity_bytes,
        reserved_bytes: 0,
    })
}

/// Receives to the end; every producer's blobs must come in order.
fn drain<const PRODUCERS: usize>(receiver: &Receiver<Blob>) -> [usize; PRODUCERS] {
    let mut counts = [0; PRODUCERS];
    while let Some(blob) = receiver.recv().unwrap() {
        assert_eq!(blob.number, counts[blob.producer], "out of order");
        counts[blob.producer] += 1;
    }
    counts
}

fn two_producers_share_a_narrow_channel() {
    let (sender, receiver) = pair(1);
    let other = sender.clone();
    let producers = [
        thread::spawn(move || {
            sender.send(light(0, 0)).unwrap();
            sender.send(light(0, 1)).unwrap();
        }),
        thread::spawn(move || other.send(light(1, 0)).unwrap()),
    ];
    assert_eq!(drain(&receiver), [2, 1]);
    assert_eq!(receiver.stats().high_water_bytes, 1);
    for producer in producers {
        producer.join().unwrap();
    }
}

fn one_producer_closes() {
    let (sender, receiver) = pair(8);
    let producer = thread::spawn(move || {
        sender.send(light(0, 0)).unwrap();
        sender.send(light(0, 1)).unwrap();
        drop(sender);
    });
    assert_eq!(drain(&receiver), [2]);
    producer.join().unwrap();
}

fn cancel_meets_two_who_wait_for_room() {
    let (sender, receiver) = pair(1);
    sender.send(light(0, 0)).unwrap();
    let senders = [sender.clone(), sender.clone()];
    let blocked = senders.map(|sender| {
        thread::spawn(move || {
            let error = sender.send(light(0, 1)).unwrap_err();
            assert_eq!(error.cancelled.cause.to_string(), "enough");
        })
    });
    sender.cancel("enough");
    for blocked in blocked {
        blocked.join().unwrap();
    }
    assert!(receiver.recv().is_err());
}

fn cancel_meets_the_consumer() {
    let (sender, receiver) = pair(1);
    let consumer = thread::spawn(move || assert!(receiver.recv().is_err()));
    sender.cancel("enough");
    consumer.join().unwrap();
}

fn receiver_is_dropped_while_a_producer_sends() {
    let (sender, receiver) = pair(1);
    let producer = thread::spawn(move || {
        let sent = (0..3)
            .take_while(|&number| sender.send(light(0, number)).is_ok())
            .count();
        assert!(sent <= 2);
    });
    assert_eq!(receiver.recv().unwrap(), Some(light(0, 0)));
    drop(receiver);
    producer.join().unwrap();
}

struct Unpark(thread::Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

fn task_tries_again_when_woken() {
    let (sender, receiver) = pair(1);
    let producer = thread::spawn(move || {
        let waker = Waker::from(Arc::new(Unpark(thread::current())));
        for number in 0..2 {
            while let Err(error) = sender.try_send(light(0, number), &waker) {
                assert!(matches!(error, TrySendError::Full(_)));
                thread::park();
            }
        }
    });
    assert_eq!(drain(&receiver), [2]);
    assert_eq!(receiver.stats().high_water_bytes, 1);
    producer.join().unwrap();
}

fn oversize_blob_meets_a_light_one() {
    let (sender, receiver) = pair(2);
    let other = sender.clone();
    let producers = [
        thread::spawn(move || {
            let heavy = Blob {
                weight: 9,
                ..light(0, 0)
            };
            sender.send(heavy).unwrap();
        }),
        thread::spawn(move || other.send(light(1, 0)).unwrap()),
    ];
    assert_eq!(drain(&receiver), [1, 1]);
    assert_eq!(receiver.stats().high_water_bytes, 9, "it was not alone");
    for producer in producers {
        producer.join().unwrap();
    }
}

#[cfg(not(planted))]
mod sound {
    use super::*;

    #[test]
    fn nothing_is_lost_in_a_narrow_channel() {
        loom::model(two_producers_share_a_narrow_channel);
    }

    #[test]
    fn close_is_seen() {
        loom::model(one_producer_closes);
    }

    #[test]
    fn cancel_frees_all_producers() {
        loom::model(cancel_meets_two_who_wait_for_room);
    }

    #[test]
    fn cancel_frees_the_consumer() {
        loom::model(cancel_meets_the_consumer);
    }

    #[test]
    fn dropped_receiver_frees_the_producer() {
        loom::model(receiver_is_dropped_while_a_producer_sends);
    }

    #[test]
    fn refused_task_is_woken() {
        loom::model(task_tries_again_when_woken);
    }

    #[test]
    fn oversize_blob_is_alone() {
        loom::model(oversize_blob_meets_a_light_one);
    }
}

#[cfg(planted)]
mod planted_bugs {
    use super::*;
    use planted::{Plant, activate};

    #[test]
    #[should_panic(expected = "deadlock")]
    fn check_then_wait_is_found() {
        activate(Plant::ChannelCheckThenWait);
        loom::model(one_producer_closes);
    }

    #[test]
    #[should_panic(expected = "out of order")]
    fn youngest_first_is_found() {
        activate(Plant::ChannelYoungestFirst);
        loom::model(one_producer_closes);
    }

    #[test]
    #[should_panic(expected = "deadlock")]
    fn close_without_wake_is_found() {
        activate(Plant::ChannelCloseWithoutWake);
        loom::model(one_producer_closes);
    }

    #[test]
    #[should_panic(expected = "right: [2, 1]")]
    fn close_counted_twice_is_found() {
        activate(Plant::ChannelCloseTwice);
        loom::model(two_producers_share_a_narrow_channel);
    }

    #[test]
    #[should_panic(expected = "deadlock")]
    fn release_without_wake_is_found() {
        activate(Plant::ChannelReleaseWithoutWake);
        loom::model(two_producers_share_a_narrow_channel);
    }

    #[test]
    #[should_panic(expected = "deadlock")]
    fn release_without_waker_is_found() {
        activate(Plant::ChannelReleaseWithoutWaker);
        loom::model(task_tries_again_when_woken);
    }

    #[test]
    #[should_panic(expected = "deadlock")]
    fn late_waker_is_found() {
        activate(Plant::ChannelLateWaker);
        loom::model(task_tries_again_when_woken);
    }

    #[test]
    #[should_panic(expected = "deadlock")]
    fn cancel_without_wake_is_found() {
        activate(Plant::ChannelCancelWithoutWake);
        loom::model(cancel_meets_two_who_wait_for_room);
    }

    #[test]
    #[should_panic(expected = "left: 2")]
    fn late_entry_is_found() {
        activate(Plant::ChannelLateEntry);
        loom::model(two_producers_share_a_narrow_channel);
    }
}
