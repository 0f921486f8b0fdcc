//! The whole pipeline, into nothing and into a file, on one shard and on two.

use std::io::{self, Write};
use std::time::Instant;

use shard_runtime::{ShardSet, ShardSetConfig};
use snapshot::{Keyspace, Snapshot};

use crate::bytes::Bytes;
use crate::data::{self, DataSet};
use crate::{Extent, row};

type Shards = ShardSet<Keyspace<Bytes>>;

/// Takes all bytes and keeps none.
struct Nothing;

impl Write for Nothing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Prints seconds of saves with one shard and with two.
pub(crate) fn measure(extent: Extent, set: DataSet) {
    for count in [1, 2] {
        let shards = filled(count, extent, set);
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let path = folder.path().join("dump.rdb");
        let (mut nothing, mut file) = (Vec::new(), Vec::new());
        for _ in 0..extent.rounds {
            nothing.push(seconds(extent, set, || {
                Snapshot::new().to_writer(&shards, Nothing)
            }));
            file.push(seconds(extent, set, || {
                Snapshot::new().to_file(&shards, &path)
            }));
        }
        let plural = if count == 1 { "" } else { "s" };
        let name = format!("save {}, {count} shard{plural}", set.name(extent));
        row::print(&format!("{name}, into nothing"), "s", &nothing);
        row::print(&format!("{name}, into a file"), "s", &file);
    }
}

fn seconds(
    extent: Extent,
    set: DataSet,
    start: impl FnOnce() -> Result<snapshot::Handle, snapshot::SnapshotError>,
) -> f64 {
    let began = Instant::now();
    let report = start().unwrap().wait().unwrap();
    let seconds = began.elapsed().as_secs_f64();
    assert_eq!(report.keys, u64::from(set.keys(extent)), "a save lost keys");
    seconds
}

fn filled(count: usize, extent: Extent, set: DataSet) -> Shards {
    let config = ShardSetConfig {
        shards: count,
        ..ShardSetConfig::default()
    };
    let shards = ShardSet::start(config, |_| Keyspace::new()).unwrap();
    for shard in 0..count {
        let fill = move |shard: &mut shard_runtime::Shard<Keyspace<Bytes>>| {
            let index = shard.index();
            let table = shard.state().database(0);
            for id in 0..set.keys(extent) {
                let key = data::key(id);
                if snapshot::shard_of(key.as_bytes(), count) == index {
                    table.insert(key, Bytes::new(data::value(id, set.value_bytes)));
                }
            }
        };
        shards.call(shard, fill).unwrap();
    }
    shards
}
