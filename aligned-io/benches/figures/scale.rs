//! How much is measured.

pub(crate) const MIB: u64 = 1 << 20;

/// How often each figure is taken, and of how many bytes.
#[derive(Clone, Copy)]
pub(crate) struct Scale {
    pub(crate) rounds: usize,
    pub(crate) file_bytes: u64,
    pub(crate) is_quick: bool,
}

impl Scale {
    /// Of the rows beside fio.
    pub(crate) fn shaped(is_quick: bool) -> Self {
        Self {
            rounds: if is_quick { 5 } else { 7 },
            file_bytes: if is_quick { 256 * MIB } else { 1024 * MIB },
            is_quick,
        }
    }

    /// Of the rows beside `std`, which gets as much as does not fit the page cache's patience.
    pub(crate) fn plain(is_quick: bool) -> Self {
        Self {
            rounds: if is_quick { 5 } else { 3 },
            file_bytes: if is_quick { 256 * MIB } else { 4096 * MIB },
            is_quick,
        }
    }
}

pub(crate) fn size(bytes: u64) -> String {
    if bytes >= 1 << 30 {
        format!("{} GiB", bytes >> 30)
    } else {
        format!("{} MiB", bytes / MIB)
    }
}
