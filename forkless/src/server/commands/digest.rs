//! The digest of a store: one number that is the same for the same keys and values.
//!
//! It is the sum, modulo 2^128, of the XXH3-128 of every key: so neither the number of shards nor
//! the order of keys matters. What is hashed of a key is, each part behind its length in eight
//! bytes:
//!
//! | part | is |
//! |---|---|
//! | database | its number, four bytes |
//! | key | the bytes |
//! | time | when it expires, in milliseconds since 1970, eight bytes; -1 for never |
//! | type | its name, as TYPE says it |
//! | value | below |
//!
//! | of type | the value is |
//! |---|---|
//! | string | the bytes |
//! | list | each item, in order |
//! | set, hash, sorted set | the sum of the XXH3-128 of its elements, in 16 bytes |
//! | stream, module and others | what DUMP gives for a server of version 8.8 |
//!
//! An element is a member, a field and its value, or a member and the bits of its score. Numbers
//! are little-endian.

use rdb_format::{Compression, Encoder, Target};
use snapshot::Value;
use xxhash_rust::xxh3::{Xxh3Default, xxh3_128};

use crate::object::Object;
use crate::server::commands::keys::type_name;

/// The digest of one key.
pub(super) fn of_key(database: u32, key: &[u8], object: &Object) -> u128 {
    let mut hasher = Parts::default();
    hasher.add(&database.to_le_bytes());
    hasher.add(key);
    hasher.add(&object.expire_at_ms().unwrap_or(-1).to_le_bytes());
    hasher.add(type_name(object).as_bytes());
    add_value(&mut hasher, object);
    hasher.0.digest128()
}

fn add_value(hasher: &mut Parts, object: &Object) {
    match object.as_kept() {
        // Not opened, since that is kept: all keys are looked at here.
        Object::Packed(packed) => add_value(hasher, &packed.to_object()),
        Object::String(text) => hasher.add(text.as_bytes()),
        Object::List(list) => list.iter().for_each(|item| hasher.add(item)),
        Object::Set(set) => hasher.add_sum(set.iter().map(xxh3_128)),
        Object::Hash(hash) => hasher.add_sum(hash.iter().map(|(field, value)| {
            let mut pair = Parts::default();
            pair.add(field);
            pair.add(value);
            pair.0.digest128()
        })),
        Object::SortedSet(set) => hasher.add_sum(set.iter().map(|(member, score)| {
            let mut pair = Parts::default();
            pair.add(member);
            pair.add(&score.to_bits().to_le_bytes());
            pair.0.digest128()
        })),
        other => {
            let mut encoder = Encoder::new(Target::Redis88, Compression::None);
            let mut body = Vec::new();
            // What cannot be written is what it was that far.
            drop(other.encode(&mut encoder, &mut body));
            hasher.add(&body);
        }
    }
}

/// Hashes parts so that none can be taken for another's end.
#[derive(Default)]
struct Parts(Xxh3Default);

impl Parts {
    fn add(&mut self, part: &[u8]) {
        self.0.update(&(part.len() as u64).to_le_bytes());
        self.0.update(part);
    }

    fn add_sum(&mut self, digests: impl Iterator<Item = u128>) {
        let sum = digests.fold(0_u128, u128::wrapping_add);
        self.add(&sum.to_le_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::commands::tests::{run, session};

    /// The digest of key `a` after these commands.
    fn digest(commands: &[&str]) -> u128 {
        let mut found = 0;
        session(|database| {
            for command in commands {
                assert!(!run(database, command).starts_with('-'), "{command}");
            }
            found = of_key(0, b"a", database.get(b"a").unwrap());
        });
        found
    }

    #[test]
    fn digest_depends_on_the_value_and_not_on_its_history() {
        for (one, same, others) in [
            (
                &["SADD a 1 2 3"][..],
                &["SADD a 3 2 9", "SREM a 9", "SADD a 1"][..],
                &["SADD a 1 2", "SADD a 1 2 4"][..],
            ),
            (
                &["HSET a f 1 g 2"],
                &["HSET a g 2 f 1"],
                &["HSET a f 2 g 1", "HSET a f 12 g 2"],
            ),
            (
                &["ZADD a 1 x 2 y"],
                &["ZADD a 2 y 1 x"],
                &["ZADD a 2 x 1 y", "ZADD a 1 x"],
            ),
            (
                &["RPUSH a x y"],
                &["LPUSH a y x"],
                &["RPUSH a y x", "RPUSH a xy", "SADD a x y"],
            ),
            (
                &["SET a 1"],
                &["SETEX a 5 1", "PERSIST a"],
                &["SET a 2", "SETEX a 5 1", "SET a 1 PX 5001"],
            ),
        ] {
            let expected = digest(one);
            assert_eq!(digest(same), expected, "{same:?}");
            for other in others {
                assert_ne!(digest(&[other]), expected, "{other}");
            }
        }
    }
}
