//! Everything that a map can do, beside `std`'s `HashMap`, while cuts are open: each cut gets the
//! state of its moment, every entry exactly once.
//!
//! With `--cfg planted`, the same schedules must find a bug planted in the iteration.

#[cfg(not(planted))]
mod agreement;
mod bulk;
#[cfg(not(planted))]
mod counted;
mod cuts;
mod entry;
mod few_bits;
mod key;
mod kind;
mod pair;
#[cfg(planted)]
mod planted;
mod step;
