//! Many producers at once.

use std::sync::Arc;
use std::task::{Wake, Waker};
use std::thread;

use shard_runtime::{Sender, TrySendError, channel, spawn_named};

use crate::load::{Load, bounds};

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
