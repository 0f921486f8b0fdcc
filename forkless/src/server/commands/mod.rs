//! The commands: one table, and a file for each family of them.
#![expect(
    clippy::unnecessary_wraps,
    reason = "all commands of a kind have one type, whether or not they can be refused"
)]

mod decimal;
mod expire_time;

mod counter;
mod dump;
mod expiry;
mod keys;
mod string;

mod hash;
mod list;
mod set;
mod sorted_set;
mod sorted_set_range;

mod client;
mod connection;
mod description;

mod config;
mod debug;
mod digest;
mod flush;
mod info;
mod persistence;
mod replication;
mod scan;

mod table;

#[cfg(test)]
pub(crate) mod tests;

pub(crate) use crate::server::commands::table::find;
