//! What fits: weight counts until its consumer is done with it.

use std::task::Waker;
use std::time::Instant;

use shard_runtime::{RecvDeadlineError, channel, spawn_named};

use crate::bell::bell;
use crate::load::{bounds, is_full, load};

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
