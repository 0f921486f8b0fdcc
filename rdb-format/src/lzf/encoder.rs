//! Strings to LZF.

use super::LITERAL_MAX;

/// Longest copy.
const MATCH_MAX: usize = 264;
/// Farthest copy.
const DISTANCE_MAX: usize = 8192;
/// Bits of the hash of three bytes: 32 KiB of table, which fits the first-level cache.
const HASH_BITS: u32 = 13;
/// Entries of the table.
const HASHES: usize = 1 << HASH_BITS;
/// Where positions start, so that the zeros of a new table are too far back to be meant.
const FIRST_BASE: u32 = 8193;
/// Bytes compared at once.
const WORD: usize = 8;
/// The three of them that are hashed.
const HASHED: u64 = 0x00ff_ffff;
/// Bytes that a token may take, or write beyond its end.
const TOKEN_ROOM: usize = LITERAL_MAX + 1;

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
            table: vec![0; HASHES],
            base: FIRST_BASE,
        }
    }

    /// Appends the compressed form of `input` to `out` and gives its length in bytes.
    ///
    /// `None` when it would have more than `limit` bytes; `out` is then left as it was.
    pub fn compress(&mut self, input: &[u8], out: &mut Vec<u8>, limit: usize) -> Option<usize> {
        let start = out.len();
        self.leave_room(input.len());
        // At worst, one byte more for each run.
        let worst = input
            .len()
            .saturating_add(input.len().div_ceil(LITERAL_MAX));
        let room = limit.min(worst).saturating_add(TOKEN_ROOM);
        out.resize(start.saturating_add(room), 0);
        let Some(table) = self.table.first_chunk_mut() else {
            unreachable!("the table has its size from the start")
        };
        let scan = Scan {
            input,
            table,
            base: self.base,
        };
        let len = scan.append_tokens(out.get_mut(start..).unwrap_or_default());
        let advance = input.len().saturating_add(DISTANCE_MAX);
        self.base = u32::try_from(advance).map_or(u32::MAX, |n| self.base.saturating_add(n));
        out.truncate(start.saturating_add(len.unwrap_or(0)));
        len
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

/// One input and the table for it.
struct Scan<'a> {
    input: &'a [u8],
    table: &'a mut [u32; HASHES],
    base: u32,
}

impl Scan<'_> {
    /// Writes tokens to `room`: how many bytes, if [`TOKEN_ROOM`] bytes are left in the end.
    fn append_tokens(mut self, room: &mut [u8]) -> Option<usize> {
        let input = self.input;
        let mut tokens = Tokens { room, len: 0 };
        let mut at: usize = 0;
        let mut literals: usize = 0;
        // What is too short to be compared at once is left as it is.
        while let Some(ahead) = word(input, at) {
            let Some((distance, differs)) = self.find(at, ahead) else {
                // The longer nothing repeats, the longer the steps: noise passes quickly.
                at = at.wrapping_add((at.wrapping_sub(literals) >> 6).wrapping_add(1));
                continue;
            };
            let len = if differs == 0 {
                self.match_len(at, distance)
            } else {
                (differs.trailing_zeros() / 8) as usize
            };
            tokens.literals(input, literals, at)?;
            tokens.copy(distance, len)?;
            at = at.wrapping_add(len);
            literals = at;
            // The last two positions of the match are the likeliest starts of the next one.
            let last = at.wrapping_sub(2);
            if let Some([a, b, c, d]) = input.get(last..).and_then(|rest| rest.first_chunk()) {
                self.remember(last, u32::from_le_bytes([*a, *b, *c, 0]));
                self.remember(last.wrapping_add(1), u32::from_le_bytes([*b, *c, *d, 0]));
            }
        }
        tokens.literals(input, literals, input.len())?;
        tokens.finish()
    }

    /// How far back the same three bytes are, if the table knows, and in which bits the word there
    /// differs.
    #[inline]
    fn find(&mut self, at: usize, ahead: u64) -> Option<(usize, u64)> {
        let seen = self.remember(at, (ahead & HASHED) as u32);
        // What an earlier input left is too far back. Inputs over 4 GiB wrap; a wrong distance is
        // caught by comparing the bytes.
        let distance = self.position(at).wrapping_sub(seen) as usize;
        if !(1..=DISTANCE_MAX).contains(&distance) {
            return None;
        }
        let differs = word(self.input, at.wrapping_sub(distance))? ^ ahead;
        (differs & HASHED == 0).then_some((distance, differs))
    }

    /// Stores the position of three bytes; gives the one stored before.
    #[inline]
    fn remember(&mut self, at: usize, ahead: u32) -> u32 {
        let position = self.position(at);
        let hash = ahead.wrapping_mul(0x9e37_79b1) >> (32 - HASH_BITS);
        match self.table.get_mut(hash as usize) {
            Some(slot) => std::mem::replace(slot, position),
            None => 0,
        }
    }

    #[inline]
    fn position(&self, at: usize) -> u32 {
        #[expect(clippy::cast_possible_truncation, reason = "positions wrap by design")]
        self.base.wrapping_add(at as u32)
    }

    /// Length of the match at `at` with what is `distance` bytes back, one word being the same.
    fn match_len(&self, at: usize, distance: usize) -> usize {
        let ahead = self.input.get(at..).unwrap_or_default();
        let ahead = ahead.get(..MATCH_MAX).unwrap_or(ahead);
        let behind = at.wrapping_sub(distance);
        let mut len = WORD;
        while let Some(word_ahead) = word(ahead, len) {
            let word_behind = word(self.input, behind.wrapping_add(len)).unwrap_or_default();
            let differs = word_ahead ^ word_behind;
            if differs != 0 {
                return len.wrapping_add((differs.trailing_zeros() / 8) as usize);
            }
            len = len.wrapping_add(WORD);
        }
        let behind = self.input.get(behind.wrapping_add(len)..);
        let rest = ahead.get(len..).unwrap_or_default().iter();
        let same = rest.zip(behind.unwrap_or_default());
        len.wrapping_add(same.take_while(|(left, right)| left == right).count())
    }
}

/// The eight bytes at `at`.
#[inline]
fn word(bytes: &[u8], at: usize) -> Option<u64> {
    let word = bytes.get(at..)?.first_chunk::<WORD>()?;
    Some(u64::from_le_bytes(*word))
}

/// Where tokens go.
struct Tokens<'a> {
    room: &'a mut [u8],
    len: usize,
}

impl Tokens<'_> {
    /// The room for one token. Only what fits wholly within the limit leaves room for another.
    #[inline]
    fn token(&mut self) -> Option<&mut [u8; TOKEN_ROOM]> {
        self.room.get_mut(self.len..)?.first_chunk_mut()
    }

    /// Appends the bytes from `start` to `end` as they are; `None` if something did not fit.
    #[inline]
    fn literals(&mut self, input: &[u8], start: usize, end: usize) -> Option<()> {
        let mut start = start;
        while start < end {
            let run = end.wrapping_sub(start).min(LITERAL_MAX);
            let [control, room @ ..] = self.token()?;
            *control = run.wrapping_sub(1).to_le_bytes()[0];
            let source = input.get(start..)?;
            // One move of 32 bytes instead of a call. What it copies too much is written over by
            // what comes next.
            match source.first_chunk::<LITERAL_MAX>() {
                Some(source) => *room = *source,
                None => room.get_mut(..run)?.copy_from_slice(source.get(..run)?),
            }
            self.len = self.len.wrapping_add(run).wrapping_add(1);
            start = start.wrapping_add(run);
        }
        Some(())
    }

    /// Appends a copy of `len` bytes from `distance` back; `None` if something did not fit.
    #[inline]
    fn copy(&mut self, distance: usize, len: usize) -> Option<()> {
        let [low, high, ..] = distance.wrapping_sub(1).to_le_bytes();
        let code = len.wrapping_sub(2);
        let [short, ..] = code.to_le_bytes();
        // The longest match, 264, has 262 - 7 = 255 here.
        let [extra, ..] = code.wrapping_sub(7).to_le_bytes();
        debug_assert!(high < 32 && (1..=262).contains(&code), "token out of range");
        let [first, second, third, ..] = self.token()?;
        let long = code >= 7;
        *first = high | if long { 0xe0 } else { short << 5 };
        *second = if long { extra } else { low };
        *third = low;
        self.len = self.len.wrapping_add(2).wrapping_add(usize::from(long));
        Some(())
    }

    /// The length of all tokens, if it is within the limit.
    fn finish(mut self) -> Option<usize> {
        self.token()?;
        Some(self.len)
    }
}

#[cfg(test)]
mod tests {
    use super::LzfEncoder;
    use crate::error::LzfError;
    use crate::lzf::lzf_decompress;

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
}
