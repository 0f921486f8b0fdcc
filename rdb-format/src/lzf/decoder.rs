//! LZF to strings.

use super::LITERAL_MAX;
use crate::error::LzfError;

/// Bytes that a copy moves at once.
const STEP: usize = 16;
/// Bytes that a copy may write beyond its end.
const SLACK: usize = LITERAL_MAX;

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
    let end = start.saturating_add(expanded_len);
    out.resize(end.saturating_add(SLACK), 0);
    let target = Target {
        room: out.get_mut(start..).unwrap_or_default(),
        at: 0,
        len: expanded_len,
    };
    let expanded = target.expand(input);
    out.truncate(if expanded.is_ok() { end } else { start });
    expanded
}

/// Where the expanded bytes go.
struct Target<'a> {
    // Room for `len` bytes and the slack.
    room: &'a mut [u8],
    at: usize,
    len: usize,
}

impl Target<'_> {
    /// Fills the target with what `input` stands for.
    fn expand(mut self, input: &[u8]) -> Result<(), LzfError> {
        let mut rest = input;
        while let Some((control, tail)) = rest.split_first() {
            let at = input.len().wrapping_sub(rest.len());
            let truncated = LzfError::Truncated { at };
            let too_long = LzfError::TooLong {
                at,
                expanded: self.len,
            };
            if usize::from(*control) < LITERAL_MAX {
                let run = usize::from(*control).wrapping_add(1);
                rest = tail.get(run..).ok_or(truncated)?;
                self.literals(tail, run).ok_or(too_long)?;
                continue;
            }
            let (extra, tail) = if *control < 0xe0 {
                (0, tail)
            } else {
                let (extra, tail) = tail.split_first().ok_or(truncated)?;
                (*extra, tail)
            };
            let (low, tail) = tail.split_first().ok_or(truncated)?;
            let run = usize::from(*control >> 5)
                .wrapping_add(usize::from(extra))
                .wrapping_add(2);
            let distance = usize::from(u16::from_be_bytes([*control & 31, *low])).wrapping_add(1);
            if distance > self.at {
                return Err(LzfError::Distance {
                    at,
                    distance,
                    written: self.at,
                });
            }
            self.copy(distance, run).ok_or(too_long)?;
            rest = tail;
        }
        if self.at < self.len {
            return Err(LzfError::TooShort {
                compressed: input.len(),
                expanded: self.len,
            });
        }
        Ok(())
    }

    /// Copies the first `run` bytes of `source`, at most 32; `None` without room.
    ///
    /// Where `source` goes on, it copies 32 bytes whatever `run`: one move instead of a call. What
    /// it copies too much is written over by what comes next, or is slack.
    #[inline]
    fn literals(&mut self, source: &[u8], run: usize) -> Option<()> {
        let next = self.at.wrapping_add(run);
        if next > self.len {
            return None;
        }
        let room = self.room.get_mut(self.at..)?;
        match (
            room.first_chunk_mut::<LITERAL_MAX>(),
            source.first_chunk::<LITERAL_MAX>(),
        ) {
            (Some(room), Some(source)) => *room = *source,
            _ => room.get_mut(..run)?.copy_from_slice(source.get(..run)?),
        }
        self.at = next;
        Some(())
    }

    /// Copies `run` bytes from `distance` back, which may be bytes that this very copy writes;
    /// `None` without room.
    #[inline]
    fn copy(&mut self, distance: usize, run: usize) -> Option<()> {
        let end = self.at.wrapping_add(run);
        if end > self.len {
            return None;
        }
        if distance < STEP {
            self.repeat(distance, end);
            return Some(());
        }
        // As with literals, the last step may copy too much.
        while self.at < end {
            let (before, after) = self.room.split_at_mut_checked(self.at)?;
            let from = self.at.wrapping_sub(distance);
            let source = before.get(from..)?.first_chunk::<STEP>()?;
            *after.first_chunk_mut::<STEP>()? = *source;
            self.at = self.at.wrapping_add(STEP);
        }
        self.at = end;
        Some(())
    }

    /// Copies up to `end` from `distance` back, less than a step.
    #[inline]
    fn repeat(&mut self, distance: usize, end: usize) {
        let from = self.at.wrapping_sub(distance);
        // What lies between `from` and `at` repeats with period `distance`, and doubles per turn.
        while self.at < end {
            let piece = end.wrapping_sub(self.at).min(self.at.wrapping_sub(from));
            self.room
                .copy_within(from..from.wrapping_add(piece), self.at);
            self.at = self.at.wrapping_add(piece);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{LzfError, lzf_decompress};

    fn expanded(input: &[u8], len: usize) -> Result<Vec<u8>, LzfError> {
        let mut out = Vec::new();
        lzf_decompress(input, len, &mut out).map(|()| out)
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
