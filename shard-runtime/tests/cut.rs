//! A cut is one moment: nothing after it is in, nothing before it is out.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail like tests")]

use shard_runtime::{ShardError, ShardSet, ShardSetConfig, spawn_named};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

/// Long enough for anything that works.
const PATIENCE: Duration = Duration::from_mins(1);
/// Short, for what cannot work.
const IN_VAIN: Duration = Duration::from_millis(20);

fn start<S: 'static>(shards: usize, state: fn() -> S) -> Arc<ShardSet<S>> {
    let config = ShardSetConfig {
        shards,
        mailbox_messages: 16,
        ..ShardSetConfig::default()
    };
    Arc::new(ShardSet::start(config, move |_| state()).unwrap())
}

/// Holds a shard until the returned end is dropped.
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

/// Writes 1, 2, 3, … to the two shards in turn, each after the one before was acknowledged.
fn write_in_turn(
    shards: &ShardSet<Vec<usize>>,
    pair: [usize; 2],
    client: usize,
    stop: &AtomicBool,
) {
    let mut number = 0;
    while !stop.load(Ordering::Relaxed) {
        number += 1;
        shards
            .call(pair[number % 2], move |shard| {
                shard.state()[client] = number;
            })
            .unwrap();
    }
}

#[test]
fn cut_never_has_the_later_write_without_the_earlier() {
    // Many more shards than cores: handing out the cut takes long enough for a client to write to
    // the first shard and then to the last.
    const SHARDS: usize = 32;
    const PAIRS: [[usize; 2]; 2] = [[0, SHARDS - 1], [SHARDS - 1, SHARDS / 2]];
    let shards = start(SHARDS, || vec![0_usize; PAIRS.len()]);
    let stop = Arc::new(AtomicBool::new(false));
    let clients = [0, 1].map(|client| {
        let (shards, stop) = (Arc::clone(&shards), Arc::clone(&stop));
        spawn_named("client", move || {
            write_in_turn(&shards, PAIRS[client], client, &stop);
        })
    });
    // How many writes the client that has done the fewest has done: both must get going.
    let mut fewest = 0;
    let mut cuts = 0;
    while cuts < 200 || fewest <= 10 {
        cuts += 1;
        fewest = usize::MAX;
        let seen = shards
            .cut(PATIENCE, |shard| shard.state_ref().clone())
            .unwrap();
        for (client, pair) in PAIRS.into_iter().enumerate() {
            let writes = pair.map(|shard| seen[shard][client]);
            let (earlier, later) = (writes[0].min(writes[1]), writes[0].max(writes[1]));
            // The two shards have the last two writes.
            let complete = (earlier, later) == (0, 0) || earlier + 1 == later;
            assert!(complete, "client {client}: {later} without {}", later - 1);
            fewest = fewest.min(later);
        }
    }
    stop.store(true, Ordering::Relaxed);
    for client in clients {
        client.join().unwrap();
    }
}

#[test]
fn own_sends_are_before_the_cut() {
    let shards = start(3, || 0_usize);
    for round in 1..=200 {
        for shard in 0..3 {
            shards.send(shard, |shard| *shard.state() += 1).unwrap();
        }
        assert_eq!(
            shards.cut(PATIENCE, |shard| *shard.state()).unwrap(),
            [round; 3]
        );
    }
}

#[test]
fn concurrent_cuts_come_to_all_shards_in_one_order() {
    // Many shards: handing out a cut takes long enough for another to come between.
    let shards = start(32, Vec::<(usize, usize)>::new);
    let cutters: Vec<_> = (0..4)
        .map(|cutter| {
            let shards = Arc::clone(&shards);
            spawn_named("cutter", move || {
                for round in 0..50 {
                    shards
                        .cut(PATIENCE, move |shard| shard.state().push((cutter, round)))
                        .unwrap();
                }
            })
        })
        .collect();
    for cutter in cutters {
        cutter.join().unwrap();
    }
    let orders = shards
        .cut(PATIENCE, |shard| shard.state_ref().clone())
        .unwrap();
    assert_eq!(orders[0].len(), 200);
    assert!(orders.iter().all(|order| *order == orders[0]));
}

#[test]
fn stuck_shard_fails_the_cut_everywhere_and_stops_nobody() {
    let shards = start(3, || 0_usize);
    // The first, so that it is the one that is named, should others be late as well.
    let release = hold(&shards, 0);
    let cutter = {
        let shards = Arc::clone(&shards);
        spawn_named("cutter", move || {
            shards.cut(IN_VAIN, |shard| *shard.state() += 1)
        })
    };
    // The others serve all the while.
    while !cutter.is_finished() {
        shards.call(1, |_| ()).unwrap();
        shards.call(2, |_| ()).unwrap();
    }
    let error = cutter.join().unwrap().unwrap_err();
    assert!(matches!(
        error,
        ShardError::CutTimedOut {
            shard: 0,
            deadline: IN_VAIN
        }
    ));
    drop(release);
    assert_eq!(
        shards.cut(PATIENCE, |shard| *shard.state()).unwrap(),
        [0; 3]
    );
}

#[test]
fn cut_does_not_wait_for_room_in_a_full_mailbox() {
    let shards = start(1, || 0_usize);
    let release = hold(&shards, 0);
    for _ in 0..16 {
        shards.send(0, |shard| *shard.state() += 1).unwrap();
    }
    let error = shards.cut(IN_VAIN, |_| ()).unwrap_err();
    assert!(matches!(error, ShardError::CutTimedOut { shard: 0, .. }));
    drop(release);
    assert_eq!(shards.cut(PATIENCE, |shard| *shard.state()).unwrap(), [16]);
}

#[test]
fn panic_in_the_cut_poisons_its_shard_only() {
    let shards = start(3, || 0_usize);
    let result = shards.cut(PATIENCE, |shard| {
        *shard.state() += 1;
        assert_ne!(shard.index(), 1, "not here");
    });
    assert!(matches!(result, Err(ShardError::Poisoned { shard: 1, .. })));
    assert_eq!(shards.call(0, |shard| *shard.state()).unwrap(), 1);
    assert_eq!(shards.call(2, |shard| *shard.state()).unwrap(), 1);
}

#[test]
fn shard_that_dies_on_the_way_fails_the_cut() {
    // Which of the two comes first is left to chance; the cut must be whole or absent.
    for _ in 0..100 {
        let shards = start(3, || ());
        let ran = Arc::new(AtomicUsize::new(0));
        let cutter = {
            let (shards, ran) = (Arc::clone(&shards), Arc::clone(&ran));
            spawn_named("cutter", move || {
                shards
                    .cut(PATIENCE, move |_| ran.fetch_add(1, Ordering::Relaxed))
                    .is_ok()
            })
        };
        shards.send(2, |_| panic!("dies")).ok();
        let cut = cutter.join().unwrap();
        // A shard that dies of what it was serving at the moment is lost with its part of the cut.
        let lost = |ran| !cut && ran == 2;
        let ran = ran.load(Ordering::Relaxed);
        assert!(ran == if cut { 3 } else { 0 } || lost(ran), "{ran} parts");
    }
}

#[test]
fn shard_serves_on_while_a_cut_waits_for_another() {
    let shards = start(2, Vec::<&str>::new);
    // Shard 1 is held in the middle of its own queue, before it can be asked to come; shard 0
    // serves on as if nothing were. That it also does so once it has come is for the simulation.
    let release = hold(&shards, 1);
    let cutter = {
        let shards = Arc::clone(&shards);
        spawn_named("cutter", move || {
            shards.cut(PATIENCE, |shard| shard.state().push("cut"))
        })
    };
    for _ in 0..100 {
        shards.call(0, |shard| shard.state().push("write")).unwrap();
    }
    let before = shards.call(0, |shard| shard.state().clone()).unwrap();
    assert_eq!(before, ["write"; 100], "the cut cannot have happened yet");
    drop(release);
    cutter.join().unwrap().unwrap();
    let stats = shards.cut_stats();
    assert_eq!(stats.cuts, 1);
    assert!(stats.longest_wait >= stats.last_wait);
    for shard in shards.stats() {
        assert_eq!(shard.cut_pauses.count(), 1);
        assert!(shard.cut_pauses.longest() <= stats.longest_pause);
    }
}

#[test]
fn cuts_in_vain_take_bounded_room_on_a_stuck_shard() {
    let shards = start(2, || 0_usize);
    let release = hold(&shards, 1);
    // As many as fit beside a full mailbox, and then some.
    for _ in 0..50 {
        let error = shards.cut(Duration::ZERO, |_| ()).unwrap_err();
        assert!(matches!(error, ShardError::CutTimedOut { .. }), "{error}");
    }
    assert_eq!(shards.stats()[1].waiting, 32);
    drop(release);
    assert_eq!(
        shards.cut(PATIENCE, |shard| *shard.state()).unwrap(),
        [0; 2]
    );
}
