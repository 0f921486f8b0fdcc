//! What one thread sees, beside the rule as it is written.

use std::collections::VecDeque;
use std::task::Waker;
use std::time::Instant;

use proptest::prelude::*;
use shard_runtime::channel;

use crate::load::{bounds, load};

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
