//! A service that snapshots itself while it serves: `set KEY VALUE`, `get KEY` and `save FILE`,
//! line by line.
//!
//! `printf 'set a 1\nsave /tmp/a.rdb\nset a 2\nget a\n' | cargo run -p snapshot --example embed`

use std::error::Error;
use std::io::{self, BufRead, Write};

use rdb_format::Value;
use shard_runtime::{ShardSet, ShardSetConfig};
use snapshot::{Key, Keyspace, Owned, Report, Snapshot, shard_hash};

fn main() -> Result<(), Box<dyn Error>> {
    let shards = ShardSet::start(ShardSetConfig::default(), |_| Keyspace::<Owned>::new())?;
    let mut saving = Vec::new();
    for line in io::stdin().lock().lines() {
        let line = line?;
        let words: Vec<&str> = line.splitn(3, ' ').collect();
        let answer = match *words.as_slice() {
            ["set", key, value] => set(&shards, key, value)?,
            ["get", key] => get(&shards, key)?,
            ["save", path] => {
                // Takes the cut, and returns: what is set from here on is not in the file.
                saving.push(Snapshot::new().to_file(&shards, path)?);
                "saving".to_owned()
            }
            _ => "set KEY VALUE, get KEY or save FILE".to_owned(),
        };
        writeln!(io::stdout(), "{answer}")?;
    }
    for handle in saving {
        let Report { keys, duration, .. } = handle.wait()?;
        writeln!(io::stdout(), "{keys} keys saved in {duration:?}")?;
    }
    Ok(())
}

type Shards = ShardSet<Keyspace<Owned>>;

fn set(shards: &Shards, key: &str, value: &str) -> Result<String, Box<dyn Error>> {
    let value = Owned::new(Value::String(value.as_bytes().to_vec()), None);
    let (shard, key) = place(shards, key);
    let old = shards.call(shard, |shard| shard.state().database(0).insert(key, value))?;
    Ok(if old.is_some() { "replaced" } else { "new" }.to_owned())
}

fn get(shards: &Shards, key: &str) -> Result<String, Box<dyn Error>> {
    let (shard, key) = place(shards, key);
    let value = shards.call(shard, move |shard| {
        shard.state().database(0).get(&key).cloned()
    })?;
    Ok(value.map_or("nothing".to_owned(), |value| format!("{:?}", value.get())))
}

/// The shard that a key lives on, and the key.
fn place(shards: &Shards, key: &str) -> (usize, Key) {
    let key = Key::from(key.as_bytes());
    (shards.shard_of(shard_hash(key.as_bytes())), key)
}
