//! The shares of messages and tasks, measured by a clock that does not err.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail like tests")]

use shard_runtime::{
    Budget, Shard, ShardError, ShardSet, ShardSetConfig, Simulation, SimulationHandle, Step, Task,
};
use std::task::Waker;
use std::time::Duration;

/// Virtual time that a shard has given to each side.
#[derive(Clone, Copy, Debug, Default)]
struct Given {
    messages: Duration,
    tasks: Duration,
    /// The longest time between two messages.
    longest_gap: Duration,
    last_message: Duration,
}

impl Given {
    fn tasks_percent(&self) -> f64 {
        100.0 * self.tasks.as_secs_f64() / (self.messages + self.tasks).as_secs_f64()
    }
}

/// Works in pieces for as long as it may, for ever.
struct Pieces {
    sim: SimulationHandle,
    piece: Duration,
}

impl Task<Given> for Pieces {
    fn step(&mut self, shard: &mut Shard<Given>, budget: &Budget, _: &Waker) -> Step {
        loop {
            self.sim.work(self.piece);
            shard.state().tasks += self.piece;
            if budget.is_spent() {
                return Step::Again;
            }
        }
    }
}

/// What one shard does: how long its messages and the pieces of its two tasks take.
#[derive(Clone, Copy)]
struct Load {
    percent: u8,
    messages: u32,
    message: Duration,
    piece: Duration,
}

fn micros(count: u64) -> Duration {
    Duration::from_micros(count)
}

/// Serves a mailbox full of messages beside two tasks, until no message is left.
fn serve(load: Load) -> Given {
    let done = Simulation::new(1)
        .tick(Duration::ZERO)
        .steps_max(20_000_000);
    let done = done.run(move |sim| {
        let config = ShardSetConfig {
            mailbox_messages: 1_000_000,
            task_share_percent: load.percent,
            ..ShardSetConfig::default()
        };
        let shards = ShardSet::start(config, |_| Given::default()).unwrap();
        // Nothing begins before everything is there.
        shards.send(0, move |_| sim.sleep(micros(1))).unwrap();
        shards
            .send(0, move |shard| {
                for _ in 0..2 {
                    let piece = load.piece;
                    shard.spawn(Pieces { sim, piece });
                }
                shard.state().last_message = sim.elapsed();
            })
            .unwrap();
        for _ in 0..load.messages {
            shards
                .send(0, move |shard| {
                    let given = shard.state();
                    let gap = sim.elapsed().saturating_sub(given.last_message);
                    given.longest_gap = given.longest_gap.max(gap);
                    sim.work(load.message);
                    given.messages += load.message;
                    given.last_message = sim.elapsed();
                })
                .unwrap();
        }
        shards.call(0, |shard| *shard.state()).unwrap()
    });
    done.unwrap().result
}

#[test]
fn shares_under_full_load_are_what_the_knob_says() {
    for percent in [1, 5, 20, 50, 80, 95, 99] {
        for (message, piece) in [(1, 1), (7, 3), (130, 2), (3, 170)] {
            let left = 100 - u64::from(percent);
            // A message that earns tasks more than 16 slices cannot be made up for.
            if message * u64::from(percent) / left > 16 * 50 {
                continue;
            }
            // A fifth of a second in all: hundreds of turns.
            let messages = u32::try_from(2_000 * left / message).unwrap();
            let (message, piece) = (micros(message), micros(piece));
            let given = serve(Load {
                percent,
                messages,
                message,
                piece,
            });
            let error = given.tasks_percent() - f64::from(percent);
            assert!(
                error.abs() < 1.0,
                "{percent} %, {message:?}, {piece:?}: {given:?}"
            );
        }
    }
}

#[test]
fn messages_wait_for_one_slice_and_one_piece_at_most() {
    for percent in [1, 20, 80] {
        let given = serve(Load {
            percent,
            messages: 1000,
            message: micros(2),
            piece: micros(4),
        });
        assert!(
            given.longest_gap <= micros(50 + 4),
            "{percent} %: {given:?}"
        );
        assert!(
            given.longest_gap >= micros(50),
            "the slice is not used: {given:?}"
        );
    }
}

#[test]
fn impossible_shares_are_refused() {
    for percent in [0, 100] {
        let config = ShardSetConfig {
            task_share_percent: percent,
            ..ShardSetConfig::default()
        };
        let refused = ShardSet::start(config, |_| ());
        assert!(matches!(refused, Err(ShardError::TaskShare { percent: said }) if said == percent));
    }
}

#[test]
fn who_is_alone_gets_all() {
    let done = Simulation::new(1).tick(Duration::ZERO).run(|sim| {
        let config = ShardSetConfig {
            task_share_percent: 1,
            ..ShardSetConfig::default()
        };
        let shards = ShardSet::start(config, |_| Given::default()).unwrap();
        let spawn = move |shard: &mut Shard<Given>| {
            let piece = micros(10);
            shard.spawn(Pieces { sim, piece });
        };
        shards.call(0, spawn).unwrap();
        sim.sleep(Duration::from_millis(10));
        shards.call(0, |shard| shard.state().tasks).unwrap()
    });
    assert!(done.unwrap().result >= Duration::from_millis(10));
}
