//! Any text is an address that is written as it was read, or none.

use snapshot::Address;

pub(crate) fn check(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let Ok(address) = text.parse::<Address>() else {
        return;
    };
    let written = address.to_string();
    assert_eq!(written.parse().as_ref(), Ok(&address), "{text:?}");
}
