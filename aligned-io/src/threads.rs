//! The portable backend with several transfers in flight: threads that call `pwrite` and `pread`.

use std::fs::File;
use std::io;
use std::sync::Arc;
use std::thread::{Builder, JoinHandle, panicking};

use crate::backend::{BlockBackend, Capabilities};
use crate::exchange::{Exchange, Hands};
use crate::mode::Backend;
use crate::pwrite::perform;
use crate::transfer::{Completion, Transfer};

/// Most threads of one pool: more transfers than this wait in its queue.
const WORKERS_MAX: usize = 32;

/// A worker calls one system call and little else.
const STACK_BYTES: usize = 64 << 10;

type Traffic = Exchange<Transfer, Completion>;

/// As many threads as transfers in flight, up to 32, each started when it is first needed.
///
/// Dropping it waits for what was begun. What nobody began is not written.
#[derive(Debug)]
pub(crate) struct ThreadPool {
    file: Arc<File>,
    traffic: Arc<Traffic>,
    workers: Vec<JoinHandle<()>>,
    workers_max: usize,
    in_flight: usize,
}

impl ThreadPool {
    /// Starts a pool for up to `depth` transfers in flight, with one thread.
    ///
    /// # Errors
    ///
    /// When the first thread is refused. Later refusals leave the pool as it is.
    pub(crate) fn new(file: &Arc<File>, depth: usize) -> io::Result<Self> {
        let mut pool = Self {
            file: Arc::clone(file),
            traffic: Arc::new(Exchange::new()),
            workers: Vec::new(),
            workers_max: depth.clamp(1, WORKERS_MAX),
            in_flight: 0,
        };
        pool.start_worker()?;
        Ok(pool)
    }

    fn start_worker(&mut self) -> io::Result<()> {
        let (file, traffic) = (Arc::clone(&self.file), Arc::clone(&self.traffic));
        let builder = Builder::new()
            .name(format!("aligned-io-{}", self.workers.len()))
            .stack_size(STACK_BYTES);
        self.workers
            .push(builder.spawn(move || work(&file, &traffic))?);
        Ok(())
    }
}

impl BlockBackend for ThreadPool {
    fn capabilities(&self) -> Capabilities {
        Capabilities::plain(Backend::Threads)
    }

    fn file(&self) -> &Arc<File> {
        &self.file
    }

    fn in_flight(&self) -> usize {
        self.in_flight
    }

    fn start(&mut self, transfer: Transfer) -> io::Result<()> {
        self.in_flight += 1;
        let hands = self.traffic.post(transfer);
        if hands == Hands::Short
            && self.workers.len() < self.workers_max
            && let Err(error) = self.start_worker()
        {
            // Those that are there do the work, only with less of it in flight.
            tracing::debug!(%error, threads = self.workers.len(), "no more threads");
            self.workers_max = self.workers.len();
        }
        Ok(())
    }

    fn poll(&mut self) -> Option<Completion> {
        let completion = self.traffic.try_result()?;
        self.in_flight -= 1;
        Some(completion)
    }

    fn wait(&mut self) -> io::Result<Completion> {
        assert!(self.in_flight > 0, "waited with nothing in flight");
        let completion = self.traffic.wait_result();
        let completion = completion.ok_or_else(|| io::Error::other("a thread panicked"))?;
        self.in_flight -= 1;
        Ok(completion)
    }
}

impl Drop for ThreadPool {
    fn drop(&mut self) {
        drop(self.traffic.close());
        for worker in self.workers.drain(..) {
            if worker.join().is_err() {
                tracing::error!("a thread of aligned-io panicked");
            }
        }
    }
}

/// What a thread of the pool does until the pool is dropped.
fn work(file: &File, traffic: &Traffic) {
    let _guard = LossReport(traffic);
    while let Some(transfer) = traffic.next_job() {
        traffic.deliver(perform(file, transfer));
    }
}

/// Reports the loss of a thread that panics, so that nobody waits for its result forever.
struct LossReport<'a>(&'a Traffic);

impl Drop for LossReport<'_> {
    fn drop(&mut self) {
        if panicking() {
            self.0.lose_worker();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use tempfile::NamedTempFile;

    use super::*;
    use crate::buffer::{BufferPool, PAGE_BYTES, Pages};

    fn opened() -> (NamedTempFile, Arc<File>) {
        let named = NamedTempFile::new().unwrap();
        let file = Arc::new(named.reopen().unwrap());
        (named, file)
    }

    #[test]
    fn what_is_written_is_read_back() {
        const BLOCKS: usize = 40;
        let (named, file) = opened();
        let mut threads = ThreadPool::new(&file, BLOCKS).unwrap();
        let pool = BufferPool::new(BLOCKS, PAGE_BYTES, Pages::Small).unwrap();
        for (index, mut buffer) in pool.take_all(BLOCKS).unwrap().into_iter().enumerate() {
            buffer.fill(u8::try_from(index).unwrap());
            let offset = (index * PAGE_BYTES) as u64;
            threads
                .start(Transfer::write(buffer, PAGE_BYTES, offset))
                .unwrap();
        }
        assert_eq!(threads.in_flight(), BLOCKS);
        assert!(threads.workers.len() <= WORKERS_MAX);
        while threads.in_flight() > 0 {
            assert_eq!(threads.wait().unwrap().result.unwrap(), PAGE_BYTES);
        }
        assert_eq!(pool.free(), BLOCKS);
        let bytes = fs::read(named.path()).unwrap();
        for index in 0..BLOCKS {
            let buffer = pool.take().unwrap();
            let offset = (index * PAGE_BYTES) as u64;
            threads
                .start(Transfer::read(buffer, PAGE_BYTES, PAGE_BYTES, offset))
                .unwrap();
            let Completion { transfer, result } = threads.wait().unwrap();
            assert_eq!(result.unwrap(), PAGE_BYTES);
            assert!(
                transfer
                    .buffer
                    .iter()
                    .all(|&byte| usize::from(byte) == index)
            );
            assert!(transfer.buffer[..] == bytes[index * PAGE_BYTES..][..PAGE_BYTES]);
        }
    }

    #[test]
    fn dropped_pool_gives_all_buffers_back() {
        let (_named, file) = opened();
        let mut threads = ThreadPool::new(&file, 3).unwrap();
        let pool = BufferPool::new(8, PAGE_BYTES, Pages::Small).unwrap();
        for buffer in pool.take_all(8).unwrap() {
            threads
                .start(Transfer::write(buffer, PAGE_BYTES, 0))
                .unwrap();
        }
        drop(threads);
        assert_eq!(pool.free(), 8);
    }

    #[test]
    fn lost_thread_is_an_error_and_no_endless_wait() {
        let (_named, file) = opened();
        let mut threads = ThreadPool::new(&file, 1).unwrap();
        threads.traffic.lose_worker();
        threads.in_flight = 1;
        assert!(threads.wait().is_err());
    }
}
