//! What the fuzz targets check, against any bytes and against changed samples, on the stable
//! toolchain.

use proptest::prelude::*;
use proptest::sample::Index;
use rdb_format::{Compression, Encoder, Target, Value};
use snapshot::{Frame, FrameKind};

mod fuzzed {
    //! One file for each target.

    pub(crate) mod frames;
    pub(crate) mod payloads;
}

/// A sound stream, with frames of every kind.
fn stream() -> Vec<u8> {
    let mut encoder = Encoder::new(Target::default(), Compression::None);
    let mut record = Vec::new();
    encoder.select_db(&mut record, 1);
    let list = Value::List(vec![b"one".to_vec(), b"two".to_vec()]);
    let fits = encoder.entry(&mut record, b"list", Some(1_793_232_000_000), &list);
    assert!(fits.is_ok(), "a list fits any target");
    let mut deletion = 1_u32.to_le_bytes().to_vec();
    deletion.extend_from_slice(b"\x03\0\0\0key");
    let delta = [deletion.as_slice(), b"\x02\0\0\0+1"].concat();
    let (beginning, end) = record.split_at(7);
    let frames = [
        (FrameKind::Base, record.as_slice()),
        (FrameKind::Set, &record),
        (FrameKind::Delete, &deletion),
        (FrameKind::Delta, &delta),
        (FrameKind::Part, beginning),
        (FrameKind::LastPart, end),
        (FrameKind::Cut, &[1, 0, 0, 0, 0, 0, 0, 0]),
    ];
    let mut bytes = Vec::new();
    for ((kind, payload), number) in frames.into_iter().zip(1..) {
        Frame::encode(&mut bytes, kind, number, payload);
    }
    bytes
}

#[test]
fn sound_stream_gives_all_its_records() {
    assert_eq!(fuzzed::frames::check(&stream()), 5);
}

proptest! {
    #[test]
    fn any_bytes_are_frames_or_refused(bytes: Vec<u8>) {
        fuzzed::frames::check(&bytes);
    }

    #[test]
    fn changed_streams_are_read_up_to_the_change(changes: Vec<(Index, u8)>, end: Index) {
        let mut bytes = stream();
        for (place, byte) in changes {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        bytes.truncate(end.index(bytes.len()) + 1);
        prop_assert!(fuzzed::frames::check(&bytes) <= 5);
    }

    #[test]
    fn any_payloads_are_a_stream_or_refused(bytes: Vec<u8>) {
        fuzzed::payloads::check(&bytes);
    }
}
