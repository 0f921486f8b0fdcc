//! The only door to locks, atomics and threads.

pub(crate) use std::sync::Arc;
pub(crate) use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
pub(crate) use std::thread::{Builder, JoinHandle};

pub(crate) use parking_lot::{Condvar, Mutex};
