//! `convert`: a file rewritten for another server, key by key; `split` and `merge`: the same for
//! other numbers of files.

mod converted;
mod kept_aux;
mod left_out;

mod held_key;
mod rules;
mod sink;
mod stream;

mod conversion;

mod reshard;
mod run;

pub(crate) use crate::command::convert::reshard::{merge, split};
pub(crate) use crate::command::convert::run::run;
