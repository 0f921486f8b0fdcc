//! Views that are kept while their object changes.

use forkless::Object;
use rdb_format::{Compression, Encoder, Target, Value as Owned};
use snapshot::{Copies, Frozen, Piece, Value};

use crate::contents::{decode, sorted};

/// A view, and what it must show: encoded at the end, in pieces of this size.
pub(crate) struct Kept {
    view: Box<dyn Frozen>,
    expected: Owned,
    piece_bytes: usize,
}

impl Kept {
    pub(crate) fn new(object: &Object, expected: Owned, number: usize) -> Self {
        Self {
            view: object.freeze(&Copies::uncounted()),
            expected,
            piece_bytes: [1, 100, 5000, 1 << 20][number % 4],
        }
    }

    pub(crate) fn check(mut self, object: &Object) {
        let mut encoder = Encoder::new(Target::Redis70, Compression::None);
        let mut body = Vec::new();
        loop {
            let piece = self
                .view
                .encode_piece(&mut encoder, &mut body, self.piece_bytes);
            if piece.unwrap() == Piece::Last {
                break;
            }
        }
        assert_eq!(sorted(decode(object, &body)), sorted(self.expected));
    }
}
