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
    let Some(last) = bytes.len().min(BYTES_MAX).checked_sub(1) else {
        return;
    };
    for offset in (0..last).step_by(LINE_BYTES) {
        fingerprint::prefetch(bytes.as_ptr().wrapping_add(offset));
    }
    fingerprint::prefetch(bytes.as_ptr().wrapping_add(last));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_length_is_asked_for_without_a_fault() {
        let bytes = vec![0; 2 * BYTES_MAX];
        for length in 0..bytes.len() {
            prefetch(&bytes[..length]);
            prefetch(&bytes[bytes.len() - length..]);
        }
    }
}
