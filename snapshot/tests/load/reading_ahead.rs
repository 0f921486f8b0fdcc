//! How far a load reads ahead of the shards.

use std::io::Read;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use crate::strings::strings;
use crate::tiny_store::patient_load;
use crate::{Meanwhile, start};

/// Counts what is read.
struct Counting<R> {
    source: R,
    bytes: Arc<AtomicUsize>,
}

impl<R: Read> Read for Counting<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let bytes = self.source.read(buffer)?;
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        Ok(bytes)
    }
}

#[test]
fn load_reads_no_further_ahead_of_a_slow_shard_than_a_few_batches() {
    const ENTRIES: usize = 100_000;
    let value = [b'v'; 200];
    let key = |number: usize| format!("key {number}").into_bytes();
    let keys: Vec<Vec<u8>> = (0..ENTRIES).map(key).collect();
    let entries: Vec<_> = keys
        .iter()
        .map(|key| (&key[..], None, &value[..]))
        .collect();
    let bytes = strings(0, &entries);
    let shards = start(1);
    let read = Arc::new(AtomicUsize::new(0));
    let (go_on, wait) = mpsc::channel::<()>();
    let source = Counting {
        source: Meanwhile {
            bytes: &bytes,
            half: bytes.len() * 9 / 10,
            act: Some(|| shards.send(0, move |_| wait.recv().unwrap_or(())).unwrap()),
        },
        bytes: Arc::clone(&read),
    };
    std::thread::scope(|scope| {
        let shards = &shards;
        let loading = scope.spawn(move || patient_load().from_reader(source, shards));
        let mut before = 0;
        // Until no more is read for a while.
        while before == 0 || before != read.load(Ordering::Relaxed) {
            before = read.load(Ordering::Relaxed);
            std::thread::sleep(Duration::from_millis(300));
        }
        assert!(before < bytes.len() / 2, "{before} of {}", bytes.len());
        drop(go_on);
        assert_eq!(loading.join().unwrap().unwrap().keys, ENTRIES as u64);
    });
}
