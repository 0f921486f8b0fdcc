//! `demo`: the main job on an embedded store, measured and proved.

mod live;
mod measure;
mod oracle;
mod picture;
mod report;
mod run;
mod store;
mod workload;

pub(crate) use crate::command::demo::oracle::Mismatch;
pub(crate) use crate::command::demo::picture::PictureError;
pub(crate) use crate::command::demo::run::run;
