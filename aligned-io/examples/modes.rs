//! Says how files could be written in a directory, and what stands in the way of the rest:
//! `cargo run --example modes -- DIRECTORY`.
//!
//! Each way is forced in turn; the last line is what a writer chooses by itself. Nothing is left
//! in the directory. The program fails if `io_uring` with `O_DIRECT` is refused.

use std::error::Error;
use std::path::Path;

use aligned_io::{BackendChoice, Direct, Mode, Registration, WriteError, WriterOptions};

const WAYS: [(&str, BackendChoice, Direct); 5] = [
    ("io_uring", BackendChoice::IoUring, Direct::Require),
    ("threads", BackendChoice::Threads, Direct::Require),
    ("pwrite", BackendChoice::Pwrite, Direct::Require),
    ("page cache", BackendChoice::Pwrite, Direct::Never),
    ("by itself", BackendChoice::Auto, Direct::Auto),
];

fn mode(directory: &Path, backend: BackendChoice, direct: Direct) -> Result<Mode, WriteError> {
    let registration = match backend {
        BackendChoice::IoUring => Registration::Require,
        _ => Registration::Auto,
    };
    let options = WriterOptions {
        backend,
        direct,
        registration,
        ..WriterOptions::default()
    };
    // Dropped at once, and the file with it.
    Ok(options.create(directory.join("modes"))?.mode())
}

#[expect(clippy::print_stdout, reason = "says what it found")]
fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    let [directory] = arguments.as_slice() else {
        return Err("one path is needed: DIRECTORY".into());
    };
    let mut refused = None;
    for (name, backend, direct) in WAYS {
        match mode(directory.as_ref(), backend, direct) {
            Ok(mode) => println!("{name:<10}  {mode}"),
            Err(error) => {
                let reason = error.source().map_or_else(String::new, ToString::to_string);
                println!("{name:<10}  refused: {error}: {reason}");
                let is_ring = backend == BackendChoice::IoUring;
                refused = refused.or(is_ring.then(|| format!("{error}: {reason}")));
            }
        }
    }
    refused.map_or(Ok(()), |reason| Err(reason.into()))
}
