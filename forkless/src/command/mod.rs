//! One file, or folder, per command.

mod check;
mod convert;
mod demo;
mod dump;
mod input;
mod inspect;
mod replicate;
mod run;
mod save;
mod secret;
mod serve;
#[cfg(feature = "epaxos")]
mod store;

pub(crate) use crate::command::demo::{Mismatch, PictureError};
pub(crate) use crate::command::dump::Content;
pub(crate) use crate::command::run::run;
