//! What an object holds, read back from what it encodes.

use forkless::Object;
use rdb_format::{Checksum, Compression, Dump, Encoder, ReadOptions, Target, Value as Owned};
use snapshot::{FromRdb, Value};

/// What the object holds, encoded at once.
pub(crate) fn contents(object: &Object) -> Owned {
    let mut encoder = Encoder::new(Target::Redis70, Compression::None);
    let mut body = Vec::new();
    object.encode(&mut encoder, &mut body).unwrap();
    sorted(decode(object, &body))
}

/// The weight of an object depends on what it holds, not on how that came there.
pub(crate) fn weighs_as_if_new(object: &Object) {
    let mut again = Object::from_rdb(contents(object), None).unwrap();
    // Not packed: no change leaves one so.
    assert_eq!(object.weight_bytes(), again.lasting_mut().weight_bytes());
}

/// Decodes a body of the object's type.
pub(crate) fn decode(object: &Object, body: &[u8]) -> Owned {
    let mut payload = vec![object.value_type_for(Target::Redis70).number()];
    payload.extend_from_slice(body);
    payload.extend_from_slice(&[0; 10]);
    let options = ReadOptions {
        checksum: Checksum::Ignore,
        ..ReadOptions::default()
    };
    Dump::parse_with(&payload, options)
        .unwrap()
        .value()
        .unwrap()
}

/// Without an order where there is none.
pub(crate) fn sorted(mut value: Owned) -> Owned {
    match &mut value {
        Owned::Set(members) => members.sort(),
        Owned::Hash(fields) => fields.sort(),
        _ => {}
    }
    value
}
