//! Writers that are filled in place, finished early, moved between threads, or not alone.

use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::thread;

use aligned_io::{BufferPool, Pages, WriteError, WriterOptions};
use tempfile::TempDir;

use crate::file::{content, directories, leftovers};
use crate::mode::{BLOCK_BYTES, MODES, options, refusal, unless_refused};
use crate::skipped::in_turn;

#[test]
fn bytes_filled_in_place_and_copied_are_one_stream() {
    for directory in directories() {
        let path = directory.path().join("filled");
        for mode in MODES {
            let options = options(mode, 0);
            let pool = BufferPool::new(options.depth + 2, BLOCK_BYTES, Pages::Huge).unwrap();
            let created = in_turn(|| options.create_with_buffers(&path, &pool), refusal);
            let Some(mut writer) = unless_refused(&options, &path, created) else {
                continue;
            };
            let refused = options.create_with_buffers(&path, &pool);
            assert!(matches!(
                refused,
                Err(WriteError::TooFewBuffers { wanted, free: 1 }) if wanted == options.depth + 1
            ));
            let expected = content(5 * BLOCK_BYTES + 17, 2);
            let mut rest = expected.as_slice();
            let mut step = 0;
            while !rest.is_empty() {
                step += 1;
                let wanted = rest.len().min(step * 997);
                let taken = if step % 3 == 0 {
                    writer.write(&rest[..wanted]).unwrap()
                } else {
                    let fill = writer.fill(|space| {
                        let count = wanted.min(space.len());
                        space[..count].copy_from_slice(&rest[..count]);
                        count
                    });
                    fill.unwrap()
                };
                rest = &rest[taken..];
            }
            assert_eq!(writer.fill(|_| 0).unwrap(), 0);
            writer.publish().unwrap();
            assert!(fs::read(&path).unwrap() == expected, "{mode:?}");
            assert_eq!(pool.free(), pool.count());
        }
    }
}

#[test]
fn finished_files_appear_together_when_published() {
    let directory = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let paths = ["0", "1", "2"].map(|name| directory.path().join(name));
    let finished: Vec<_> = paths
        .iter()
        .map(|path| {
            let mut writer = WriterOptions::default().create(path).unwrap();
            writer
                .write_all(path.as_os_str().as_encoded_bytes())
                .unwrap();
            writer.finish().unwrap()
        })
        .collect();
    assert!(paths.iter().all(|path| !path.exists()));
    for file in finished {
        let bytes = file.bytes();
        assert_eq!(file.publish().unwrap().bytes, bytes);
    }
    for path in &paths {
        assert_eq!(fs::read(path).unwrap(), path.as_os_str().as_encoded_bytes());
    }
}

#[test]
fn writer_moves_from_thread_to_thread() {
    let directory = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let path = directory.path().join("moved");
    let mut writer = options(MODES[0], 0).create(&path).unwrap();
    let expected = content(5 * BLOCK_BYTES + 77, 3);
    for piece in expected.chunks(BLOCK_BYTES + 1) {
        // The thread that started a write may be gone when it comes back.
        writer = thread::scope(|scope| {
            let moved = scope.spawn(move || {
                writer.write_all(piece).unwrap();
                writer
            });
            moved.join().unwrap()
        });
    }
    writer.publish().unwrap();
    assert!(fs::read(&path).unwrap() == expected);
}

#[test]
fn two_writers_of_one_name_do_not_meet_and_the_last_one_stays() {
    let directory = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let path = directory.path().join("shared");
    let mut first = WriterOptions::default().create(&path).unwrap();
    let mut second = WriterOptions::default().create(&path).unwrap();
    first.write_all(b"first").unwrap();
    second.write_all(b"second").unwrap();
    second.publish().unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"second");
    first.publish().unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"first");
    assert_eq!(leftovers(&path), Vec::<PathBuf>::new());
}
