//! A cache that is written to a file while it goes on serving.
//!
//! ```console
//! $ cargo run --release -p dash-table --example cache
//! ```
//!
//! The file holds the cache as it was at the cut, although half of it is overwritten before its
//! turn comes.

use std::collections::HashMap;
use std::error::Error;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::Path;

use dash_table::{Bucket, Cursor, Cut, DashTable, DefaultHashBuilder, Observer, Traversal};

const KEYS: u64 = 200_000;

/// Buckets between two looks at what else there is to do.
const BUCKETS_PER_SLICE: usize = 8;

type Cache = DashTable<String, u64, DefaultHashBuilder, Saver>;

/// Writes what it is handed, one line for each entry. Without a file it has nothing to do.
#[derive(Default)]
struct Saver {
    file: Option<BufWriter<File>>,
    /// The first write that failed; kept until the end, because `deliver` cannot return it.
    failure: Option<io::Error>,
}

impl Observer<String, u64> for Saver {
    fn deliver(&mut self, _: Cut, bucket: Bucket<'_, String, u64>) {
        let Some(file) = &mut self.file else { return };
        let mut write = |(key, value)| writeln!(file, "{key} {value}");
        if let Err(error) = bucket.iter().try_for_each(&mut write) {
            self.failure.get_or_insert(error);
        }
    }
}

/// Writes the cache to `path` as it is now, and lets `serve` write to it all the while.
fn save(cache: &mut Cache, path: &Path, mut serve: impl FnMut(&mut Cache)) -> io::Result<()> {
    cache.observer_mut().file = Some(BufWriter::new(File::create(path)?));
    let cut = cache.cut();
    let mut cursor = Cursor::start();
    while cache.traverse(cut, &mut cursor, BUCKETS_PER_SLICE) == Traversal::More {
        serve(cache);
    }
    cache.close(cut);
    let saver = cache.observer_mut();
    if let Some(failure) = saver.failure.take() {
        return Err(failure);
    }
    let Some(file) = saver.file.take() else {
        return Ok(());
    };
    file.into_inner()?.sync_all()
}

/// What a file says.
fn load(path: &Path) -> Result<HashMap<String, u64>, Box<dyn Error>> {
    let mut entries = HashMap::new();
    for line in fs::read_to_string(path)?.lines() {
        let (key, value) = line.split_once(' ').ok_or("a line without a value")?;
        entries.insert(key.to_owned(), value.parse()?);
    }
    Ok(entries)
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut cache: Cache = (0..KEYS).map(|key| (format!("key:{key}"), key)).collect();
    let path = std::env::temp_dir().join(format!("cache-{}.txt", std::process::id()));

    let mut writes: u64 = 0;
    save(&mut cache, &path, |cache| {
        // Overwrites an old key, inserts a new one, and removes another old one.
        cache.insert(format!("key:{}", writes % KEYS), u64::MAX);
        cache.insert(format!("late:{writes}"), 0);
        cache.remove(&format!("key:{}", KEYS - 1 - writes % KEYS));
        writes += 1;
    })?;

    let saved = load(&path)?;
    fs::remove_file(&path)?;
    let is_whole = (0..KEYS).all(|key| saved.get(&format!("key:{key}")) == Some(&key));
    assert!(
        is_whole && saved.len() as u64 == KEYS,
        "not the state at the cut"
    );
    writeln!(
        io::stdout(),
        "{KEYS} entries saved as they were at the cut, with {} writes meanwhile",
        3 * writes
    )?;
    Ok(())
}
