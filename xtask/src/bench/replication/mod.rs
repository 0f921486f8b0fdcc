//! A replica that asks for all there is, while its master is written to; against real pairs.

mod load;
mod master;
mod run;
mod turns;

pub(crate) use self::run::run;
