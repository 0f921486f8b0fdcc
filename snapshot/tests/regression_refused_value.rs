//! A value that cannot be encoded fails the snapshot, and nothing else: it once stopped its
//! shard, if the traversal met it in the last buckets of the last table.

use std::io;
use std::time::Duration;

use rdb_format::{EncodeError, Encoder, ValueType};
use shard_runtime::{ShardSet, ShardSetConfig};
use snapshot::{Copies, Frozen, Key, Keyspace, Snapshot, SnapshotError, Value};

/// A value that no encoder takes.
#[derive(Debug)]
struct Refused;

impl Value for Refused {
    fn value_type(&self) -> ValueType {
        ValueType::String
    }

    fn expire_at_ms(&self) -> Option<i64> {
        None
    }

    fn weight_bytes(&self) -> usize {
        1
    }

    fn encode(&self, _: &mut Encoder, _: &mut Vec<u8>) -> Result<(), EncodeError> {
        Err(EncodeError::Duplicate { key: Vec::new() })
    }

    fn freeze(&self, _copies: &Copies) -> Box<dyn Frozen> {
        unreachable!("it is not heavy")
    }
}

#[test]
fn shard_goes_on_when_its_last_value_is_refused() {
    let config = ShardSetConfig {
        shards: 1,
        ..ShardSetConfig::default()
    };
    let shards = ShardSet::start(config, |_| Keyspace::<Refused>::new()).unwrap();
    for number in 0..100_u8 {
        let key = Key::from(&[number][..]);
        shards
            .call(0, |shard| shard.state().database(0).insert(key, Refused))
            .unwrap();
        let patient = Snapshot::new().cut_deadline(Duration::from_mins(10));
        let handle = patient.to_writer(&shards, io::sink()).unwrap();
        let error = handle.wait().unwrap_err();
        assert!(matches!(error, SnapshotError::Encode { .. }), "{error:?}");
        let keys = shards.call(0, |shard| shard.state().len()).unwrap();
        assert_eq!(keys, usize::from(number) + 1);
    }
}
