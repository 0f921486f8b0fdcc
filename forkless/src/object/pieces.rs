//! Pieces: encoding a value whole, or frozen and in pieces, by the same code.

use rdb_format::{EncodeError, Encoder};
use snapshot::{Frozen, Piece};

use crate::object::text::Text;
use crate::object::tree::{Element, Tree, View};

/// A part of an element, as the file has it.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Part<'a> {
    Text(&'a Text),
    Score(f64),
}

/// An element that is encoded part by part: an item of a list or set, a field with its value, a
/// member with its score.
pub(crate) trait Encoded: Element {
    /// The parts in their order in the file; `None` past the last one.
    fn part(&self, index: usize) -> Option<Part<'_>>;
}

/// Appends the body of a collection: how many elements, and the elements.
pub(crate) fn encode_tree<E: Encoded>(encoder: &mut Encoder, out: &mut Vec<u8>, tree: &Tree<E>) {
    encoder.length(out, tree.len() as u64);
    for element in tree.iter() {
        for part in (0..).map_while(|index| element.part(index)) {
            match part {
                Part::Text(text) => encoder.string(out, text.as_bytes()),
                Part::Score(score) => encoder.score(out, score),
            }
        }
    }
}

/// A frozen collection and how far it has been encoded.
pub(crate) struct FrozenTree<E: Element> {
    view: View<E>,
    started: bool,
    // Elements of the view's chunk that are encoded, and inside of the next: parts encoded, and
    // bytes of the part that follows.
    done: usize,
    part: usize,
    part_bytes: usize,
}

impl<E: Encoded> FrozenTree<E> {
    pub(crate) fn new(view: View<E>) -> Self {
        Self {
            view,
            started: false,
            done: 0,
            part: 0,
            part_bytes: 0,
        }
    }
}

impl<E: Encoded> Frozen for FrozenTree<E> {
    fn encode_piece(
        &mut self,
        encoder: &mut Encoder,
        out: &mut Vec<u8>,
        piece_bytes: usize,
    ) -> Result<Piece, EncodeError> {
        let end = out.len() + piece_bytes;
        if !self.started {
            encoder.length(out, self.view.len() as u64);
            self.started = true;
        }
        loop {
            while let Some(element) = self.view.chunk().get(self.done) {
                while let Some(part) = element.part(self.part) {
                    if out.len() >= end {
                        return Ok(Piece::More);
                    }
                    match part {
                        Part::Score(score) => encoder.score(out, score),
                        Part::Text(text) => {
                            let done = self.part_bytes;
                            self.part_bytes =
                                encode_text(encoder, out, text, done, end, piece_bytes);
                            if self.part_bytes > 0 {
                                return Ok(Piece::More);
                            }
                        }
                    }
                    self.part += 1;
                }
                self.done += 1;
                self.part = 0;
            }
            if !self.view.advance() {
                return Ok(Piece::Last);
            }
            self.done = 0;
        }
    }
}

/// A frozen string and how many of its bytes have been encoded.
pub(crate) struct FrozenText {
    text: Text,
    done_bytes: usize,
}

impl FrozenText {
    pub(crate) fn new(text: Text) -> Self {
        Self {
            text,
            done_bytes: 0,
        }
    }
}

impl Frozen for FrozenText {
    fn encode_piece(
        &mut self,
        encoder: &mut Encoder,
        out: &mut Vec<u8>,
        piece_bytes: usize,
    ) -> Result<Piece, EncodeError> {
        let end = out.len() + piece_bytes;
        self.done_bytes = encode_text(encoder, out, &self.text, self.done_bytes, end, piece_bytes);
        Ok(if self.done_bytes > 0 {
            Piece::More
        } else {
            Piece::Last
        })
    }
}

/// Appends `text` from byte `done` on, until `out` is `end` bytes long: the bytes done then,
/// or 0 when the text is complete.
///
/// A text no longer than a piece is encoded at once, and compressed if the encoder does that.
/// A longer one is written raw: compressed it would have to be in memory whole.
fn encode_text(
    encoder: &mut Encoder,
    out: &mut Vec<u8>,
    text: &Text,
    done: usize,
    end: usize,
    piece_bytes: usize,
) -> usize {
    let bytes = text.as_bytes();
    if done == 0 {
        if bytes.len() <= piece_bytes {
            encoder.string(out, bytes);
            return 0;
        }
        encoder.length(out, bytes.len() as u64);
    }
    let room = end.saturating_sub(out.len()).max(1);
    let next = bytes.len().min(done + room);
    out.extend_from_slice(&bytes[done..next]);
    if next == bytes.len() { 0 } else { next }
}

#[cfg(test)]
mod tests {
    use rdb_format::{Compression, Target};
    use snapshot::Copies;

    use super::*;
    use crate::object::hash::Hash;

    fn whole(mut frozen: impl Frozen, piece_bytes: usize) -> (Vec<u8>, usize) {
        let mut encoder = Encoder::new(Target::default(), Compression::None);
        let mut all = Vec::new();
        let mut pieces = 0;
        loop {
            let mut out = Vec::new();
            let piece = frozen
                .encode_piece(&mut encoder, &mut out, piece_bytes)
                .unwrap();
            all.extend_from_slice(&out);
            pieces += 1;
            if piece == Piece::Last {
                return (all, pieces);
            }
        }
    }

    #[test]
    fn pieces_of_any_size_make_the_same_body() {
        let text = |len: usize| Text::from(vec![b'x'; len]);
        let fields = [(0, 1), (5, 300), (70, 0), (1000, 1000)];
        let hash: Hash = fields
            .map(|(f, v)| (text(f), text(v)))
            .into_iter()
            .collect();
        let frozen = || FrozenTree::new(hash.freeze(&Copies::uncounted()));
        let mut expected = Vec::new();
        let mut encoder = Encoder::new(Target::default(), Compression::None);
        encode_tree(&mut encoder, &mut expected, hash.tree());
        assert_eq!(whole(frozen(), 1 << 20), (expected.clone(), 1));
        for piece_bytes in [1, 2, 7, 100, 999, 1001] {
            let (body, pieces) = whole(frozen(), piece_bytes);
            assert_eq!(body, expected, "in pieces of {piece_bytes}");
            assert!(pieces > 1);
        }
    }

    #[test]
    fn long_text_comes_in_pieces() {
        let bytes: Vec<u8> = (0..100_000_u32).map(|i| i.to_le_bytes()[0]).collect();
        let (body, pieces) = whole(FrozenText::new(Text::from(bytes.clone())), 1000);
        assert!(pieces > 90);
        assert!(body.ends_with(&bytes));
        assert_eq!(body.len(), bytes.len() + 5);
    }
}
