//! The words of a request: a command's name and its arguments.

use std::ops::Index;

/// Where a word stands among bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) start: usize,
    pub(crate) end: usize,
}

/// The words of one request, of which the first names the command.
///
/// A view: the bytes belong to a connection's buffer, or wherever they were copied to.
#[derive(Debug, Clone, Copy)]
pub struct Words<'a> {
    bytes: &'a [u8],
    // In the order of the bytes.
    spans: &'a [Span],
}

impl<'a> Words<'a> {
    pub(crate) fn new(bytes: &'a [u8], spans: &'a [Span]) -> Self {
        Self { bytes, spans }
    }

    /// How many words.
    #[inline]
    pub fn len(&self) -> usize {
        self.spans.len()
    }

    /// Whether there is none, as on an empty line.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// Word number `index`, from 0 on.
    #[inline]
    pub fn get(&self, index: usize) -> Option<&'a [u8]> {
        let span = self.spans.get(index)?;
        self.bytes.get(span.start..span.end)
    }

    /// The words from number `first` on.
    #[inline]
    pub fn iter_from(&self, first: usize) -> impl ExactSizeIterator<Item = &'a [u8]> + use<'a> {
        let bytes = self.bytes;
        let spans = self.spans.get(first..).unwrap_or_default();
        spans.iter().map(move |span| &bytes[span.start..span.end])
    }

    /// All words.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &'a [u8]> + use<'a> {
        self.iter_from(0)
    }

    /// The words with numbers from `first` up to, but not with, `end`.
    pub(crate) fn part(&self, first: usize, end: usize) -> Self {
        Self {
            bytes: self.bytes,
            spans: self.spans.get(first..end).unwrap_or_default(),
        }
    }
}

impl Index<usize> for Words<'_> {
    type Output = [u8];

    /// Word number `index`.
    ///
    /// # Panics
    ///
    /// When there are fewer: a command asks for no more than its arity has promised.
    #[inline]
    fn index(&self, index: usize) -> &[u8] {
        let span = self.spans[index];
        &self.bytes[span.start..span.end]
    }
}

/// Words of many requests one behind the other, so that none needs an allocation of its own.
#[derive(Debug, Default)]
pub(crate) struct Stack {
    bytes: Vec<u8>,
    spans: Vec<Span>,
}

impl Stack {
    /// Puts these words behind all others; how many spans there are now.
    #[inline]
    pub(crate) fn push(&mut self, words: Words<'_>) -> usize {
        if let (Some(first), Some(last)) = (words.spans.first(), words.spans.last()) {
            // All at once, with what stands between them: quicker than one by one.
            let (from, to) = (first.start, self.bytes.len());
            self.bytes.extend_from_slice(&words.bytes[from..last.end]);
            self.spans.extend(words.spans.iter().map(|span| Span {
                start: span.start - from + to,
                end: span.end - from + to,
            }));
        }
        self.spans.len()
    }

    /// The words whose spans have numbers from `first` up to `end`.
    #[inline]
    pub(crate) fn words(&self, first: usize, end: usize) -> Words<'_> {
        Words::new(&self.bytes, &self.spans[first..end])
    }

    /// Bytes of all words, and of what stood between those of one request.
    #[inline]
    pub(crate) fn bytes(&self) -> usize {
        self.bytes.len()
    }

    /// Forgets all words; keeps the memory, unless it is more than so many bytes.
    pub(crate) fn clear(&mut self, bytes_kept_max: usize) {
        self.bytes.clear();
        self.spans.clear();
        self.bytes.shrink_to(bytes_kept_max);
        self.spans.shrink_to(bytes_kept_max / size_of::<Span>());
    }
}

/// The words of one request, on their own.
#[derive(Debug)]
pub(crate) struct OwnedWords(Stack);

impl OwnedWords {
    pub(crate) fn words(&self) -> Words<'_> {
        self.0.words(0, self.0.spans.len())
    }
}

impl From<Words<'_>> for OwnedWords {
    fn from(words: Words<'_>) -> Self {
        let mut stack = Stack::default();
        stack.push(words);
        Self(stack)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_come_back_as_they_were_put() {
        let mut stack = Stack::default();
        let first = Words::new(
            b"GETkey",
            &[Span { start: 0, end: 3 }, Span { start: 3, end: 6 }],
        );
        assert_eq!(stack.push(first), 2);
        let second = Words::new(b"  ", &[Span { start: 1, end: 1 }]);
        assert_eq!(stack.push(second), 3);
        assert_eq!(&stack.words(0, 2)[1], b"key");
        assert_eq!(stack.words(2, 3).get(0), Some(&b""[..]));
        assert_eq!(stack.words(2, 3).get(1), None);
        assert_eq!(
            stack.words(0, 2).part(1, 2).iter().next(),
            Some(&b"key"[..])
        );
        let owned = OwnedWords::from(stack.words(0, 2));
        assert_eq!(owned.words().len(), 2);
        stack.clear(0);
        assert_eq!(stack.bytes(), 0);
    }
}
