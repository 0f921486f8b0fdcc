//! Ways to write a file: ours, and that of `std`.

use std::fs::File;
use std::hint::black_box;
use std::io::{BufWriter, Write};
use std::path::Path;

use aligned_io::WriterOptions;

use crate::time::{Time, timed};

/// What an encoder hands over at once.
const SLICE_BYTES: usize = 128 << 10;

pub(crate) fn fill(sink: &mut impl Write, bytes: u64, mut each: impl FnMut()) {
    let slice: Vec<u8> = (0..SLICE_BYTES)
        .map(|index| (index % 251).to_le_bytes()[0])
        .collect();
    for _ in 0..bytes / SLICE_BYTES as u64 {
        sink.write_all(black_box(&slice)).unwrap();
        each();
    }
}

pub(crate) fn write(options: &WriterOptions, path: &Path, bytes: u64) -> Time {
    timed(|| {
        let mut writer = options.create(path).unwrap();
        fill(&mut writer, bytes, || {});
        assert_eq!(writer.publish().unwrap().bytes, bytes);
    })
}

/// As fio does: the file is there, and preallocated, when the clock starts; it is durable when the
/// clock stops, and only then given its name.
pub(crate) fn write_as_fio(options: &WriterOptions, path: &Path, bytes: u64) -> Time {
    let mut writer = options.create(path).unwrap();
    let mut finished = None;
    let time = timed(|| {
        fill(&mut writer, bytes, || {});
        finished = Some(writer.finish().unwrap());
    });
    assert_eq!(finished.unwrap().publish().unwrap().bytes, bytes);
    time
}

/// As fio does with its bytes too: nothing is copied, and a few bytes of each sector are changed.
pub(crate) fn write_in_place(options: &WriterOptions, path: &Path, bytes: u64) -> Time {
    const SECTOR_BYTES: usize = 512;
    let mut writer = options.create(path).unwrap();
    let mut finished = None;
    let time = timed(|| {
        while writer.position() < bytes {
            let position = writer.position().to_le_bytes();
            let filled = writer.fill(|space| {
                for sector in space.chunks_mut(SECTOR_BYTES) {
                    sector[..position.len()].copy_from_slice(&position);
                }
                space.len()
            });
            filled.unwrap();
        }
        finished = Some(writer.finish().unwrap());
    });
    assert_eq!(finished.unwrap().publish().unwrap().bytes, bytes);
    time
}

pub(crate) fn write_small(path: &Path) -> Time {
    timed(|| {
        let mut writer = WriterOptions::default().create(path).unwrap();
        writer.write_all(&[7; 4096]).unwrap();
        writer.publish().unwrap();
    })
}

pub(crate) fn write_std(path: &Path, bytes: u64) -> Time {
    timed(|| {
        let mut writer = BufWriter::with_capacity(1 << 20, File::create(path).unwrap());
        fill(&mut writer, bytes, || {});
        writer.into_inner().unwrap().sync_all().unwrap();
    })
}
