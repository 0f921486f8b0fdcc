//! Any bytes are a stream, or refused, and never more than what was read.

use epaxos_store::inspect_stream;

/// Gives the bytes to the receiver.
pub(crate) fn check(bytes: &[u8]) {
    if let Ok((_, report)) = inspect_stream(bytes) {
        assert!(report.bytes <= bytes.len() as u64);
        assert!(report.records + report.instances <= bytes.len() as u64);
    }
}
