//! Counts the keys of a file by kind: `cargo run --example count dump.rdb`.

use std::collections::BTreeMap;
use std::error::Error;
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use rdb_format::{Event, ReadOptions, Reader, Values};

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args_os().nth(1).ok_or("which file?")?;
    count(path.as_ref(), &mut io::stdout().lock())
}

pub(crate) fn count(path: &Path, out: &mut impl Write) -> Result<(), Box<dyn Error>> {
    // Raw values are passed over in constant memory, and fast.
    let options = ReadOptions {
        values: Values::Raw,
        ..ReadOptions::default()
    };
    let mut reader = Reader::new(File::open(path)?).with_options(options);
    let mut counts = BTreeMap::new();
    while let Some(event) = reader.next_event()? {
        if let Event::Key(head) = event {
            *counts.entry(head.value_type.to_string()).or_insert(0_u64) += 1;
        }
    }
    for (kind, count) in counts {
        writeln!(out, "{count:>12}  {kind}")?;
    }
    Ok(())
}
