//! Arrays: elements with their indexes.

use crate::encoder::Encoder;

/// An array in memory: strings at indexes, with gaps.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Array {
    /// Indexes, each at most 2^64 - 2, and what is there. Of one index that occurs twice servers
    /// take the later element.
    pub elements: Vec<(u64, Vec<u8>)>,
    /// Where the next element is inserted, if that was ever set.
    pub insert_index: Option<u64>,
}

/// Kind of an element that is a string. Servers turn it into what suits it.
const STRING: u64 = 0;

/// Appends the body of an array, as type 28.
pub(crate) fn encode(encoder: &mut Encoder, out: &mut Vec<u8>, array: &Array) {
    encoder.length(out, array.elements.len() as u64);
    match array.insert_index {
        None => encoder.length(out, 0),
        Some(index) => {
            encoder.length(out, 1);
            encoder.length(out, index);
        }
    }
    for (index, element) in &array.elements {
        encoder.length(out, *index);
        encoder.length(out, STRING);
        encoder.string(out, element);
    }
}
