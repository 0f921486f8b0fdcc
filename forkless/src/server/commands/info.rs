//! INFO: how the server is.

use std::fmt::Write;

use snapshot::Progress;

use crate::resident::resident_bytes;
use crate::server::call::Call;
use crate::server::command::Outcome;
use crate::server::commands::connection::REDIS_VERSION;
use crate::server::commands::replication;
use crate::server::persistence::Look;
use crate::server::reply::Reply;
use crate::server::shard_state::DATABASES;
use crate::server::tally::Tally;
use crate::server::words::Words;

/// What the shards have to say.
#[derive(Debug)]
pub(super) struct Sums {
    tally: Tally,
    /// Keys of each database, and how many of them expire.
    sizes: Vec<(usize, usize)>,
}

/// A section: its name, and what writes its lines.
type Section = (&'static str, fn(&Call<'_>, &Sums, &mut String));

/// All sections, in their order.
const SECTIONS: [Section; 8] = [
    ("server", server),
    ("clients", clients),
    ("memory", memory),
    ("persistence", persistence),
    ("snapshot", snapshot),
    ("stats", stats),
    ("replication", replication::section),
    ("keyspace", keyspace),
];

pub(super) fn info(call: &Call<'_>, words: Words<'_>, reply: &mut Reply<'_>) -> Outcome {
    let sums = sums(call)?;
    let wanted = |name: &str| {
        let is_asked = |word: &[u8]| {
            let all = [&b"all"[..], b"default", b"everything"];
            word.eq_ignore_ascii_case(name.as_bytes())
                || all.into_iter().any(|all| word.eq_ignore_ascii_case(all))
        };
        words.len() == 1 || words.iter_from(1).any(is_asked)
    };
    let mut text = String::new();
    for (name, write) in SECTIONS {
        if wanted(name) {
            if !text.is_empty() {
                text.push_str("\r\n");
            }
            let (first, rest) = name.split_at(1);
            add(
                &mut text,
                format_args!("# {}{rest}", first.to_ascii_uppercase()),
            );
            write(call, &sums, &mut text);
        }
    }
    reply.text(&text);
    Ok(())
}

fn sums(call: &Call<'_>) -> Result<Sums, crate::server::refusal::Refusal> {
    let found = call.on_each(|shard| {
        let state = shard.state();
        let sizes: Vec<_> = (0..DATABASES).map(|number| state.sizes(number)).collect();
        (state.tally, sizes)
    })?;
    let mut sums = Sums {
        tally: Tally::default(),
        sizes: vec![(0, 0); DATABASES as usize],
    };
    for (tally, sizes) in found {
        sums.tally.add(&tally);
        for (sum, (keys, expiring)) in sums.sizes.iter_mut().zip(sizes) {
            sum.0 += keys;
            sum.1 += expiring;
        }
    }
    Ok(sums)
}

pub(super) fn add(text: &mut String, line: std::fmt::Arguments<'_>) {
    let written = write!(text, "{line}\r\n");
    debug_assert!(written.is_ok(), "writing to a text does not fail");
}

macro_rules! lines {
    ($text:expr, $($name:literal: $value:expr,)*) => {
        $($crate::server::commands::info::add(
            $text,
            format_args!(concat!($name, ":{}"), $value),
        );)*
    };
}

pub(super) use lines;

fn server(call: &Call<'_>, _: &Sums, text: &mut String) {
    lines! { text,
        "redis_version": REDIS_VERSION,
        "redis_mode": "standalone",
        "forkless_version": env!("CARGO_PKG_VERSION"),
        "process_id": std::process::id(),
        "tcp_port": call.server.port,
        "uptime_in_seconds": call.server.started.elapsed().as_secs(),
        "shards": call.server.shards.len(),
        "connection_threads": call.server.options.connection_threads,
    }
}

fn clients(call: &Call<'_>, _: &Sums, text: &mut String) {
    let (connected, ..) = call.server.clients.counts();
    lines! { text,
        "connected_clients": connected,
        "maxclients": call.server.options.clients_max,
    }
}

fn memory(_: &Call<'_>, _: &Sums, text: &mut String) {
    let resident = resident_bytes().unwrap_or_default();
    lines! { text,
        "used_memory": resident,
        "used_memory_rss": resident,
        "maxmemory": 0,
    }
}

fn persistence(call: &Call<'_>, sums: &Sums, text: &mut String) {
    let look = call.server.persistence.look();
    let Look {
        last,
        progress,
        is_saving,
    } = look;
    let current = |of: fn(&Progress) -> u64| progress.as_ref().map_or(0, of);
    lines! { text,
        "loading": 0,
        "current_save_keys_processed": current(|progress| progress.keys_done),
        "current_save_keys_total": current(|progress| progress.keys_total),
        "rdb_changes_since_last_save": sums.tally.changes,
        "rdb_bgsave_in_progress": u8::from(is_saving),
        "rdb_last_save_time": last.at_s,
        "rdb_last_bgsave_status": if last.failure.is_none() { "ok" } else { "err" },
        "rdb_last_bgsave_time_sec": last.took.map_or(-1, |took| {
            i64::try_from(took.as_secs()).unwrap_or(i64::MAX)
        }),
        "rdb_current_bgsave_time_sec": progress.as_ref().map_or(-1, |progress| {
            i64::try_from(progress.elapsed.as_secs()).unwrap_or(i64::MAX)
        }),
        "rdb_saves": last.figures.saved,
        "aof_enabled": 0,
    }
}

fn snapshot(call: &Call<'_>, _: &Sums, text: &mut String) {
    let Look { last, progress, .. } = call.server.persistence.look();
    let current = |of: fn(&Progress) -> u64| progress.as_ref().map_or(0, of);
    lines! { text,
        "snapshot_path": call.server.persistence.path().display(),
        "snapshot_budget_bytes": call.server.options.snapshot_budget_bytes,
        "snapshot_current_bytes": current(|progress| progress.bytes),
        "snapshot_current_bytes_per_s": current(Progress::bytes_per_s),
        "snapshot_current_buckets_by_traversal": current(|progress| progress.buckets_by_traversal),
        "snapshot_current_buckets_by_writes": current(|progress| progress.buckets_by_writes),
        "snapshot_current_buckets_total": current(|progress| progress.buckets_total),
        "snapshot_current_budget_bytes_used": current(|progress| progress.budget_bytes_used as u64),
        "snapshot_last_keys": last.figures.last_keys,
        "snapshot_last_bytes": last.figures.last_bytes,
        "snapshot_last_duration_us": last.took.map_or(0, |took| took.as_micros()),
        "snapshot_last_cut_pause_us": last.figures.last_cut_pause.as_micros(),
        "snapshot_last_buckets_by_writes": last.figures.last_buckets_by_writes,
        "snapshot_last_budget_bytes_used": last.figures.last_budget_bytes,
        "snapshot_failed": last.figures.failed,
        "snapshot_last_error": last.failure.as_deref().unwrap_or_default(),
    }
}

fn stats(call: &Call<'_>, sums: &Sums, text: &mut String) {
    let (_, accepted, refused) = call.server.clients.counts();
    let shards = &call.server.shards;
    let cuts = shards.cut_stats();
    lines! { text,
        "total_connections_received": accepted,
        "rejected_connections": refused,
        "expired_keys": sums.tally.expired,
        "keyspace_hits": sums.tally.hits,
        "keyspace_misses": sums.tally.misses,
        "cuts": cuts.cuts,
        "transactions": cuts.transactions,
    }
}

fn keyspace(_: &Call<'_>, sums: &Sums, text: &mut String) {
    for (number, (keys, expiring)) in sums.sizes.iter().enumerate() {
        if *keys > 0 {
            add(
                text,
                format_args!("db{number}:keys={keys},expires={expiring},avg_ttl=0"),
            );
        }
    }
}
