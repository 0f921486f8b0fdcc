//! LZF: the compression of strings.
//!
//! A stream is tokens without a header or an end mark:
//!
//! | first byte | token |
//! |---|---|
//! | `000l_llll` | `l + 1` bytes follow as they are |
//! | `llld_dddd` d | copy `l + 2` bytes from `d + 1` bytes back (13 bits of distance) |
//! | `111d_dddd` l d | copy `l + 9` bytes from `d + 1` bytes back |

use crate::error::LzfError;

/// Longest run of bytes in one token.
const LITERAL_MAX: usize = 32;
/// Shortest copy.
const MATCH_MIN: usize = 3;
/// Longest copy.
const MATCH_MAX: usize = 264;
/// Farthest copy.
const DISTANCE_MAX: usize = 8192;
/// Bits of the hash of three bytes: 32 KiB of table, which fits the first-level cache.
const HASH_BITS: u32 = 13;
/// Where positions start, so that the zeros of a new table are too far back to be meant.
const FIRST_BASE: u32 = 8193;

/// Compresses strings one after the other with one table, which is never cleared between them.
///
/// Entries carry positions that go on rising from one input to the next, so what an earlier input
/// left is too far back to be used. The output depends on the input alone.
///
/// ```
/// let text = b"so long, and so long, and so long again";
/// let mut encoder = rdb_format::LzfEncoder::new();
/// let mut compressed = Vec::new();
/// let len = encoder.compress(text, &mut compressed, text.len() - 4);
/// assert_eq!(len, Some(compressed.len()));
///
/// let mut expanded = Vec::new();
/// rdb_format::lzf_decompress(&compressed, text.len(), &mut expanded)?;
/// assert_eq!(expanded, text);
/// # Ok::<(), rdb_format::LzfError>(())
/// ```
#[derive(Clone)]
pub struct LzfEncoder {
    // Hash of three bytes -> `base` plus their position in the input they were last seen in.
    table: Vec<u32>,
    base: u32,
}

impl LzfEncoder {
    /// An encoder with a table of 32 KiB.
    pub fn new() -> Self {
        Self {
            table: vec![0; 1 << HASH_BITS],
            base: FIRST_BASE,
        }
    }

    /// Appends the compressed form of `input` to `out` and gives its length in bytes.
    ///
    /// `None` when it would have more than `limit` bytes; `out` is then left as it was.
    pub fn compress(&mut self, input: &[u8], out: &mut Vec<u8>, limit: usize) -> Option<usize> {
        let start = out.len();
        self.leave_room(input.len());
        let fits = self.append_tokens(input, out, start.saturating_add(limit));
        let advance = input.len().saturating_add(DISTANCE_MAX);
        self.base = u32::try_from(advance).map_or(u32::MAX, |n| self.base.saturating_add(n));
        if fits.is_none() {
            out.truncate(start);
        }
        fits?;
        Some(out.len().wrapping_sub(start))
    }

    /// Starts over with an empty table where positions would wrap.
    fn leave_room(&mut self, len: usize) {
        let end = u32::try_from(len)
            .ok()
            .and_then(|len| self.base.checked_add(len));
        if end.is_none() {
            self.table.fill(0);
            self.base = FIRST_BASE;
        }
    }

    /// Appends tokens while `out` stays within `end` bytes.
    fn append_tokens(&mut self, input: &[u8], out: &mut Vec<u8>, end: usize) -> Option<()> {
        let mut at: usize = 0;
        let mut literals: usize = 0;
        while let Some(ahead) = input
            .get(at..)
            .and_then(|rest| rest.first_chunk::<MATCH_MIN>())
        {
            let Some(distance) = self.find(input, at, *ahead) else {
                // The longer nothing repeats, the longer the steps: noise passes quickly.
                at = at.wrapping_add((at.wrapping_sub(literals) >> 6).wrapping_add(1));
                continue;
            };
            let len = match_len(input, at, distance);
            append_literals(out, input.get(literals..at)?, end)?;
            append_match(out, distance, len, end)?;
            let next = at.wrapping_add(len);
            // The last two positions of the match are the likeliest starts of the next one.
            for inside in next.wrapping_sub(2)..next {
                if let Some(ahead) = input.get(inside..).and_then(|r| r.first_chunk()) {
                    self.remember(inside, *ahead);
                }
            }
            at = next;
            literals = next;
        }
        append_literals(out, input.get(literals..)?, end)
    }

    /// How far back the same three bytes are, if the table knows.
    #[inline]
    fn find(&mut self, input: &[u8], at: usize, ahead: [u8; MATCH_MIN]) -> Option<usize> {
        let (here, seen) = self.remember(at, ahead);
        // Inputs over 4 GiB wrap; a wrong distance is caught by comparing the bytes.
        let distance = usize::try_from(here.wrapping_sub(seen)).ok()?;
        if distance == 0 || distance > DISTANCE_MAX || distance > at {
            return None;
        }
        let candidate = input.get(at.wrapping_sub(distance)..)?.first_chunk()?;
        (*candidate == ahead).then_some(distance)
    }

    /// Stores the position of three bytes; gives it and the one stored before.
    #[inline]
    fn remember(&mut self, at: usize, ahead: [u8; MATCH_MIN]) -> (u32, u32) {
        #[expect(clippy::cast_possible_truncation, reason = "positions wrap by design")]
        let here = self.base.wrapping_add(at as u32);
        let [a, b, c] = ahead;
        let hash = u32::from_le_bytes([a, b, c, 0]).wrapping_mul(0x9e37_79b1) >> (32 - HASH_BITS);
        match self.table.get_mut(hash as usize) {
            Some(slot) => (here, std::mem::replace(slot, here)),
            None => (here, 0),
        }
    }
}

impl Default for LzfEncoder {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Debug for LzfEncoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LzfEncoder")
            .field("base", &self.base)
            .finish_non_exhaustive()
    }
}

/// Length of the match at `at` with what is `distance` bytes back, three bytes being known to.
fn match_len(input: &[u8], at: usize, distance: usize) -> usize {
    let ahead = input.get(at..).unwrap_or_default();
    let behind = input.get(at.wrapping_sub(distance)..).unwrap_or_default();
    let ahead = ahead.get(..MATCH_MAX).unwrap_or(ahead);
    let behind = behind.get(..ahead.len()).unwrap_or(behind);
    let mut len: usize = 0;
    let (ahead_words, ahead_rest) = ahead.as_chunks::<8>();
    let (behind_words, behind_rest) = behind.as_chunks::<8>();
    for (left, right) in ahead_words.iter().zip(behind_words) {
        let difference = u64::from_le_bytes(*left) ^ u64::from_le_bytes(*right);
        if difference != 0 {
            return len.wrapping_add((difference.trailing_zeros() / 8) as usize);
        }
        len = len.wrapping_add(8);
    }
    let same = ahead_rest
        .iter()
        .zip(behind_rest)
        .take_while(|(left, right)| left == right);
    len.wrapping_add(same.count())
}

#[inline]
fn append_literals(out: &mut Vec<u8>, literals: &[u8], end: usize) -> Option<()> {
    for run in literals.chunks(LITERAL_MAX) {
        if out.len().saturating_add(run.len()) >= end {
            return None;
        }
        out.push(run.len().wrapping_sub(1).to_le_bytes()[0]);
        out.extend_from_slice(run);
    }
    Some(())
}

#[inline]
fn append_match(out: &mut Vec<u8>, distance: usize, len: usize, end: usize) -> Option<()> {
    let [low, high, ..] = distance.wrapping_sub(1).to_le_bytes();
    let [len, more, ..] = len.wrapping_sub(2).to_le_bytes();
    debug_assert!(high < 32 && (len >= 1 || more > 0), "token out of range");
    let written = if more == 0 && len < 7 {
        out.extend_from_slice(&[(len << 5) | high, low]);
        out.len()
    } else {
        // The longest match, 264, has 262 - 7 = 255 here.
        let extra = u16::from_le_bytes([len, more])
            .wrapping_sub(7)
            .to_le_bytes()[0];
        out.extend_from_slice(&[0xe0 | high, extra, low]);
        out.len()
    };
    (written <= end).then_some(())
}

/// Appends the `expanded_len` bytes that `input` stands for to `out`.
///
/// Nothing is reserved before it is plain that `input` can expand that far: one byte gives at most
/// 88.
///
/// # Errors
///
/// [`LzfError`] when `input` ends inside a token, copies from before its own output, or gives more
/// or fewer than `expanded_len` bytes. `out` is then left as it was.
pub fn lzf_decompress(
    input: &[u8],
    expanded_len: usize,
    out: &mut Vec<u8>,
) -> Result<(), LzfError> {
    let too_short = LzfError::TooShort {
        compressed: input.len(),
        expanded: expanded_len,
    };
    if expanded_len > input.len().saturating_mul(88).saturating_add(32) {
        return Err(too_short);
    }
    let start = out.len();
    out.resize(start.saturating_add(expanded_len), 0);
    let expanded = expand(input, out.get_mut(start..).unwrap_or_default());
    if expanded.is_err() {
        out.truncate(start);
    }
    expanded
}

/// Fills `target` with what `input` stands for.
fn expand(input: &[u8], target: &mut [u8]) -> Result<(), LzfError> {
    let mut written: usize = 0;
    let mut rest = input;
    while let Some((control, tail)) = rest.split_first() {
        let at = input.len().wrapping_sub(rest.len());
        let truncated = LzfError::Truncated { at };
        let too_long = LzfError::TooLong {
            at,
            expanded: target.len(),
        };
        if *control < 32 {
            let run = usize::from(*control).wrapping_add(1);
            let after = tail.get(run..).ok_or(truncated)?;
            copy_literals(target, written, tail, run).ok_or(too_long)?;
            written = written.wrapping_add(run);
            rest = after;
            continue;
        }
        let (extra, tail) = if *control < 0xe0 {
            (0, tail)
        } else {
            tail.split_first()
                .map(|(extra, tail)| (*extra, tail))
                .ok_or(truncated)?
        };
        let (low, tail) = tail.split_first().ok_or(truncated)?;
        let run = usize::from(*control >> 5)
            .wrapping_add(usize::from(extra))
            .wrapping_add(2);
        let distance = usize::from(u16::from_be_bytes([*control & 31, *low])).wrapping_add(1);
        if distance > written {
            return Err(LzfError::Distance {
                at,
                distance,
                written,
            });
        }
        copy_back(target, written, distance, run).ok_or(too_long)?;
        written = written.wrapping_add(run);
        rest = tail;
    }
    if written < target.len() {
        return Err(LzfError::TooShort {
            compressed: input.len(),
            expanded: target.len(),
        });
    }
    Ok(())
}

/// Copies the first `run` bytes of `source`, at most 32, to `target`; `None` without room.
///
/// With room for it, it copies 32 bytes whatever `run`: one move instead of a call. What it copies
/// too much is written over by what comes next.
#[inline]
fn copy_literals(target: &mut [u8], written: usize, source: &[u8], run: usize) -> Option<()> {
    let room = target.get_mut(written..)?;
    match (
        room.first_chunk_mut::<LITERAL_MAX>(),
        source.first_chunk::<LITERAL_MAX>(),
    ) {
        (Some(room), Some(source)) => *room = *source,
        _ => room.get_mut(..run)?.copy_from_slice(source.get(..run)?),
    }
    Some(())
}

/// Copies `run` bytes from `distance` back, which may be bytes that this very copy writes; `None`
/// without room.
#[inline]
fn copy_back(target: &mut [u8], written: usize, distance: usize, run: usize) -> Option<()> {
    const STEP: usize = 16;
    let from = written.wrapping_sub(distance);
    let end = written.wrapping_add(run);
    if end > target.len() {
        return None;
    }
    if distance >= STEP && end.saturating_add(STEP) <= target.len() {
        // As with literals, the last step may copy too much.
        for done in (0..run).step_by(STEP) {
            let (before, after) = target.split_at_mut_checked(written.wrapping_add(done))?;
            let source = before
                .get(from.wrapping_add(done)..)?
                .first_chunk::<STEP>()?;
            *after.first_chunk_mut::<STEP>()? = *source;
        }
        return Some(());
    }
    let mut at = written;
    // What lies between `from` and `at` repeats with period `distance`, and doubles per turn.
    while at < end {
        let piece = end.wrapping_sub(at).min(at.wrapping_sub(from));
        target.copy_within(from..from.wrapping_add(piece), at);
        at = at.wrapping_add(piece);
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::{LzfEncoder, LzfError, lzf_decompress};

    fn compressed(input: &[u8]) -> Option<Vec<u8>> {
        let mut out = Vec::new();
        LzfEncoder::new()
            .compress(input, &mut out, input.len().saturating_sub(4))
            .map(|_| out)
    }

    fn expanded(input: &[u8], len: usize) -> Result<Vec<u8>, LzfError> {
        let mut out = Vec::new();
        lzf_decompress(input, len, &mut out).map(|()| out)
    }

    fn words(seed: u64, len: usize) -> Vec<u8> {
        let mut state = seed;
        let mut text = Vec::new();
        while text.len() < len {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            text.extend_from_slice(format!("w{} ", (state >> 33) % 97).as_bytes());
        }
        text.truncate(len);
        text
    }

    #[test]
    fn text_of_every_length_comes_back() {
        let mut encoder = LzfEncoder::new();
        for len in (0..400).chain([8191, 8192, 8193, 8200, 20_000, 70_000]) {
            let text = words(len as u64, len);
            let mut out = b"before".to_vec();
            if let Some(size) = encoder.compress(&text, &mut out, len.saturating_mul(2) + 8) {
                assert_eq!(out.len(), size + 6);
                assert_eq!(expanded(&out[6..], len).unwrap(), text, "length {len}");
            } else {
                panic!("no room for {len}");
            }
        }
    }

    #[test]
    fn long_runs_use_the_longest_matches() {
        let zeros = vec![0; 100_000];
        let out = compressed(&zeros).unwrap();
        assert!(out.len() < 1200, "{}", out.len());
        assert_eq!(expanded(&out, zeros.len()).unwrap(), zeros);
    }

    #[test]
    fn noise_does_not_fit_and_leaves_the_output_alone() {
        let mut state: u64 = 1;
        let noise: Vec<u8> = std::iter::repeat_with(|| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(99);
            state.to_be_bytes()[0]
        })
        .take(5000)
        .collect();
        let mut out = b"before".to_vec();
        assert_eq!(
            LzfEncoder::new().compress(&noise, &mut out, noise.len() - 4),
            None
        );
        assert_eq!(out, b"before");
    }

    #[test]
    fn the_limit_is_exact() {
        let text = words(7, 500);
        let full = compressed(&text).unwrap();
        let mut out = Vec::new();
        let mut encoder = LzfEncoder::new();
        assert_eq!(encoder.compress(&text, &mut out, full.len() - 1), None);
        assert_eq!(
            encoder.compress(&text, &mut out, full.len()),
            Some(full.len())
        );
        assert_eq!(out, full);
    }

    #[test]
    fn output_depends_on_the_input_alone() {
        let mut reused = LzfEncoder::new();
        for seed in 0..50 {
            let text = words(seed % 5, 3000);
            let mut out = Vec::new();
            reused.compress(&text, &mut out, 3000);
            assert_eq!(Some(out), compressed(&text), "seed {seed}");
        }
    }

    #[test]
    fn positions_start_over_before_they_wrap() {
        let text = words(3, 1000);
        let mut encoder = LzfEncoder::new();
        encoder.base = u32::MAX - 500;
        encoder.table.fill(u32::MAX - 600);
        let mut out = Vec::new();
        encoder.compress(&text, &mut out, 1000);
        assert_eq!(Some(out), compressed(&text));
    }

    #[test]
    fn each_damage_has_its_error() {
        assert_eq!(expanded(&[], 0), Ok(Vec::new()));
        assert_eq!(
            expanded(&[], 1),
            Err(LzfError::TooShort {
                compressed: 0,
                expanded: 1
            })
        );
        assert_eq!(expanded(&[2, b'a'], 3), Err(LzfError::Truncated { at: 0 }));
        assert_eq!(
            expanded(&[0, b'a', 0x20], 4),
            Err(LzfError::Truncated { at: 2 })
        );
        assert_eq!(
            expanded(&[0, b'a', 0xe0, 0], 20),
            Err(LzfError::Truncated { at: 2 })
        );
        assert_eq!(
            expanded(&[0, b'a', 0x20, 1], 4),
            Err(LzfError::Distance {
                at: 2,
                distance: 2,
                written: 1
            })
        );
        assert_eq!(
            expanded(&[0, b'a', 0x20, 0], 3),
            Err(LzfError::TooLong { at: 2, expanded: 3 })
        );
        assert_eq!(
            expanded(&[1, b'a', b'b'], 1),
            Err(LzfError::TooLong { at: 0, expanded: 1 })
        );
        assert_eq!(
            expanded(&[0, b'a'], 2),
            Err(LzfError::TooShort {
                compressed: 2,
                expanded: 2
            })
        );
        assert_eq!(
            expanded(&[0, b'a'], usize::MAX),
            Err(LzfError::TooShort {
                compressed: 2,
                expanded: usize::MAX
            })
        );
    }

    #[test]
    fn streams_of_the_original_library_expand() {
        // Compressed by liblzf 3.6, which sends no last bytes as copies.
        let text = b"so long, and so long, and so long again";
        let stream = b"\x0dso long, and s\xe0\x0a\x0c\x05 again";
        assert_eq!(expanded(stream, text.len()).unwrap(), text);
        let stream = b"\x08abcdefgha\xe0\xff\x07\xe1\xff\x07\xe1\xfc\x07\x01gh";
        assert_eq!(expanded(stream, 800).unwrap(), b"abcdefgh".repeat(100));
    }

    #[test]
    fn overlapping_copies_repeat() {
        assert_eq!(expanded(&[0, b'a', 0x80, 0], 7).unwrap(), b"aaaaaaa");
        assert_eq!(
            expanded(&[1, b'a', b'b', 0xe0, 3, 1], 14).unwrap(),
            b"abababababababab"[..14]
        );
    }
}
