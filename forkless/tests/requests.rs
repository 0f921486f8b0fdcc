//! Any bytes that a client may send, through the same check as the fuzz target.

#[path = "fuzzed/requests.rs"]
mod requests;

use proptest::prelude::*;

/// Pieces of which requests are made, sound and not.
fn piece() -> impl Strategy<Value = Vec<u8>> {
    let heads = [
        "*1\r\n", "*2\r\n", "*3\r\n", "*-1\r\n", "*65\r\n", "*x\r\n", "$0\r\n", "$3\r\n",
    ];
    let others = [
        "$513\r\n", "$-1\r\n", "\r\n", "\n", "GET", "key", "'", "\"", "\\x41", " ", "\0",
    ];
    prop_oneof![
        6 => prop::sample::select(heads.to_vec()).prop_map(|text| text.as_bytes().to_vec()),
        6 => prop::sample::select(others.to_vec()).prop_map(|text| text.as_bytes().to_vec()),
        2 => prop::sample::select(vec!["GET", "MGET", "a"]).prop_map(|word| {
            format!("*2\r\n${}\r\n{word}\r\n$3\r\nkey\r\n", word.len()).into_bytes()
        }),
        1 => prop::collection::vec(any::<u8>(), 0..20),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn what_clients_send_means_the_same_in_pieces(pieces in prop::collection::vec(piece(), 0..30)) {
        requests::check(&pieces.concat());
    }
}
