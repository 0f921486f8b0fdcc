//! Any bytes are a stream, or refused, and never more than what was read.

use epaxos_store::inspect_stream;

use super::checksum;

/// Gives the bytes to the receiver, as they are and with checksums that are right.
pub(crate) fn check(bytes: &[u8]) {
    receive(bytes);
    let mut sealed = bytes.to_vec();
    checksum::seal_frames(&mut sealed);
    receive(&sealed);
}

fn receive(bytes: &[u8]) {
    if let Ok((_, report)) = inspect_stream(bytes) {
        assert!(report.bytes <= bytes.len() as u64);
        assert!(report.records + report.instances <= bytes.len() as u64);
    }
}
