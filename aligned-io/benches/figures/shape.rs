//! The shape of the transfers.

use aligned_io::{BackendChoice, Direct, ReaderOptions, WriterOptions};

/// Blocks, how many of them at once, and how they go to the disk.
#[derive(Clone, Copy)]
pub(crate) struct Shape {
    pub(crate) block_bytes: usize,
    pub(crate) depth: usize,
    pub(crate) backend: BackendChoice,
    pub(crate) direct: Direct,
}

impl Shape {
    pub(crate) fn name(self) -> String {
        let backend = match self.backend {
            BackendChoice::IoUring => "io_uring",
            BackendChoice::Threads => "threads",
            BackendChoice::Pwrite => "pwrite",
            _ => "auto",
        };
        let caching = match self.direct {
            Direct::Never => "buffered",
            _ => "O_DIRECT",
        };
        let kib = self.block_bytes >> 10;
        format!("{kib} KiB x {}, {backend}, {caching}", self.depth)
    }

    pub(crate) fn writer(self, preallocate_bytes: u64) -> WriterOptions {
        WriterOptions {
            block_bytes: self.block_bytes,
            depth: self.depth,
            backend: self.backend,
            direct: self.direct,
            preallocate_bytes,
            ..WriterOptions::default()
        }
    }

    pub(crate) fn reader(self) -> ReaderOptions {
        ReaderOptions {
            block_bytes: self.block_bytes,
            depth: self.depth,
            backend: self.backend,
            direct: self.direct,
            ..ReaderOptions::default()
        }
    }
}

/// The shapes that are measured: the first ones only when it has to be quick.
pub(crate) fn shapes(is_quick: bool) -> Vec<Shape> {
    let shape = |kib: usize, depth, backend, direct| Shape {
        block_bytes: kib << 10,
        depth,
        backend,
        direct,
    };
    let ring = |kib, depth| shape(kib, depth, BackendChoice::IoUring, Direct::Require);
    let threads = |kib, depth| shape(kib, depth, BackendChoice::Threads, Direct::Require);
    let pwrite = |kib, direct| shape(kib, 1, BackendChoice::Pwrite, direct);
    let mut shapes = vec![
        ring(1024, 4),
        ring(256, 16),
        threads(256, 16),
        pwrite(1024, Direct::Never),
    ];
    if !is_quick {
        for kib in [64, 256, 1024] {
            let depths = [1, 4, 16].into_iter().map(|depth| ring(kib, depth));
            shapes.extend(
                depths.filter(|shape| !matches!((kib, shape.depth), (1024, 4) | (256, 16))),
            );
        }
        shapes.extend([
            threads(1024, 4),
            pwrite(64, Direct::Never),
            pwrite(256, Direct::Never),
            pwrite(64, Direct::Require),
            pwrite(1024, Direct::Require),
            shape(256, 16, BackendChoice::IoUring, Direct::Never),
        ]);
    }
    shapes
}
