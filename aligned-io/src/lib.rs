//! Whole files, written and read front to back through `io_uring` and `O_DIRECT`, exactly and
//! durably.
//!
//! A file is written under a hidden name and appears under its final one only when it is whole,
//! of its exact length, and on the disk. If anything fails on the way there, or the process is
//! killed, what stood under the final name stays.
//!
//! | start here | to |
//! |---|---|
//! | [`WriterOptions`] | choose block size, depth, backend, caching, and create a writer |
//! | [`AlignedWriter`] | write through [`std::io::Write`], then publish |
//! | [`ReaderOptions`], [`AlignedReader`] | read through [`std::io::BufRead`], blocks ahead |
//! | [`BufferPool`] | use the same aligned memory for one file after the other |
//! | [`FileSetWriter`], [`FileSet`] | write, read and verify several files that belong together |
//! | [`remove_leftovers`] | clean up after killed processes |
//! | [`Mode`] | see which fallbacks were taken |
//! | [`WriteError`], [`ReadError`] | see every way it can fail |
//! | [`Faults`], [`VolatileDisk`] | test a program against failing disks and power cuts |
//!
//! # Example
//!
//! ```
//! use std::io::Write;
//! use aligned_io::WriterOptions;
//!
//! let directory = tempfile::tempdir()?;
//! let path = directory.path().join("numbers.txt");
//!
//! let mut writer = WriterOptions::default().create(&path)?;
//! for number in 0..1000 {
//!     writeln!(writer, "{number}")?;
//! }
//! assert!(!path.exists());
//!
//! let published = writer.publish()?;
//! assert_eq!(published.bytes, 3890);
//! assert_eq!(std::fs::metadata(&path)?.len(), 3890);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod options;
mod tuning;
mod writer;

mod reader;
mod reader_options;

mod directory;
mod publish;
mod temp_file;
mod temp_name;

mod leftover;

mod file_set;
mod manifest;
mod member_reader;
mod member_writer;
mod set_lock;
mod set_place;
mod set_writer;

mod access;
mod pipeline;
#[cfg(test)]
mod pipeline_model;
#[cfg(planted)]
mod planted;
mod reservation;
mod writeback;

mod backend;
mod transfer;

mod buffer;

mod chain;
mod flights;
mod refusals;
mod ring;

mod exchange;
mod pwrite;
mod sync;
mod threads;

mod error;
mod faults;
mod split_mix;
mod unsynced;
mod volatile_disk;

mod mode;
mod read_error;
mod read_window;
mod stats;

pub use crate::access::{BackendChoice, Direct, Registration};
pub use crate::buffer::{AlignedBuf, BufferPool, Pages};
pub use crate::error::{Operation, WriteError};
pub use crate::faults::{Failure, Faults};
pub use crate::file_set::{FileSet, remove_set, remove_set_leftovers};
pub use crate::leftover::{remove_leftovers, remove_leftovers_in};
pub use crate::manifest::{Manifest, Member};
pub use crate::member_reader::MemberReader;
pub use crate::member_writer::{FinishedMember, MemberWriter};
pub use crate::mode::{Backend, Mode};
pub use crate::options::WriterOptions;
pub use crate::publish::{Finished, Published};
pub use crate::read_error::ReadError;
pub use crate::reader::AlignedReader;
pub use crate::reader_options::ReaderOptions;
pub use crate::set_writer::FileSetWriter;
pub use crate::stats::WriterStats;
pub use crate::volatile_disk::VolatileDisk;
pub use crate::writer::AlignedWriter;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
