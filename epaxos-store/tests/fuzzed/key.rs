//! Any bytes are a key in its only form, or refused.

use epaxos_store::{StatusKey, StreamPosition, instance_from_key, instance_key};

/// Gives the bytes to every decoder of keys.
pub(crate) fn check(bytes: &[u8]) {
    if let Ok(id) = instance_from_key(bytes) {
        assert_eq!(instance_key(id), bytes);
    }
    if let Ok(key) = StatusKey::from_bytes(bytes) {
        assert_eq!(key.to_bytes(), bytes);
    }
    if let Some(position) = StreamPosition::from_bytes(bytes) {
        assert_eq!(position.to_bytes(), bytes);
    }
}
