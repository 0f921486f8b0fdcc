//! `inspect`: what an RDB file holds, as a summary or key by key.

mod json_bytes;

mod filter;
mod key;

mod module;
mod stream_text;

mod biggest;
mod jsonl;
mod summary;
mod table;

mod run;

pub(crate) use crate::command::inspect::filter::Filter;
pub(crate) use crate::command::inspect::run::run;
