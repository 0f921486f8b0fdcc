//! What each fuzz target checks of any bytes. The targets and the tests share these files.

pub(crate) mod checksum;
pub(crate) mod frames;
pub(crate) mod instance;
pub(crate) mod key;

/// A target's name in `fuzz/Cargo.toml`, and its check.
type Target = (&'static str, fn(&[u8]));

/// Every target.
pub(crate) const TARGETS: &[Target] = &[
    ("frames", frames::check),
    ("instance", instance::check),
    ("key", key::check),
];
