//! Texts: a string value, or an element of a collection.

use std::fmt;
use std::sync::Arc;

use snapshot::RIDER_BYTES;

use crate::object::grown::Grown;
use crate::object::log::WEIGHT_BYTES_MIN;

/// The longest bytes that need no allocation.
const INLINE_BYTES: usize = 22;

/// Any bytes, in 24 bytes of its own: up to 22 of them need no allocation, and more than
/// [`RIDER_BYTES`] are shared when the text is cloned; so are those of one that was appended to.
///
/// ```
/// let text = forkless::Text::from(&b"some bytes"[..]);
/// assert_eq!(text.as_bytes(), b"some bytes");
/// assert_eq!(size_of::<forkless::Text>(), 24);
/// ```
#[derive(Clone)]
pub struct Text(Form);

#[derive(Clone)]
enum Form {
    Inline {
        len: u8,
        bytes: [u8; INLINE_BYTES],
    },
    Owned(Box<[u8]>),
    Shared(Arc<[u8]>),
    /// At least [`WEIGHT_BYTES_MIN`] bytes that were appended to.
    Grown(Arc<Grown>),
}

impl Text {
    /// Puts more behind the bytes: O(1) for each byte on average, unless the text is short, or has
    /// not been appended to before, or a clone shares its bytes. Clones stay as they are.
    ///
    /// ```
    /// let mut text = forkless::Text::from(&b"some"[..]);
    /// text.append(b" bytes");
    /// assert_eq!(text.as_bytes(), b"some bytes");
    /// ```
    pub fn append(&mut self, more: &[u8]) {
        if let Form::Grown(grown) = &mut self.0 {
            match Arc::get_mut(grown) {
                Some(grown) => grown.append(more),
                None => *grown = Arc::new(grown.with(more)),
            }
        } else if self.as_bytes().len() + more.len() < WEIGHT_BYTES_MIN {
            *self = Self::from([self.as_bytes(), more].concat());
        } else {
            self.0 = Form::Grown(Arc::new(Grown::new(self.as_bytes(), more)));
        }
    }

    /// What can tell later what was appended, if anything can.
    pub(crate) fn grown(&self) -> Option<&Grown> {
        match &self.0 {
            Form::Grown(grown) => Some(grown),
            _ => None,
        }
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        match &self.0 {
            Form::Inline { len, bytes } => &bytes[..usize::from(*len)],
            Form::Owned(bytes) => bytes,
            Form::Shared(bytes) => bytes,
            Form::Grown(grown) => grown.bytes(),
        }
    }

    /// The same bytes, which clones share unless they are inline.
    pub(crate) fn shared(self) -> Self {
        match self.0 {
            Form::Owned(bytes) => Self(Form::Shared(Arc::from(bytes))),
            form => Self(form),
        }
    }

    /// The bytes, unless they are inline, or no pointer of the text leads to them.
    pub(crate) fn out_of_line(&self) -> &[u8] {
        match &self.0 {
            Form::Inline { .. } | Form::Grown(_) => &[],
            Form::Owned(bytes) => bytes,
            Form::Shared(bytes) => bytes,
        }
    }

    /// Bytes it keeps in memory, which are more than its encoded form takes.
    pub(crate) fn weight_bytes(&self) -> usize {
        match &self.0 {
            Form::Inline { .. } => size_of::<Self>(),
            Form::Owned(bytes) => size_of::<Self>() + bytes.len(),
            Form::Shared(bytes) => size_of::<Self>() + bytes.len(),
            Form::Grown(grown) => size_of::<Self>() + grown.weight_bytes(),
        }
    }
}

impl From<&[u8]> for Text {
    fn from(input: &[u8]) -> Self {
        Self(match u8::try_from(input.len()) {
            Ok(len) if input.len() <= INLINE_BYTES => {
                let mut bytes = [0; INLINE_BYTES];
                bytes[..input.len()].copy_from_slice(input);
                Form::Inline { len, bytes }
            }
            _ if input.len() > RIDER_BYTES => Form::Shared(Arc::from(input)),
            _ => Form::Owned(Box::from(input)),
        })
    }
}

impl From<Vec<u8>> for Text {
    fn from(input: Vec<u8>) -> Self {
        if input.len() <= INLINE_BYTES || input.len() > RIDER_BYTES {
            Self::from(input.as_slice())
        } else {
            Self(Form::Owned(input.into_boxed_slice()))
        }
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Text({})", self.as_bytes().escape_ascii())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_length_around_the_bounds_keeps_its_bytes() {
        let around = |bound: usize| bound - 1..=bound + 1;
        for len in (0..3)
            .chain(around(INLINE_BYTES))
            .chain(around(RIDER_BYTES))
        {
            let bytes: Vec<u8> = (0..len).map(|i| i.to_le_bytes()[0]).collect();
            assert_eq!(Text::from(bytes.as_slice()).as_bytes(), bytes);
            assert_eq!(Text::from(bytes.clone()).as_bytes(), bytes);
        }
    }

    #[test]
    fn clones_of_a_text_that_is_appended_to_stay_as_they_are() {
        let mut text = Text::from(&b""[..]);
        let mut clones = Vec::new();
        let mut expected = Vec::new();
        for round in 0..300_usize {
            if round % 7 == 0 {
                clones.push((text.clone(), expected.clone()));
            }
            let more = vec![b'a'; round * 5 % 97];
            text.append(&more);
            expected.extend(more);
            assert_eq!(text.as_bytes(), expected);
        }
        assert!(text.grown().is_some());
        for (clone, expected) in clones {
            assert_eq!(clone.as_bytes(), expected);
        }
    }
}
