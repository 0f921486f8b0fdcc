//! Strings: one type, three encodings that only the first byte of the value tells apart.

use super::layout::Layout;
use crate::encoder::Encoder;

/// Type 0.
pub(crate) const LAYOUT: Layout = Layout::String;

/// Appends the body of a string.
pub(crate) fn encode(encoder: &mut Encoder, out: &mut Vec<u8>, bytes: &[u8]) {
    encoder.string(out, bytes);
}
