//! What `redis-benchmark` gets out of a server: ours, and the real ones.

mod run;
mod turns;

pub(crate) use self::run::run;
