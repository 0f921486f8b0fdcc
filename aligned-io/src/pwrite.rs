//! The backend that works everywhere: `pwrite` and `pread` on the calling thread.

use std::fs::File;
use std::io;
use std::sync::Arc;

use crate::backend::{BlockBackend, Capabilities};
use crate::mode::Backend;
use crate::transfer::{Completion, Direction, Transfer};

/// Does each transfer when it is started; its completion is there at once.
#[derive(Debug)]
pub(crate) struct PwriteFile {
    file: Arc<File>,
    completed: Vec<Completion>,
}

impl PwriteFile {
    pub(crate) fn new(file: &Arc<File>) -> Self {
        Self {
            file: Arc::clone(file),
            completed: Vec::new(),
        }
    }
}

impl BlockBackend for PwriteFile {
    fn capabilities(&self) -> Capabilities {
        Capabilities::plain(Backend::Pwrite)
    }

    fn file(&self) -> &Arc<File> {
        &self.file
    }

    fn in_flight(&self) -> usize {
        self.completed.len()
    }

    fn start(&mut self, transfer: Transfer) -> io::Result<()> {
        self.completed.push(perform(&self.file, transfer));
        Ok(())
    }

    fn poll(&mut self) -> Option<Completion> {
        self.completed.pop()
    }

    fn wait(&mut self) -> io::Result<Completion> {
        let completion = self.completed.pop();
        assert!(completion.is_some(), "waited with nothing in flight");
        completion.ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))
    }
}

/// Does one transfer on this thread, with one system call.
pub(crate) fn perform(file: &File, mut transfer: Transfer) -> Completion {
    let offset = transfer.offset;
    let result = match transfer.direction {
        Direction::Write => rustix::io::pwrite(file, transfer.bytes(), offset),
        Direction::Read => rustix::io::pread(file, transfer.bytes_mut(), offset),
    };
    Completion {
        transfer,
        result: result.map_err(io::Error::from),
    }
}
