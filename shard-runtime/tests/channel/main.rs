//! The channel keeps its bound, its order and its promises to those who wait.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail like tests")]

mod bell;
mod bound;
mod end;
mod line;
mod load;
mod rule;
mod storm;
