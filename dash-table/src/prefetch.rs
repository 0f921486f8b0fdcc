//! A request to the memory, so that what will be read soon is near by then.

use crate::fingerprint;

/// Bytes that the memory brings at once.
const LINE_BYTES: usize = 64;

/// Longer bytes are asked for up to here: the processor goes on by itself once it sees them read.
const BYTES_MAX: usize = 4 * LINE_BYTES;

/// Asks for `bytes` to be brought near the processor, and waits for nothing.
///
/// For what the entries of a bucket keep out of line: asked for in [`Observer::approach`], it is
/// there when the bucket is delivered. Does nothing on processors where there is no such request.
///
/// ```
/// let value = vec![7; 100];
/// dash_table::prefetch(&value);
/// assert_eq!(value[99], 7);
/// ```
///
/// [`Observer::approach`]: crate::Observer::approach
#[inline]
pub fn prefetch(bytes: &[u8]) {
    for offset in offsets(bytes.len()) {
        fingerprint::prefetch(bytes.as_ptr().wrapping_add(offset));
    }
}

/// Offsets of bytes, of so many, in each line that they touch, wherever they begin.
#[inline]
fn offsets(length: usize) -> impl Iterator<Item = usize> {
    let last = length.min(BYTES_MAX).checked_sub(1);
    let steps = (0..last.unwrap_or(0)).step_by(LINE_BYTES);
    steps.chain(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_asked_for_and_nothing_beyond() {
        for length in 0..2 * BYTES_MAX {
            let asked = length.min(BYTES_MAX);
            assert!(offsets(length).all(|offset| offset < asked));
            for start in 0..LINE_BYTES {
                let lines: Vec<usize> = offsets(length)
                    .map(|offset| (start + offset) / LINE_BYTES)
                    .collect();
                let touched = (0..asked).map(|byte| (start + byte) / LINE_BYTES);
                assert!(touched.into_iter().all(|line| lines.contains(&line)));
            }
        }
    }
}
