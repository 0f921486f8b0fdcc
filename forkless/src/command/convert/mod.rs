//! `convert`: a file rewritten for another server, key by key.

mod kept_aux;
mod left_out;

mod held_key;
mod sink;

mod conversion;

mod run;

pub(crate) use crate::command::convert::run::run;
