//! How shard sets start and end, well and badly.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail like tests")]

use shard_runtime::{
    Budget, Pinning, Shard, ShardError, ShardSet, ShardSetConfig, Step, Task, spawn_named,
};
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::task::Waker;
use std::thread;
use std::time::Duration;

/// Long enough for anything that works.
const PATIENCE: Duration = Duration::from_mins(1);
/// Short, for what cannot work.
const IN_VAIN: Duration = Duration::from_millis(20);

fn config(shards: usize) -> ShardSetConfig {
    ShardSetConfig {
        shards,
        ..ShardSetConfig::default()
    }
}

/// Holds a shard until the returned end is used or dropped.
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

fn is_poisoned<R>(result: Result<R, ShardError>, expected: (usize, &str)) -> bool {
    matches!(result, Err(ShardError::Poisoned { shard, message })
        if (shard, message.as_str()) == expected)
}

#[test]
fn drop_serves_what_was_sent_and_joins() {
    struct Owned(Arc<AtomicUsize>);
    impl Drop for Owned {
        fn drop(&mut self) {
            assert_eq!(thread::current().name(), Some("owner-0"));
            self.0.fetch_add(1_000_000, Ordering::Relaxed);
        }
    }
    let served = Arc::new(AtomicUsize::new(0));
    let state = Arc::clone(&served);
    let config = ShardSetConfig {
        name: "owner".to_owned(),
        ..config(1)
    };
    let shards = ShardSet::start(config, move |_| Owned(Arc::clone(&state))).unwrap();
    for _ in 0..5000 {
        shards
            .send(0, |shard| {
                shard.state().0.fetch_add(1, Ordering::Relaxed);
            })
            .unwrap();
    }
    drop(shards);
    assert_eq!(served.load(Ordering::Relaxed), 1_005_000);
}

#[test]
fn state_need_not_be_send() {
    let shards = ShardSet::start(config(2), Rc::new).unwrap();
    assert_eq!(shards.call(1, |shard| **shard.state_ref()).unwrap(), 1);
    shards.shutdown(PATIENCE).unwrap();
}

#[test]
fn pinned_shard_with_a_small_stack_serves() {
    let config = ShardSetConfig {
        pin: Pinning::Auto,
        stack_bytes: Some(256 << 10),
        ..config(1)
    };
    let shards = ShardSet::start(config, |index| index).unwrap();
    assert_eq!(shards.call(0, |shard| *shard.state()).unwrap(), 0);
    assert_eq!((shards.len(), shards.is_empty()), (1, false));
}

#[test]
fn unusable_config_is_refused() {
    let no_shards = ShardSet::start(config(0), |_| ()).unwrap_err();
    assert!(matches!(
        no_shards,
        ShardError::ZeroConfig { field: "shards" }
    ));
    let no_room = ShardSetConfig {
        mailbox_messages: 0,
        ..config(1)
    };
    let no_room = ShardSet::start(no_room, |_| ()).unwrap_err();
    assert!(matches!(
        no_room,
        ShardError::ZeroConfig {
            field: "mailbox_messages"
        }
    ));
}

#[test]
fn unknown_shard_is_an_error() {
    let shards = ShardSet::start(config(2), |_| ()).unwrap();
    let error = shards.send(2, |_| ()).unwrap_err();
    assert!(matches!(
        error,
        ShardError::NoSuchShard {
            shard: 2,
            shards: 2
        }
    ));
}

#[test]
fn every_hash_has_a_shard_and_high_bits_decide() {
    let shards = ShardSet::start(config(3), |_| ()).unwrap();
    let third = u64::MAX / 3;
    assert_eq!(
        [0, third, third + 1, 2 * third, 2 * third + 1, u64::MAX].map(|hash| shards.shard_of(hash)),
        [0, 0, 1, 1, 2, 2]
    );
}

#[test]
fn panic_while_building_fails_the_start_and_frees_the_rest() {
    let alive = Arc::new(());
    let state = Arc::clone(&alive);
    let started = ShardSet::start(config(3), move |index| {
        assert_ne!(index, 1, "cannot build");
        Arc::clone(&state)
    });
    let Err(ShardError::Poisoned { shard: 1, message }) = started else {
        panic!("wrong outcome: {started:?}");
    };
    assert!(message.contains("cannot build"));
    assert_eq!(Arc::strong_count(&alive), 1);
}

#[test]
fn panic_poisons_its_shard_and_no_other() {
    let shards = ShardSet::start(config(2), |index| index).unwrap();
    let boom = (0, "boom");
    assert!(is_poisoned(shards.call(0, |_| panic!("boom")), boom));
    assert!(is_poisoned(shards.call(0, |_| ()), boom));
    assert!(is_poisoned(shards.send(0, |_| ()), boom));
    assert!(is_poisoned(shards.cut(PATIENCE, |_| ()), boom));
    assert_eq!(shards.call(1, |shard| *shard.state()).unwrap(), 1);
    assert!(is_poisoned(shards.shutdown(PATIENCE), boom));
}

#[test]
fn all_who_wait_learn_of_the_panic() {
    let config = ShardSetConfig {
        mailbox_messages: 1,
        ..config(1)
    };
    let shards = Arc::new(ShardSet::start(config, |_| ()).unwrap());
    let release = hold(&shards, 0);
    shards.send(0, |_| panic!("boom")).unwrap();
    // These wait for room, those that get in wait for an answer; none ever gets one.
    let waiters: Vec<_> = (0..4)
        .map(|_| {
            let shards = Arc::clone(&shards);
            spawn_named("waiter", move || shards.call(0, |_| ()))
        })
        .collect();
    drop(release);
    for waiter in waiters {
        assert!(is_poisoned(waiter.join().unwrap(), (0, "boom")));
    }
}

#[test]
fn poison_frees_messages_tasks_and_state() {
    struct Idle(#[expect(dead_code, reason = "held to be dropped")] Arc<()>);
    impl Task<Arc<()>> for Idle {
        fn step(&mut self, _: &mut Shard<Arc<()>>, _: &Budget, _: &Waker) -> Step {
            Step::Wait
        }
    }
    let alive = Arc::new(());
    let state = Arc::clone(&alive);
    let shards = ShardSet::start(config(1), move |_| Arc::clone(&state)).unwrap();
    let release = hold(&shards, 0);
    let task = Idle(Arc::clone(&alive));
    shards
        .send(0, move |shard| {
            shard.spawn(task);
        })
        .unwrap();
    shards.send(0, |_| panic!("boom")).unwrap();
    let message = Arc::clone(&alive);
    shards.send(0, move |_| drop(message)).unwrap();
    drop(release);
    assert!(is_poisoned(shards.shutdown(PATIENCE), (0, "boom")));
    assert_eq!(Arc::strong_count(&alive), 1);
}

#[test]
fn panic_of_a_task_poisons() {
    struct Faulty;
    impl Task<()> for Faulty {
        fn step(&mut self, _: &mut Shard<()>, _: &Budget, _: &Waker) -> Step {
            panic!("task {}", 7)
        }
    }
    let shards = ShardSet::start(config(1), |_| ()).unwrap();
    shards
        .send(0, |shard| {
            shard.spawn(Faulty);
        })
        .unwrap();
    assert!(is_poisoned(call_until_it_fails(&shards), (0, "task 7")));
}

/// Calls as long as the shard answers.
fn call_until_it_fails<S: 'static>(shards: &ShardSet<S>) -> Result<(), ShardError> {
    loop {
        shards.call(0, |_| ())?;
    }
}

#[test]
fn panic_while_dropping_the_state_is_reported() {
    struct Bad;
    impl Drop for Bad {
        fn drop(&mut self) {
            panic!("bad drop");
        }
    }
    let shards = ShardSet::start(config(1), |_| Bad).unwrap();
    assert!(is_poisoned(shards.shutdown(PATIENCE), (0, "bad drop")));
}

#[test]
fn stuck_shard_fails_shutdown_and_ends_once_it_is_free() {
    let alive = Arc::new(());
    let state = Arc::clone(&alive);
    let shards = ShardSet::start(config(2), move |_| Arc::clone(&state)).unwrap();
    // The first, so that it is the one that is named, should the other be late as well.
    let release = hold(&shards, 0);
    let error = shards.shutdown(IN_VAIN).unwrap_err();
    assert!(matches!(
        error,
        ShardError::ShutdownTimedOut {
            shard: 0,
            deadline: IN_VAIN
        }
    ));
    drop(release);
    while Arc::strong_count(&alive) > 1 {
        thread::yield_now();
    }
}

#[test]
fn closed_shards_serve_what_they_took_and_take_no_more() {
    let config = ShardSetConfig {
        mailbox_messages: 1,
        ..config(1)
    };
    let shards = Arc::new(ShardSet::start(config, |_| ()).unwrap());
    let release = hold(&shards, 0);
    let (answer, answers) = mpsc::channel();
    shards.send(0, move |_| answer.send(7).unwrap()).unwrap();
    // There is no room for this one, so it waits; or it comes after the close.
    let blocked = {
        let shards = Arc::clone(&shards);
        spawn_named("blocked", move || shards.send(0, |_| ()))
    };
    shards.close();
    let stopped = |error| matches!(error, ShardError::Stopped { shard: 0 });
    assert!(stopped(blocked.join().unwrap().unwrap_err()));
    assert!(stopped(shards.call(0, |_| ()).unwrap_err()));
    assert!(stopped(shards.cut(PATIENCE, |_| ()).unwrap_err()));
    assert!(answers.try_recv().is_err());
    drop(release);
    assert_eq!(answers.recv(), Ok(7));
    assert!(answers.recv().is_err());
    Arc::into_inner(shards).unwrap().shutdown(PATIENCE).unwrap();
}

#[test]
fn shard_threads_are_refused_what_would_block_them() {
    let config = ShardSetConfig {
        mailbox_messages: 2,
        ..config(2)
    };
    let shards = Arc::new(ShardSet::start(config, |_| ()).unwrap());
    let inner = Arc::clone(&shards);
    shards
        .call(1, move |_| {
            let refused = |error| matches!(error, ShardError::OnShardThread { shard: 1 });
            assert!(refused(inner.call(0, |_| ()).unwrap_err()));
            assert!(refused(inner.call(1, |_| ()).unwrap_err()));
            assert!(refused(inner.cut(PATIENCE, |_| ()).unwrap_err()));
            inner.send(1, |_| ()).unwrap();
            inner.send(1, |_| ()).unwrap();
            let full = inner.send(1, |_| ()).unwrap_err();
            assert!(matches!(
                full,
                ShardError::MailboxFull {
                    shard: 1,
                    messages: 2
                }
            ));
        })
        .unwrap();
}

#[test]
fn threads_of_one_set_may_wait_for_another() {
    let front = ShardSet::start(config(1), |_| ()).unwrap();
    let back = Arc::new(ShardSet::start(config(1), |_| 7).unwrap());
    let answer = front
        .call(0, move |_| back.call(0, |shard| *shard.state()).unwrap())
        .unwrap();
    assert_eq!(answer, 7);
}

#[test]
fn last_owner_may_be_a_closure_on_a_shard() {
    let alive = Arc::new(());
    let state = Arc::clone(&alive);
    let shards = Arc::new(ShardSet::start(config(2), move |_| Arc::clone(&state)).unwrap());
    let release = hold(&shards, 0);
    let last = Arc::clone(&shards);
    shards.send(0, move |_| drop(last)).unwrap();
    drop(shards);
    drop(release);
    while Arc::strong_count(&alive) > 1 {
        thread::yield_now();
    }
}
