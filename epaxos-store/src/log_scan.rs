//! A look at the write-ahead log before RocksDB reads it: is its end torn, or is it damaged?
//!
//! A torn end is cut off, since it was never acknowledged. RocksDB takes a record that claims to
//! go beyond the end of the file for such an end, so one flipped bit in a record's length would
//! drop everything behind it without a word. But behind a torn end nothing whole follows: what
//! does is the sign of damage.
//!
//! A log is blocks of 32 KiB; a record stands in one block:
//!
//! | bytes | hold |
//! |---|---|
//! | 0..4 | masked CRC-32C of the kind and the payload, little-endian |
//! | 4..6 | length of the payload, little-endian |
//! | 6 | kind; 0 where the block is padded |
//! | 7.. | the payload |

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

use crate::checksum::crc32c;
use crate::error::StoreError;

const BLOCK_BYTES: usize = 32 << 10;
const HEADER_BYTES: usize = 7;

/// Refuses logs in the engine's folder in which something whole stands behind something broken.
pub(crate) fn check_logs(engine: &Path) -> Result<(), StoreError> {
    let failed = |error| StoreError::io("read", engine, &error);
    let Ok(entries) = fs::read_dir(engine) else {
        // A new engine has no folder yet.
        return Ok(());
    };
    for entry in entries {
        let path = entry.map_err(failed)?.path();
        if path.extension().is_none_or(|extension| extension != "log") {
            continue;
        }
        let found = File::open(&path).and_then(damage);
        let found = found.map_err(|error| StoreError::io("read", &path, &error))?;
        if let Some(Damage { broken, whole }) = found {
            return Err(StoreError::EngineCorruption {
                message: format!(
                    "{} is damaged at byte {broken}, and whole again at byte {whole}",
                    path.display()
                ),
            });
        }
    }
    Ok(())
}

/// Two places in a log: something is broken at one, and a whole record stands behind it.
#[derive(Debug, Eq, PartialEq)]
struct Damage {
    broken: u64,
    whole: u64,
}

/// The damage of a log, if there is any; a block is in memory at a time.
fn damage(mut log: impl Read) -> io::Result<Option<Damage>> {
    let mut block = Vec::with_capacity(BLOCK_BYTES);
    let mut start = 0_u64;
    let mut broken = None;
    loop {
        block.clear();
        log.by_ref()
            .take(BLOCK_BYTES as u64)
            .read_to_end(&mut block)?;
        let in_log = |place: usize| start.saturating_add(place as u64);
        // Records begin anywhere in the block that is broken, and where each later one begins.
        let whole = match broken {
            Some(_) => Some(0).filter(|place| whole_record(&block, *place).is_some()),
            None => match first_broken(&block) {
                None => None,
                Some(place) => {
                    broken = Some(in_log(place));
                    let behind = place.saturating_add(1)..block.len();
                    behind
                        .into_iter()
                        .find(|place| whole_record(&block, *place).is_some())
                }
            },
        };
        if let (Some(broken), Some(whole)) = (broken, whole) {
            let whole = in_log(whole);
            return Ok(Some(Damage { broken, whole }));
        }
        if block.len() < BLOCK_BYTES {
            return Ok(None);
        }
        start = in_log(BLOCK_BYTES);
    }
}

/// Where a block stops being one whole record after the other; none if it does not.
fn first_broken(block: &[u8]) -> Option<usize> {
    let mut place = 0_usize;
    // What is too short for a record at the end of a block is padding.
    while place < block.len() && BLOCK_BYTES.saturating_sub(place) >= HEADER_BYTES {
        let Some(length) = whole_record(block, place) else {
            return Some(place);
        };
        place = place.saturating_add(HEADER_BYTES).saturating_add(length);
    }
    None
}

/// The length of the payload of the record at `place` in a block, if one is there and whole.
fn whole_record(block: &[u8], place: usize) -> Option<usize> {
    let rest = block.get(place..)?;
    let (stored, rest) = rest.split_first_chunk()?;
    let (length, rest) = rest.split_first_chunk()?;
    let (kind, payload) = rest.split_first()?;
    let length = usize::from(u16::from_le_bytes(*length));
    let payload = payload.get(..length)?;
    if *kind == 0 {
        return None;
    }
    let found = masked(crc32c(&[&[*kind], payload]));
    (found == u32::from_le_bytes(*stored)).then_some(length)
}

/// As RocksDB stores checksums, so that a checksum of checksums is none.
fn masked(checksum: u32) -> u32 {
    checksum.rotate_right(15).wrapping_add(0xa282_ead8)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A log of records with these payload lengths, padded as blocks want it.
    fn log(lengths: &[usize]) -> (Vec<u8>, Vec<usize>) {
        let mut log = Vec::new();
        let mut starts = Vec::new();
        for &length in lengths {
            let left = BLOCK_BYTES - log.len() % BLOCK_BYTES;
            if left < HEADER_BYTES {
                log.resize(log.len() + left, 0);
            }
            starts.push(log.len());
            let payload = vec![b'p'; length];
            let checksum = masked(crc32c(&[&[1], &payload]));
            log.extend_from_slice(&checksum.to_le_bytes());
            log.extend_from_slice(&u16::try_from(length).unwrap().to_le_bytes());
            log.push(1);
            log.extend_from_slice(&payload);
        }
        (log, starts)
    }

    #[test]
    fn a_torn_end_is_no_damage() {
        let (log, _) = log(&[10, 300, 40]);
        for end in 0..=log.len() {
            assert_eq!(damage(&log[..end]).unwrap(), None, "{end}");
        }
    }

    #[test]
    fn a_flipped_bit_before_the_last_record_is_damage() {
        let (log, starts) = log(&[10, 300, 40]);
        for bit in 0..log.len() * 8 {
            let mut log = log.clone();
            log[bit / 8] ^= 1 << (bit % 8);
            let is_last = bit / 8 >= starts[2];
            let found = damage(log.as_slice()).unwrap();
            assert_eq!(found.is_none(), is_last, "{bit}");
        }
    }

    #[test]
    fn blocks_are_searched_to_the_end() {
        let first = BLOCK_BYTES - HEADER_BYTES - 3;
        let (mut log, starts) = log(&[first, 20_000, 5000, 30]);
        assert_eq!(starts[1], BLOCK_BYTES);
        assert_eq!(damage(log.as_slice()).unwrap(), None);
        log[5] ^= 0x80;
        let found = Damage {
            broken: 0,
            whole: BLOCK_BYTES as u64,
        };
        assert_eq!(damage(log.as_slice()).unwrap(), Some(found));
    }
}
