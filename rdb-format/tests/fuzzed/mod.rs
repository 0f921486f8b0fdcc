//! What each fuzz target checks of any bytes. The targets and the tests share these files.

mod dump;
mod events;
mod intset;
mod listpack;
mod lzf;
mod owned;
mod raw;
mod round_trip;
mod stream;
mod ziplist;
mod zipmap;

/// A target's name in `fuzz/Cargo.toml`, and its check.
type Target = (&'static str, fn(&[u8]));

/// Every target.
pub(crate) const TARGETS: &[Target] = &[
    ("dump", dump::check),
    ("events", events::check),
    ("intset", intset::check),
    ("listpack", listpack::check),
    ("lzf", lzf::check),
    ("owned", owned::check),
    ("raw", raw::check),
    ("round_trip", round_trip::check),
    ("stream", stream::check),
    ("ziplist", ziplist::check),
    ("zipmap", zipmap::check),
];
