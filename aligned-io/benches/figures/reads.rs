//! Ways to read a file: ours, and that of `std`.

use std::fs::File;
use std::hint::black_box;
use std::io::{BufRead, Read};
use std::path::Path;

use aligned_io::ReaderOptions;

use crate::time::{Time, timed};

pub(crate) fn read(options: &ReaderOptions, path: &Path, bytes: u64) -> Time {
    forget(path);
    timed(|| {
        let mut reader = options.open(path).unwrap();
        let mut total = 0;
        loop {
            let count = black_box(reader.fill_buf().unwrap()).len();
            if count == 0 {
                break;
            }
            reader.consume(count);
            total += count as u64;
        }
        assert_eq!(total, bytes);
    })
}

pub(crate) fn read_std(path: &Path, bytes: u64) -> Time {
    forget(path);
    timed(|| {
        let mut file = File::open(path).unwrap();
        let mut block = vec![0; 1 << 20];
        let mut total = 0;
        loop {
            let count = file.read(&mut block).unwrap();
            if count == 0 {
                break;
            }
            total += black_box(&block[..count]).len() as u64;
        }
        assert_eq!(total, bytes);
    })
}

/// Drops the file from the page cache, as fio does before it reads.
fn forget(path: &Path) {
    let file = File::open(path).unwrap();
    rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::DontNeed).unwrap();
}
