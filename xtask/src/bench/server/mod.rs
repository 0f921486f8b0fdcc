//! What `redis-benchmark` gets out of a server: ours, and the real ones.

mod processor;
mod run;
mod turns;

pub(crate) use self::run::run;
