//! LZF: the compression of strings.
//!
//! A stream is tokens without a header or an end mark:
//!
//! | first byte | token |
//! |---|---|
//! | `000l_llll` | `l + 1` bytes follow as they are |
//! | `llld_dddd` d | copy `l + 2` bytes from `d + 1` bytes back (13 bits of distance) |
//! | `111d_dddd` l d | copy `l + 9` bytes from `d + 1` bytes back |

mod decoder;
mod encoder;

pub use self::decoder::lzf_decompress;
pub use self::encoder::LzfEncoder;

/// Longest run of bytes in one token.
const LITERAL_MAX: usize = 32;
