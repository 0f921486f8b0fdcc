//! LZF: any bytes expand to what they promise or not at all, and what is compressed expands.

use rdb_format::{LzfEncoder, lzf_decompress};

pub(crate) fn check(bytes: &[u8]) {
    let Some((length, rest)) = bytes.split_first_chunk::<2>() else {
        return;
    };
    let length = usize::from(u16::from_le_bytes(*length));
    let mut out = b"before".to_vec();
    match lzf_decompress(rest, length, &mut out) {
        Ok(()) => assert_eq!(out.len(), length + 6),
        Err(_) => assert_eq!(out, b"before"),
    }
    let mut encoder = LzfEncoder::new();
    // The second round finds in the table what the first one left.
    for _ in 0..2 {
        let mut compressed = Vec::new();
        if encoder
            .compress(rest, &mut compressed, rest.len())
            .is_some()
        {
            assert!(compressed.len() <= rest.len());
            let mut expanded = Vec::new();
            let result = lzf_decompress(&compressed, rest.len(), &mut expanded);
            assert_eq!((result, expanded.as_slice()), (Ok(()), rest));
        }
    }
}
