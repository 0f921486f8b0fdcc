//! Any key and value are an instance in its only form, or refused.

use epaxos_store::{decode_instance, encode_instance, instance_key};

use super::checksum;

/// The first byte says how many bytes are the key. The value is tried as it is, and with the
/// checksum that it should have.
pub(crate) fn check(bytes: &[u8]) {
    let Some((length, rest)) = bytes.split_first() else {
        return;
    };
    let Some((key, value)) = rest.split_at_checked(usize::from(*length)) else {
        return;
    };
    decode(key, value);
    let mut sealed = value.to_vec();
    checksum::seal_value(key, &mut sealed);
    decode(key, &sealed);
}

fn decode(key: &[u8], value: &[u8]) {
    if let Ok(instance) = decode_instance(key, value) {
        assert_eq!(instance_key(instance.id), key);
        assert_eq!(encode_instance(&instance), value);
        assert_eq!(instance.check(), Ok(()));
    }
}
