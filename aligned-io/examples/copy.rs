//! Copies a file, exactly and durably: `cargo run --example copy -- FROM TO`.
//!
//! `TO` holds what it held before, or the whole copy; when this program says that it is done, the
//! copy is on the disk.

use std::error::Error;
use std::io::{BufRead, Write};
use std::path::Path;

use aligned_io::{Published, ReaderOptions, WriterOptions, remove_leftovers};

fn copy(from: &Path, to: &Path) -> Result<Published, Box<dyn Error>> {
    // What an earlier run left behind when it was killed.
    remove_leftovers(to)?;
    let mut reader = ReaderOptions::default().open(from)?;
    let options = WriterOptions {
        // Finds out before the first byte whether there is space for all of them.
        preallocate_bytes: reader.length(),
        ..WriterOptions::default()
    };
    let mut writer = options.create(to)?;
    loop {
        // Lent by the reader, copied once, into the writer's buffer.
        let block = reader.fill_buf()?;
        if block.is_empty() {
            break;
        }
        writer.write_all(block)?;
        let count = block.len();
        reader.consume(count);
    }
    Ok(writer.publish()?)
}

#[expect(clippy::print_stdout, reason = "says what it did")]
fn main() -> Result<(), Box<dyn Error>> {
    let paths: Vec<_> = std::env::args_os().skip(1).collect();
    let [from, to] = paths.as_slice() else {
        return Err("two paths are needed: FROM TO".into());
    };
    let published = copy(from.as_ref(), to.as_ref())?;
    let (bytes, mode) = (published.bytes, published.mode);
    println!("{bytes} bytes through {mode}, on the disk");
    Ok(())
}
