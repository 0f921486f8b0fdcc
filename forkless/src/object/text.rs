//! Texts: a string value, or an element of a collection.

use std::fmt;
use std::sync::Arc;

use snapshot::RIDER_BYTES;

/// The longest bytes that need no allocation.
const INLINE_BYTES: usize = 22;

/// Any bytes, in 24 bytes of its own: up to 22 of them need no allocation, and more than
/// [`RIDER_BYTES`] are shared when the text is cloned.
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
    Inline { len: u8, bytes: [u8; INLINE_BYTES] },
    Owned(Box<[u8]>),
    Shared(Arc<[u8]>),
}

impl Text {
    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        match &self.0 {
            Form::Inline { len, bytes } => &bytes[..usize::from(*len)],
            Form::Owned(bytes) => bytes,
            Form::Shared(bytes) => bytes,
        }
    }

    /// The same bytes, which clones share unless they are inline.
    pub(crate) fn shared(self) -> Self {
        match self.0 {
            Form::Owned(bytes) => Self(Form::Shared(Arc::from(bytes))),
            form => Self(form),
        }
    }

    /// The bytes, unless they are inline.
    pub(crate) fn out_of_line(&self) -> &[u8] {
        match &self.0 {
            Form::Inline { .. } => &[],
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
}
