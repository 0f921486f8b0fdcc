//! Any payloads, in sound frames one after the other, are a stream, or refused.

use rdb_format::Dialect;
use snapshot::{Frame, FrameKind, StreamDecoder};

/// Takes kinds, lengths and payloads from the bytes, and gives them to whoever reads a stream.
pub(crate) fn check(mut bytes: &[u8]) {
    let mut decoder = StreamDecoder::new(11, Dialect::Redis).record_bytes_max(1 << 20);
    let mut number = 0;
    while let Some(([kind, length], rest)) = bytes.split_first_chunk() {
        let kind = FrameKind::ALL[usize::from(*kind) % FrameKind::ALL.len()];
        let (payload, rest) = rest.split_at(rest.len().min(usize::from(*length)));
        bytes = rest;
        number += 1;
        let mut frame = Vec::new();
        Frame::encode(&mut frame, kind, number, payload);
        let Ok(Some((frame, []))) = Frame::split(&frame) else {
            panic!("what was encoded is a frame");
        };
        assert_eq!((frame.kind, frame.payload), (kind, payload));
        if decoder.take(frame, drop).is_err() {
            return;
        }
    }
}
