//! Lengths, numbers and strings off the front of a source.

mod frame;
mod number;
mod string_entry;

use crate::decimal::append_decimal;
use crate::error::DecodeError;
use crate::length::{WIDE_32, WIDE_64};
use crate::lzf::lzf_decompress;
use crate::options::Limits;
use crate::source::Source;
use crate::value_type::Encoding;

/// First byte of a string stored as a one-byte integer; two and four bytes follow it.
pub(crate) const INTEGER_8: u8 = 0xc0;
/// First byte of a string stored as a two-byte integer.
pub(crate) const INTEGER_16: u8 = 0xc1;
/// First byte of a string stored as a four-byte integer.
pub(crate) const INTEGER_32: u8 = 0xc2;
/// First byte of a compressed string.
pub(crate) const COMPRESSED: u8 = 0xc3;
/// Expansion space above this is given back once it is not needed.
const EXPANDED_KEPT_BYTES: usize = 1024 * 1024;

/// Which of the two places a string that is not stored as it is goes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Slot {
    First,
    Second,
}

/// Where a string is until the next [`commit`](Input::commit).
#[derive(Debug, Clone, Copy)]
pub(crate) enum Text {
    /// In the window, between these places.
    Window { start: usize, end: usize },
    /// Written out to a slot.
    Slot(Slot),
    /// In the expanded container, between these places.
    Container { start: usize, end: usize },
}

impl Text {
    /// No bytes.
    pub(crate) const NOWHERE: Self = Self::Window { start: 0, end: 0 };
}

/// A container that is being walked.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Blob {
    /// Where its string starts, in bytes from the start of the stream.
    pub(crate) offset: u64,
    place: Place,
}

#[derive(Debug, Clone, Copy)]
enum Place {
    /// The window starts with it; this many bytes.
    Window(usize),
    /// It was expanded.
    Expanded,
}

impl Blob {
    /// A part of the container as a text.
    #[inline]
    pub(crate) fn text(self, start: usize, end: usize) -> Text {
        match self.place {
            Place::Window(_) => Text::Window { start, end },
            Place::Expanded => Text::Container { start, end },
        }
    }
}

/// A source with a position.
#[derive(Debug)]
pub(crate) struct Input<S> {
    source: S,
    limits: Limits,
    /// Offset of the window in the stream; what follows says how much of the window is parsed.
    pub(crate) base: u64,
    at: usize,
    first: Vec<u8>,
    second: Vec<u8>,
    container: Vec<u8>,
}

impl<S: Source> Input<S> {
    pub(crate) fn new(source: S) -> Self {
        Self {
            source,
            limits: Limits::default(),
            base: 0,
            at: 0,
            first: Vec::new(),
            second: Vec::new(),
            container: Vec::new(),
        }
    }

    pub(crate) fn set_limits(&mut self, limits: Limits) {
        self.limits = limits;
    }

    pub(crate) fn limits(&self) -> Limits {
        self.limits
    }

    pub(crate) fn ignore_checksum(&mut self) {
        self.source.ignore_checksum();
    }

    /// The checksum of everything committed.
    pub(crate) fn checksum(&mut self) -> u64 {
        self.source.checksum()
    }

    pub(crate) fn into_source(mut self) -> S {
        self.commit();
        self.source
    }

    /// Bytes parsed since the start of the stream.
    #[inline]
    pub(crate) fn position(&self) -> u64 {
        self.base.wrapping_add(self.at as u64)
    }

    /// Lets go of what is parsed: every [`Text`] from before is void.
    #[inline]
    pub(crate) fn commit(&mut self) {
        if self.at > 0 {
            self.source.consume(self.at);
            self.base = self.position();
            self.at = 0;
        }
    }

    /// Passes `count` bytes: gives the place where they start, and they are in the window.
    #[inline]
    fn take(&mut self, count: usize) -> Result<usize, DecodeError> {
        let start = self.at;
        let end = start.saturating_add(count);
        if self.source.window().len() < end {
            self.fill(end)?;
        }
        self.at = end;
        Ok(start)
    }

    #[cold]
    fn fill(&mut self, wanted: usize) -> Result<(), DecodeError> {
        let filled = self.source.fill(wanted);
        let len = self.source.window().len();
        let offset = self.base.wrapping_add(len as u64);
        filled.map_err(|source| DecodeError::Read { offset, source })?;
        if len < wanted {
            let missing = wanted.wrapping_sub(len) as u64;
            return Err(DecodeError::Truncated { offset, missing });
        }
        Ok(())
    }

    /// The next byte, which is not passed.
    #[inline]
    pub(crate) fn peek(&mut self) -> Result<u8, DecodeError> {
        let byte = self.byte()?;
        self.at = self.at.wrapping_sub(1);
        Ok(byte)
    }

    #[inline]
    pub(crate) fn byte(&mut self) -> Result<u8, DecodeError> {
        let [byte] = self.array::<1>()?;
        Ok(byte)
    }

    /// The next `N` bytes.
    #[inline]
    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let start = self.take(N)?;
        let bytes = self
            .source
            .window()
            .get(start..)
            .and_then(|rest| rest.first_chunk::<N>());
        Ok(*bytes.unwrap_or(&[0; N]))
    }

    /// A length.
    #[inline]
    pub(crate) fn length(&mut self) -> Result<u64, DecodeError> {
        let byte = self.byte()?;
        self.length_from(byte)
    }

    #[inline]
    fn length_from(&mut self, byte: u8) -> Result<u64, DecodeError> {
        match byte {
            0..=0x3f => Ok(u64::from(byte)),
            0x40..=0x7f => {
                let low = self.byte()?;
                Ok(u64::from(u16::from_be_bytes([byte & 0x3f, low])))
            }
            WIDE_32 => Ok(u64::from(u32::from_be_bytes(self.array()?))),
            WIDE_64 => Ok(u64::from_be_bytes(self.array()?)),
            _ => {
                let offset = self.position().wrapping_sub(1);
                Err(DecodeError::Length { offset, byte })
            }
        }
    }

    /// How the string that comes next is stored.
    #[inline]
    pub(crate) fn string_encoding(&mut self) -> Result<Encoding, DecodeError> {
        Ok(match self.peek()? {
            INTEGER_8 | INTEGER_16 | INTEGER_32 => Encoding::Int,
            COMPRESSED => Encoding::Lzf,
            _ => Encoding::Raw,
        })
    }

    /// A string; written to `slot` unless it is stored as it is.
    pub(crate) fn string(&mut self, slot: Slot) -> Result<Text, DecodeError> {
        let mut text = Text::NOWHERE;
        self.string_to(slot, &mut text)?;
        Ok(text)
    }

    /// As [`string`](Self::string), but puts the text into its place: moving it there from a
    /// result takes longer than all the rest.
    #[inline]
    pub(crate) fn string_to(&mut self, slot: Slot, text: &mut Text) -> Result<(), DecodeError> {
        let offset = self.position();
        let lead = self.byte()?;
        if lead < INTEGER_8 {
            let length = self.length_from(lead)?;
            let length = self.checked_length(offset, length)?;
            let start = self.take(length)?;
            let end = self.at;
            *text = Text::Window { start, end };
            return Ok(());
        }
        *text = Text::Slot(slot);
        self.encoded_string(slot, offset, lead)
    }

    fn encoded_string(&mut self, slot: Slot, offset: u64, lead: u8) -> Result<(), DecodeError> {
        let integer = match lead {
            INTEGER_8 => i64::from(i8::from_le_bytes(self.array()?)),
            INTEGER_16 => i64::from(i16::from_le_bytes(self.array()?)),
            INTEGER_32 => i64::from(i32::from_le_bytes(self.array()?)),
            COMPRESSED => {
                let mut expanded = std::mem::take(self.slot_mut(slot));
                expanded.clear();
                self.expand(offset, &mut expanded)?;
                *self.slot_mut(slot) = expanded;
                return Ok(());
            }
            byte => return Err(DecodeError::String { offset, byte }),
        };
        self.decimal(slot, integer);
        Ok(())
    }

    /// Appends the compressed string that follows its first byte.
    fn expand(&mut self, offset: u64, out: &mut Vec<u8>) -> Result<(), DecodeError> {
        let compressed = self.length()?;
        let expanded = self.length()?;
        let compressed = self.checked_length(offset, compressed)?;
        let expanded = self.checked_length(offset, expanded)?;
        let start = self.take(compressed)?;
        let bytes = self.source.window().get(start..self.at).unwrap_or_default();
        out.shrink_to(EXPANDED_KEPT_BYTES);
        lzf_decompress(bytes, expanded, out)
            .map_err(|source| DecodeError::Compressed { offset, source })
    }

    #[inline]
    fn checked_length(&self, offset: u64, length: u64) -> Result<usize, DecodeError> {
        let limit = self.limits.string_bytes_max;
        match usize::try_from(length) {
            Ok(in_memory) if length <= limit => Ok(in_memory),
            _ => Err(DecodeError::TooLong {
                offset,
                length,
                limit,
            }),
        }
    }

    /// The place up to which the input is parsed, for [`since`](Self::since).
    pub(crate) fn mark(&self) -> usize {
        self.at
    }

    /// All that is parsed since a mark; nothing may be committed between.
    pub(crate) fn since(&self, start: usize) -> Text {
        Text::Window {
            start,
            end: self.at,
        }
    }

    /// Puts text into `slot`.
    pub(crate) fn written(&mut self, slot: Slot, text: Vec<u8>) -> Text {
        *self.slot_mut(slot) = text;
        Text::Slot(slot)
    }

    /// Writes `integer` to `slot`.
    pub(crate) fn decimal(&mut self, slot: Slot, integer: i64) -> Text {
        let place = self.slot_mut(slot);
        place.clear();
        append_decimal(place, integer);
        Text::Slot(slot)
    }

    pub(crate) fn slot_mut(&mut self, slot: Slot) -> &mut Vec<u8> {
        match slot {
            Slot::First => &mut self.first,
            Slot::Second => &mut self.second,
        }
    }

    /// Passes `count` bytes: a place for [`Input::text`].
    pub(crate) fn bytes(&mut self, count: usize) -> Result<Text, DecodeError> {
        let start = self.take(count)?;
        Ok(Text::Window {
            start,
            end: self.at,
        })
    }

    /// The bytes of a string read since the last commit.
    #[inline]
    pub(crate) fn text(&self, text: Text) -> &[u8] {
        let bytes = match text {
            Text::Window { start, end } => self.source.window().get(start..end),
            Text::Container { start, end } => self.container.get(start..end),
            Text::Slot(Slot::First) => Some(self.first.as_slice()),
            Text::Slot(Slot::Second) => Some(self.second.as_slice()),
        };
        let Some(bytes) = bytes else {
            unreachable!("a text outlived the bytes it stands for")
        };
        bytes
    }

    /// A string that holds a container. It stays readable until [`Input::end_blob`].
    ///
    /// Commits what is before it.
    pub(crate) fn blob(&mut self) -> Result<Blob, DecodeError> {
        let offset = self.position();
        let lead = self.byte()?;
        if lead < INTEGER_8 {
            let length = self.length_from(lead)?;
            let length = self.checked_length(offset, length)?;
            self.commit();
            self.take(length)?;
            self.at = 0;
            return Ok(Blob {
                offset,
                place: Place::Window(length),
            });
        }
        if lead != COMPRESSED {
            return Err(DecodeError::String { offset, byte: lead });
        }
        let mut expanded = std::mem::take(&mut self.container);
        expanded.clear();
        self.expand(offset, &mut expanded)?;
        self.container = expanded;
        self.commit();
        Ok(Blob {
            offset,
            place: Place::Expanded,
        })
    }

    /// The bytes of a container.
    #[inline]
    pub(crate) fn blob_bytes(&self, blob: Blob) -> &[u8] {
        match blob.place {
            Place::Window(len) => self.source.window().get(..len).unwrap_or_default(),
            Place::Expanded => &self.container,
        }
    }

    /// Passes a container.
    pub(crate) fn end_blob(&mut self, blob: Blob) {
        if let Place::Window(len) = blob.place {
            self.at = len;
        }
    }
}
