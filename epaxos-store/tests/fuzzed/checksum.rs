//! Checksums put right, so that changed bytes come to what stands behind them.

use std::ops::Range;

use crc_fast::{CrcAlgorithm, Digest};

/// Where the checksum of a value stands in it.
const IN_VALUE: Range<usize> = 4..8;

/// Bytes before the payload of a frame, its checksum the last four of them.
const FRAME_HEAD_BYTES: usize = 12;

/// The kind of a frame that holds whole rows.
const ROWS: u8 = 2;

fn crc32c(parts: &[&[u8]]) -> [u8; 4] {
    let mut digest = Digest::new(CrcAlgorithm::Crc32Iscsi);
    for part in parts {
        digest.update(part);
    }
    // The algorithm has 32 bits, in a wider number.
    let checksum = u32::try_from(digest.finalize() & u64::from(u32::MAX));
    checksum.unwrap_or_default().to_be_bytes()
}

/// Gives `value` the checksum that it has under `key`, if it has room for one.
pub(crate) fn seal_value(key: &[u8], value: &mut [u8]) {
    if value.len() < IN_VALUE.end {
        return;
    }
    let (head, contents) = (&value[..IN_VALUE.start], &value[IN_VALUE.end..]);
    let checksum = crc32c(&[key, head, contents]);
    value[IN_VALUE].copy_from_slice(&checksum);
}

/// Gives the frames that `bytes` begin with, and the values in them, their checksums.
pub(crate) fn seal_frames(mut bytes: &mut [u8]) {
    while bytes.len() >= FRAME_HEAD_BYTES {
        let (head, rest) = bytes.split_at_mut(FRAME_HEAD_BYTES);
        let length = u32::from_be_bytes([head[4], head[5], head[6], head[7]]);
        let Some((payload, after)) = rest.split_at_mut_checked(length as usize) else {
            return;
        };
        if head[0] == ROWS {
            seal_rows(payload);
        }
        let checksum = crc32c(&[&head[..8], payload]);
        head[8..].copy_from_slice(&checksum);
        bytes = after;
    }
}

/// Rows are key and value, each after its length.
fn seal_rows(mut rows: &mut [u8]) {
    while let Some((key, rest)) = split_counted(rows) {
        let Some((value, rest)) = split_counted(rest) else {
            return;
        };
        seal_value(key, value);
        rows = rest;
    }
}

/// The bytes after a length of at most four bytes, seven bits in each, and the rest.
fn split_counted(bytes: &mut [u8]) -> Option<(&mut [u8], &mut [u8])> {
    let end = bytes.iter().take(4).position(|byte| *byte < 0x80)?;
    let (length, rest) = bytes.split_at_mut(end + 1);
    let length = length
        .iter()
        .rev()
        .fold(0, |number, byte| number << 7 | usize::from(byte & 0x7f));
    rest.split_at_mut_checked(length)
}
