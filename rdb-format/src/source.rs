//! Where a reader takes its bytes from: a slice, or anything that can be read.

use std::io::{self, ErrorKind};

use crate::crc64::Crc64;

/// Bytes are summed in pieces of this size, while they are still in the cache.
const SUM_BYTES: usize = 64 * 1024;
/// Size of a read buffer that no big string has stretched.
const BUFFER_BYTES: usize = 128 * 1024;

pub(crate) mod sealed {
    use std::io;

    /// A window on the bytes that are not consumed yet.
    pub trait Window {
        /// The bytes at hand.
        fn window(&self) -> &[u8];

        /// Makes the window at least `wanted` bytes long, or as long as the input allows.
        ///
        /// # Errors
        ///
        /// What the source says, except interruptions.
        fn fill(&mut self, wanted: usize) -> io::Result<()>;

        /// Drops `count` bytes, which are in the window, from its front.
        fn consume(&mut self, count: usize);

        /// Stops summing the bytes consumed.
        fn ignore_checksum(&mut self);

        /// The checksum of all bytes consumed, or 0 when they are not summed.
        fn checksum(&mut self) -> u64;
    }
}

use sealed::Window;

/// Bytes for a [`Reader`](crate::Reader). Implemented by [`SliceSource`] and [`ReadSource`] only.
pub trait Source: Window {}

/// Sums what it is shown, unless told not to.
#[derive(Debug, Clone, Copy, Default)]
struct Sum {
    crc: Crc64,
    ignored: bool,
}

impl Sum {
    #[inline]
    fn add(&mut self, bytes: &[u8]) {
        if !self.ignored {
            self.crc.update(bytes);
        }
    }
}

/// Bytes in memory: nothing is copied but what is compressed.
#[derive(Debug, Clone)]
pub struct SliceSource<'a> {
    // What is consumed but not summed, then the window.
    bytes: &'a [u8],
    consumed: usize,
    window: &'a [u8],
    sum: Sum,
}

impl<'a> SliceSource<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            consumed: 0,
            window: bytes,
            sum: Sum::default(),
        }
    }

    #[inline]
    fn catch_up(&mut self) {
        let (consumed, window) = self
            .bytes
            .split_at_checked(self.consumed)
            .unwrap_or_default();
        self.sum.add(consumed);
        self.bytes = window;
        self.consumed = 0;
    }
}

impl Source for SliceSource<'_> {}

impl Window for SliceSource<'_> {
    #[inline]
    fn window(&self) -> &[u8] {
        self.window
    }

    fn fill(&mut self, _wanted: usize) -> io::Result<()> {
        Ok(())
    }

    #[inline]
    fn consume(&mut self, count: usize) {
        assert!(count <= self.window.len(), "consumes more than there is");
        self.window = self.window.get(count..).unwrap_or_default();
        self.consumed = self.consumed.wrapping_add(count);
        if self.consumed >= SUM_BYTES {
            self.catch_up();
        }
    }

    fn ignore_checksum(&mut self) {
        self.sum.ignored = true;
    }

    fn checksum(&mut self) -> u64 {
        self.catch_up();
        self.sum.crc.value()
    }
}

/// Bytes from an [`io::Read`], through a buffer that grows only as bytes arrive.
///
/// The buffer is 128 KiB, or twice the longest string that is not yet delivered.
#[derive(Debug)]
pub struct ReadSource<R> {
    input: R,
    // buffer[..summed] is done with; [summed..start] is consumed; [start..end] is the window.
    buffer: Vec<u8>,
    summed: usize,
    start: usize,
    end: usize,
    sum: Sum,
}

impl<R: io::Read> ReadSource<R> {
    pub(crate) fn new(input: R) -> Self {
        Self {
            input,
            buffer: Vec::new(),
            summed: 0,
            start: 0,
            end: 0,
            sum: Sum::default(),
        }
    }

    /// The input, and the bytes read from it but not consumed.
    pub(crate) fn into_parts(mut self) -> (R, Vec<u8>) {
        self.buffer.truncate(self.end);
        self.buffer.drain(..self.start);
        (self.input, self.buffer)
    }

    fn catch_up(&mut self) {
        self.sum
            .add(self.buffer.get(self.summed..self.start).unwrap_or_default());
        self.summed = self.start;
    }

    /// Moves the window to the front of the buffer.
    fn compact(&mut self) {
        self.catch_up();
        self.buffer.copy_within(self.start..self.end, 0);
        self.end = self.end.wrapping_sub(self.start);
        self.start = 0;
        self.summed = 0;
        // What a big string stretched is given back once it is passed.
        if self.end <= BUFFER_BYTES && self.buffer.len() > BUFFER_BYTES.wrapping_mul(8) {
            self.buffer.truncate(BUFFER_BYTES);
            self.buffer.shrink_to_fit();
        }
    }
}

impl<R: io::Read> Source for ReadSource<R> {}

impl<R: io::Read> Window for ReadSource<R> {
    #[inline]
    fn window(&self) -> &[u8] {
        self.buffer.get(self.start..self.end).unwrap_or_default()
    }

    fn fill(&mut self, wanted: usize) -> io::Result<()> {
        self.compact();
        while self.end < wanted {
            if self.end == self.buffer.len() {
                let size = self.buffer.len().saturating_mul(2).max(BUFFER_BYTES);
                self.buffer.resize(size, 0);
            }
            let free = self.buffer.get_mut(self.end..).unwrap_or_default();
            let room = free.len();
            match self.input.read(free) {
                Ok(0) => break,
                Ok(count) => {
                    assert!(
                        count <= room,
                        "a source read more than it was given room for"
                    );
                    self.end = self.end.wrapping_add(count);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    #[inline]
    fn consume(&mut self, count: usize) {
        assert!(
            count <= self.end.wrapping_sub(self.start),
            "consumes more than there is"
        );
        self.start = self.start.wrapping_add(count);
        if self.start.wrapping_sub(self.summed) >= SUM_BYTES {
            self.catch_up();
        }
    }

    fn ignore_checksum(&mut self) {
        self.sum.ignored = true;
    }

    fn checksum(&mut self) -> u64 {
        self.catch_up();
        self.sum.crc.value()
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::io::{self, Read};

    use super::sealed::Window;
    use super::{BUFFER_BYTES, ReadSource, SUM_BYTES, SliceSource};
    use crate::crc64::Crc64;

    /// Gives `left` bytes, 1000 at a time, and remembers the longest buffer it was handed.
    struct Trickle<'a> {
        left: usize,
        longest: &'a Cell<usize>,
    }

    impl Read for Trickle<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.longest.set(self.longest.get().max(buffer.len()));
            let len = buffer.len().min(1000).min(self.left);
            buffer[..len].fill(b'x');
            self.left -= len;
            Ok(len)
        }
    }

    #[test]
    fn the_buffer_grows_only_as_bytes_arrive() {
        let longest = Cell::new(0);
        let mut source = ReadSource::new(Trickle {
            left: 300_000,
            longest: &longest,
        });
        source.fill(usize::MAX).unwrap();
        assert_eq!(source.window().len(), 300_000);
        assert!(source.buffer.len() <= 600_000, "{}", source.buffer.len());
        assert!(longest.get() <= 300_000, "{}", longest.get());
    }

    #[test]
    fn the_buffer_shrinks_once_a_big_string_is_passed() {
        let longest = Cell::new(0);
        let mut source = ReadSource::new(Trickle {
            left: 9_000_000,
            longest: &longest,
        });
        source.fill(8_000_000).unwrap();
        assert!(source.buffer.len() >= 8_000_000);
        source.consume(8_000_000);
        let left = source.window().len();
        source.fill(left + 1).unwrap();
        assert_eq!(source.buffer.len(), BUFFER_BYTES);
    }

    #[test]
    fn both_sources_sum_what_they_consume() {
        let bytes: Vec<u8> = (0..400_000_u32).map(|n| n.to_le_bytes()[1]).collect();
        let mut slice = SliceSource::new(&bytes);
        let mut read = ReadSource::new(bytes.as_slice());
        let mut consumed = 0;
        for step in [1, 7, SUM_BYTES - 1, 2, SUM_BYTES, 130_000, 0, 3] {
            read.fill(step).unwrap();
            assert_eq!(slice.window()[..step], read.window()[..step]);
            slice.consume(step);
            read.consume(step);
            consumed += step;
            let mut crc = Crc64::new();
            crc.update(&bytes[..consumed]);
            assert_eq!(slice.checksum(), crc.value(), "slice after {consumed}");
            assert_eq!(read.checksum(), crc.value(), "read after {consumed}");
        }
    }

    #[test]
    fn a_failing_source_says_how_far_it_got() {
        struct Failing;
        impl Read for Failing {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::Error::other("gone"))
            }
        }
        let mut reader = crate::Reader::new(b"REDIS0009\xfe".chain(Failing));
        reader.next_event().unwrap();
        let error = reader.next_event().unwrap_err();
        assert_eq!(error.to_string(), "byte 10: read failed");
        assert_eq!(
            std::error::Error::source(&error).unwrap().to_string(),
            "gone"
        );
    }
}
