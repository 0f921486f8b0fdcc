//! What a conversion may change, and what not.

use rdb_format::{Compression, Losses, Target};

/// What may change on the way, and what may not.
#[derive(Debug, Clone)]
pub(crate) struct Rules {
    pub(crate) target: Target,
    /// Write every value anew, its strings compressed or not; `None` leaves values as stored.
    pub(crate) compress: Option<Compression>,
    pub(crate) losses: Losses,
    pub(crate) skip_unsupported: bool,
    /// One file becomes one file, so that what it says of its sizes stays true.
    pub(crate) keeps_sizes: bool,
}

impl Rules {
    /// Every value stays as it is stored, for servers that know `target`, in other files.
    pub(crate) fn as_stored(target: Target) -> Self {
        Self {
            target,
            compress: None,
            losses: Losses::Refuse,
            skip_unsupported: false,
            keeps_sizes: false,
        }
    }
}
