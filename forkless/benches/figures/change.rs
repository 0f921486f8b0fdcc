//! Writes to the one huge value that leave it as large as it was.

use forkless::{Object, Text};
use shard_runtime::Shard;
use snapshot::{Key, Keyspace, shard_hash};

use crate::store::{self, HUGE, Shards};

/// Changes one element of the huge value: as much goes as comes.
pub(crate) fn huge(shards: &Shards, number: usize) {
    let change = move |shard: &mut Shard<Keyspace<Object>>| {
        let table = shard.state().database(0);
        let text = || store::text(number, store::VALUE_BYTES);
        match table.get_mut(HUGE) {
            Some(Object::List(list)) => {
                let taken = list.pop_front();
                list.push_back(taken.unwrap_or_else(text));
                list.set(number, text());
            }
            Some(Object::Set(set)) => {
                set.remove(text().as_bytes());
                set.insert(text());
            }
            Some(Object::Hash(hash)) => {
                hash.set(Text::from(&store::name(number)[..]), text());
            }
            Some(Object::SortedSet(set)) => {
                let score = f64::from(u32::try_from(number).unwrap());
                set.insert(text(), -score);
            }
            Some(Object::Stream(stream)) => {
                let mut id = stream.last_id();
                id.seq += 1;
                stream
                    .append(id, [(&b"field"[..], text().as_bytes())])
                    .unwrap();
                stream.trim(stream.len() - 1);
            }
            // A string can only be replaced; so its neighbours are.
            _ => {
                table.insert(
                    Key::from(&store::name(number % 1000)[..]),
                    Object::String(text()),
                );
            }
        }
    };
    let shard = shards.shard_of(shard_hash(HUGE));
    shards.call(shard, change).unwrap();
}
