//! Any bytes are the frames of a stream, or refused; and what they say is no more than they hold.

use rdb_format::Dialect;
use snapshot::{Frame, StreamDecoder};

/// Gives the bytes to whoever reads a stream; how many records they held.
pub(crate) fn check(mut bytes: &[u8]) -> usize {
    let mut decoder = StreamDecoder::new(11, Dialect::Redis).record_bytes_max(1 << 20);
    let length = bytes.len();
    let mut records = 0;
    while let Ok(Some((frame, rest))) = Frame::split(bytes) {
        assert!(rest.len() < bytes.len(), "a frame takes something");
        let before = decoder.number();
        if decoder.take(frame, |_| records += 1).is_err() {
            assert_eq!(decoder.number(), before, "what is refused is not taken");
            break;
        }
        assert_eq!(decoder.number(), before + 1);
        bytes = rest;
    }
    assert!(records <= length, "{records} records in {length} bytes");
    records
}
