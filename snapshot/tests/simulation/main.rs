//! The whole of a snapshot in a simulation: real tables, hooks, producers, channels, sinks and
//! watches, clients and faults, in an order that a seed decides.
//!
//! Each snapshot that says it is done must equal the state at its cut, entry by entry, each exactly
//! once; each that fails must have a cause, be over in time, and leave nothing. With
//! `--cfg planted` the same runs must find each planted bug.
//!
//! `FORKLESS_SIM_SEEDS` says how many seeds to run, `FORKLESS_SIM_SEED` the first of them.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![expect(clippy::expect_used, reason = "a test that cannot go on has failed")]
#![expect(clippy::print_stdout, reason = "tells its seeds, and what they led to")]

mod clients;
mod copy;
mod follower;
mod mischief;
mod output;
mod paced;
#[cfg(planted)]
mod planted;
mod program;
mod proof;
mod store;
mod taker;
mod transport;
mod value;
mod watched;
mod weather;

/// A number from the environment.
fn set(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap())
}

#[cfg(not(planted))]
mod sound {
    use std::ops::Range;
    use std::time::{SystemTime, UNIX_EPOCH};

    use snapshot::Snapshot;

    use crate::paced;
    use crate::program::{Prepare, run};
    use crate::proof::Proof;
    use crate::transport::{self, Planted};

    /// Seeds to run: `default` of them from a first one that is new each time, unless set
    /// otherwise.
    fn seeds(default: u64) -> Range<u64> {
        let first = super::set("FORKLESS_SIM_SEED");
        let count = super::set("FORKLESS_SIM_SEEDS").unwrap_or(first.map_or(default, |_| 1));
        let first = first.unwrap_or_else(|| {
            let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
            u64::from(since.subsec_nanos()) << 32
        });
        first..first + count
    }

    #[test]
    fn snapshots_are_exact_or_fail_with_a_cause_on_every_seed() {
        let seeds = seeds(10_000);
        println!("seeds {seeds:?}");
        let mut all = Proof::default();
        let mut steps = 0;
        for seed in seeds.clone() {
            let run = run(seed, Prepare::nothing()).unwrap();
            steps += run.steps;
            all.add(run.proof);
        }
        println!("{steps} steps; {:#?}", all.ends);
        if seeds.end - seeds.start >= 10_000 {
            // Whatever the first seed: a run that lacks one of these proves less than it says.
            let wanted = [
                "exact",
                "cancelled",
                "full",
                "hung",
                "crashed",
                "too late",
                "budget spent",
                "no cut",
                "not encoded",
                "loaded",
                "riders",
                "splits",
                "merges",
                "buckets by writes",
                "buckets by traversal",
                "cuts followed",
                "streams ended",
                "deltas",
                "streams that hung beside others",
            ];
            for end in wanted {
                assert!(
                    all.ends.get(end).is_some_and(|&times| times > 20),
                    "{end}: {all:?}"
                );
            }
        }
    }

    #[test]
    fn replicas_are_what_the_master_was_at_every_cut_on_every_seed() {
        let seeds = seeds(1000);
        println!("seeds {seeds:?}");
        let mut all = Proof::default();
        let mut steps = 0;
        for seed in seeds.clone() {
            let run = transport::run(seed, Planted::nothing()).unwrap();
            steps += run.steps;
            all.add(run.proof);
        }
        println!("{steps} steps; {:#?}", all.ends);
        if seeds.end - seeds.start >= 1000 {
            let wanted = [
                "cuts passed",
                "resumptions",
                "full syncs",
                "masters died",
                "replays",
                "frames tampered with",
                "files of backlogs",
                "files spoilt",
            ];
            for end in wanted {
                assert!(
                    all.ends.get(end).is_some_and(|&times| times > 50),
                    "{end}: {all:?}"
                );
            }
        }
    }

    #[test]
    fn pace_is_kept_and_leaves_the_traversal_its_part() {
        for seed in seeds(20).take(200) {
            paced::run_quiet(seed).unwrap();
            paced::run(seed, Snapshot::new()).unwrap();
        }
    }

    #[test]
    fn same_seed_is_the_same_run() {
        for seed in 0..30 {
            let run = || transport::run(seed, Planted::nothing()).unwrap();
            let (first, second) = (run(), run());
            assert_eq!(first, second, "seed {seed} of replicas");
        }
        for seed in 0..300 {
            let run = || run(seed, Prepare::nothing()).unwrap();
            let (first, second) = (run(), run());
            assert_eq!(first, second, "seed {seed}");
        }
    }
}
