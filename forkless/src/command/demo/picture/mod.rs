//! The picture of a demo run: what writers felt and what memory did while a snapshot was taken.

mod axis;
mod figure;
mod memory;
mod panel;
mod sheet;
mod timeline;
mod writes;

pub(crate) use self::figure::draw;
pub(crate) use self::sheet::PictureError;
pub(crate) use self::timeline::{LatencyStep, MemorySample, Timeline};
