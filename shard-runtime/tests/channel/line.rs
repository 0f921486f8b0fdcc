//! Those who wait: they keep their order, are woken in time, and can leave.

use std::sync::atomic::Ordering;
use std::task::Waker;
use std::thread;
use std::time::{Duration, Instant};

use shard_runtime::{Sender, channel, spawn_named};

use crate::bell::bell;
use crate::load::{Load, bounds, is_full, load};

/// Waits until this many producers wait in `send`.
pub(crate) fn await_line(sender: &Sender<Load>, producers: usize) {
    while sender.stats().waiting_producers < producers {
        thread::yield_now();
    }
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
