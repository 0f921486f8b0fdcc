//! The walk of a ziplist; its header is put right, so that the walk gets as far as it can.

use rdb_format::Container;

pub(crate) fn check(bytes: &[u8]) {
    let mut bytes = bytes.to_vec();
    if let (Ok(size), Some(place)) = (u32::try_from(bytes.len()), bytes.first_chunk_mut::<4>()) {
        *place = size.to_le_bytes();
    }
    if let Some(last) = bytes.last_mut() {
        *last = 0xff;
    }
    if let Ok(entries) = Container::Ziplist.entries(&bytes) {
        assert!(entries.count() <= bytes.len());
    }
}
