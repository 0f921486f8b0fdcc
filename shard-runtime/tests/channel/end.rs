//! How a channel ends: cancelled, left by its receiver, or closed by every producer.

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use shard_runtime::{ReceiverDropped, TrySendError, Weighted, channel, spawn_named};

use crate::bell::bell;
use crate::line::await_line;
use crate::load::{Load, bounds, is_full, load};

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
