//! All schedules of a small pool: every job is done once, no result and no end is lost.
//!
//! `RUSTFLAGS="--cfg loom" LOOM_MAX_PREEMPTIONS=2 cargo test -p aligned-io --release --test
//! loom_exchange`. With `--cfg planted` in addition, each model must find its planted bugs.
#![cfg(loom)]
#![expect(
    dead_code,
    reason = "the model takes what it needs of the library's own files"
)]

#[path = "../src/exchange.rs"]
mod exchange;
#[cfg(planted)]
#[path = "../src/planted.rs"]
mod planted;
#[path = "../src/sync.rs"]
mod sync;

use std::sync::Arc;

use exchange::Exchange;
use loom::thread;

type Doubling = Exchange<u32, u32>;

fn work(exchange: &Doubling) {
    while let Some(job) = exchange.next_job() {
        exchange.deliver(job * 2);
    }
}

/// Two workers and two jobs; the owner waits for both results and ends the pool.
fn all_jobs_come_back() {
    let exchange = Arc::new(Doubling::new());
    let workers: Vec<_> = (0..2)
        .map(|_| {
            let exchange = Arc::clone(&exchange);
            thread::spawn(move || work(&exchange))
        })
        .collect();
    exchange.post(1);
    exchange.post(2);
    let mut results = [exchange.wait_result(), exchange.wait_result()];
    results.sort_unstable();
    assert_eq!(results, [Some(2), Some(4)]);
    assert!(exchange.close().is_empty());
    for worker in workers {
        worker
            .join()
            .unwrap_or_else(|_| panic!("a worker panicked"));
    }
    assert_eq!(exchange.try_result(), None);
}

/// The owner ends the pool at any moment: a job was done, or comes back undone.
fn close_gives_back_what_nobody_began() {
    let exchange = Arc::new(Doubling::new());
    let worker = {
        let exchange = Arc::clone(&exchange);
        thread::spawn(move || work(&exchange))
    };
    exchange.post(1);
    exchange.post(2);
    let undone = exchange.close().len();
    worker
        .join()
        .unwrap_or_else(|_| panic!("a worker panicked"));
    let mut done = 0;
    while exchange.try_result().is_some() {
        done += 1;
    }
    assert_eq!(done + undone, 2);
}

/// A worker is lost while the owner waits.
fn lost_worker_ends_the_wait() {
    let exchange = Arc::new(Doubling::new());
    let worker = {
        let exchange = Arc::clone(&exchange);
        thread::spawn(move || {
            exchange.next_job();
            exchange.lose_worker();
        })
    };
    exchange.post(1);
    assert_eq!(exchange.wait_result(), None);
    worker
        .join()
        .unwrap_or_else(|_| panic!("a worker panicked"));
}

#[cfg(not(planted))]
mod sound {
    #[test]
    fn all_jobs_come_back() {
        loom::model(super::all_jobs_come_back);
    }

    #[test]
    fn close_gives_back_what_nobody_began() {
        loom::model(super::close_gives_back_what_nobody_began);
    }

    #[test]
    fn lost_worker_ends_the_wait() {
        loom::model(super::lost_worker_ends_the_wait);
    }
}

#[cfg(planted)]
mod planted_bugs {
    use super::planted::{Plant, activate};

    fn find(plant: Plant, model: fn()) {
        activate(plant);
        loom::model(model);
    }

    #[test]
    #[should_panic(expected = "deadlock")]
    fn check_then_wait_is_found() {
        find(Plant::CheckThenWait, super::all_jobs_come_back);
    }

    #[test]
    #[should_panic(expected = "deadlock")]
    fn close_that_wakes_one_is_found() {
        find(Plant::CloseWakesOne, super::all_jobs_come_back);
    }

    #[test]
    #[should_panic(expected = "deadlock")]
    fn silent_loss_is_found() {
        find(Plant::LossWithoutWake, super::lost_worker_ends_the_wait);
    }
}
