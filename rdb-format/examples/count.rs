//! Counts the keys of a file by kind: `cargo run --example count dump.rdb`.
#![expect(clippy::print_stdout, reason = "it is what the example is for")]

use std::collections::BTreeMap;
use std::fs::File;

use rdb_format::{Event, ReadOptions, Reader, Values};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args_os().nth(1).ok_or("which file?")?;
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
        println!("{count:>12}  {kind}");
    }
    Ok(())
}
