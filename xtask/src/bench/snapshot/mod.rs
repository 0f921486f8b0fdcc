//! The main job: save and load against real servers, and what writers feel meanwhile.

mod against;
mod data;
mod run;
mod scaling;
mod writers;

pub(crate) use self::run::run;
