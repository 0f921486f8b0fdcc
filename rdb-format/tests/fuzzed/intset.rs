//! The walk of an intset: as it is, and with the count that its length and width promise.

use rdb_format::{CompactEntry, Container};

pub(crate) fn check(bytes: &[u8]) {
    walk(bytes);
    let mut bytes = bytes.to_vec();
    let length = bytes.len();
    if let Some(([width, ..], rest)) = bytes.split_first_chunk_mut::<4>()
        && let Some(count) = rest.first_chunk_mut::<4>()
    {
        let fits = length.saturating_sub(8) / usize::from((*width).max(1));
        *count = u32::try_from(fits).unwrap_or(u32::MAX).to_le_bytes();
    }
    walk(&bytes);
}

/// Members ascend, and there are no more of them than bytes.
fn walk(bytes: &[u8]) {
    let Ok(entries) = Container::Intset.entries(bytes) else {
        return;
    };
    let mut last = None;
    let mut count = 0;
    for entry in entries {
        count += 1;
        if let Ok(CompactEntry::Integer(member)) = entry {
            assert!(last.is_none_or(|last| last < member));
            last = Some(member);
        }
    }
    assert!(count <= bytes.len());
}
