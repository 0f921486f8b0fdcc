//! Files of strings: what is in them is what is there afterwards, whatever they claim.

use rdb_format::{Compression, Encoder, Target, Value as Owned};
use snapshot::{Expired, LoadError};

use crate::tiny_store::{Model, patient_load};
use crate::{served, start};

/// A file with these strings in database 0, which claims to hold so many keys.
pub(crate) fn strings(claimed: u64, entries: &[(&[u8], Option<i64>, &[u8])]) -> Vec<u8> {
    let mut encoder = Encoder::new(Target::default(), Compression::None);
    let mut file = Vec::new();
    encoder.header(&mut file);
    encoder.select_db(&mut file, 0);
    encoder.resize_db(&mut file, claimed, 0);
    for (key, expire_at_ms, value) in entries {
        let value = Owned::String(value.to_vec());
        encoder
            .entry(&mut file, key, *expire_at_ms, &value)
            .unwrap();
    }
    let mut checksum = rdb_format::Crc64::new();
    checksum.update(&file);
    encoder.end(&mut file, Some(checksum));
    file
}

#[test]
fn keys_and_values_of_every_length_keep_their_bytes() {
    // Around the bound between what travels as bytes and what is made a value before.
    let lengths = [0, 1, 16, 17, 22, 16_383, 16_384, 16_385, 70_000];
    let long: Vec<u8> = (0..80_000_u32).map(|n| n.to_le_bytes()[0] ^ 7).collect();
    let mut model = Model::new();
    for (number, key_bytes) in lengths.into_iter().enumerate() {
        for value_bytes in lengths {
            let key = [&long[number..][..key_bytes], &[number.to_le_bytes()[0]]].concat();
            let key = [key, value_bytes.to_string().into_bytes()].concat();
            model.insert((0, key), long[..value_bytes].into());
        }
    }
    let entries = model.iter();
    let entries = entries.map(|((_, key), value)| (&key[..], None, &value[..]));
    let entries: Vec<_> = entries.collect();
    let file = strings(3, &entries);
    for count in [1, 3] {
        let shards = start(count);
        let report = patient_load().from_reader(&file[..], &shards).unwrap();
        assert_eq!(report.keys, model.len() as u64);
        assert_eq!(served(&shards), model);
    }
}

#[test]
fn key_that_stands_twice_is_an_error_with_the_place_of_the_second() {
    let (short, long) = ([b's'; 10], vec![b'l'; 20_000]);
    for (first, second) in [
        (&short[..], &short[..]),
        (&long[..], &long[..]),
        (&short[..], &long[..]),
        (&long[..], &short[..]),
    ] {
        let file = strings(0, &[(b"other", None, b"v"), (b"twice", None, first)]);
        let offset = file.len() - 9;
        let file = strings(
            0,
            &[
                (b"other", None, b"v"),
                (b"twice", None, first),
                (b"twice", None, second),
            ],
        );
        let shards = start(2);
        let error = patient_load().from_reader(&file[..], &shards).unwrap_err();
        let LoadError::DuplicateKey {
            key, offset: at, ..
        } = error
        else {
            panic!("{error:?}")
        };
        assert_eq!((key.as_bytes(), at), (&b"twice"[..], offset as u64));
        assert_eq!(served(&shards), Model::new());
    }
}

#[test]
fn expired_strings_are_left_out_as_asked() {
    let file = strings(
        3,
        &[
            (b"gone", Some(1000), b"1"),
            (b"stays", Some(1001), b"2"),
            (b"forever", None, b"3"),
        ],
    );
    let shards = start(2);
    let load = patient_load().expired(Expired::DropAt(1000));
    let report = load.from_reader(&file[..], &shards).unwrap();
    assert_eq!((report.keys, report.expired), (2, 1));
    let served = served(&shards);
    let keys: Vec<_> = served.keys().map(|(_, key)| &key[..]).collect();
    assert_eq!(keys, [&b"forever"[..], b"stays"]);
}

#[test]
fn number_of_keys_that_a_file_claims_is_not_believed() {
    // Room for so many keys is more than there is memory.
    for claimed in [0, 1 << 40, u64::MAX] {
        let file = strings(claimed, &[(b"a", None, b"1"), (b"b", None, b"2")]);
        let shards = start(2);
        patient_load().from_reader(&file[..], &shards).unwrap();
        assert_eq!(served(&shards).len(), 2);
        for shard in 0..2 {
            let memory = shards.call(shard, |shard| shard.state_ref().memory_bytes());
            assert!(
                memory.unwrap() < 1 << 20,
                "room was made for {claimed} keys"
            );
        }
    }
}
