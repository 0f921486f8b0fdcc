//! The backend that works everywhere: `pwrite` on the calling thread.

use std::fs::File;
use std::io;

use crate::backend::{BlockBackend, Completion, PendingWrite};
use crate::mode::Backend;

/// Writes each block when it is started; its completion is there at once.
#[derive(Debug, Default)]
pub(crate) struct PwriteFile {
    completed: Vec<Completion>,
}

impl BlockBackend for PwriteFile {
    fn backend(&self) -> Backend {
        Backend::Pwrite
    }

    fn registered_buffers(&self) -> bool {
        false
    }

    fn in_flight(&self) -> usize {
        self.completed.len()
    }

    fn start(&mut self, file: &File, write: PendingWrite) -> io::Result<()> {
        let result = rustix::io::pwrite(file, write.bytes(), write.offset);
        self.completed.push(Completion {
            result: result.map_err(io::Error::from),
            write,
        });
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
