//! Any key and value are an instance in its only form, or refused.

use epaxos_store::{decode_instance, encode_instance, instance_key};

/// The first byte says how many bytes are the key.
pub(crate) fn check(bytes: &[u8]) {
    let Some((length, rest)) = bytes.split_first() else {
        return;
    };
    let Some((key, value)) = rest.split_at_checked(usize::from(*length)) else {
        return;
    };
    if let Ok(instance) = decode_instance(key, value) {
        assert_eq!(instance_key(instance.id), key);
        assert_eq!(encode_instance(&instance), value);
        assert_eq!(instance.check(), Ok(()));
    }
}
