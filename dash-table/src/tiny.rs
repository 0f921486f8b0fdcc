//! The integration tests once more, over the tiny geometry that unit tests are compiled with.

#![expect(
    clippy::duplicate_mod,
    reason = "what two tests share is in each of them, and both are here"
)]

#[path = "../tests/cuts/main.rs"]
mod cuts;
#[path = "../tests/map/main.rs"]
mod map;
#[path = "../tests/model.rs"]
mod model;
#[path = "../tests/panics.rs"]
mod panics;
#[path = "../tests/scan.rs"]
mod scan;
#[path = "../tests/split.rs"]
mod split;
