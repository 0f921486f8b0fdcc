//! What the fuzz targets check of masters and replicas, with their corpora, changed samples and any
//! bytes, on the stable toolchain.
#![expect(
    clippy::print_stderr,
    reason = "says what the threads of others panicked with"
)]

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use proptest::prelude::*;

mod fuzzed {
    //! One file for each target, and two for what they share.

    pub(crate) mod address;
    pub(crate) mod master;
    pub(crate) mod peer;
    pub(crate) mod replica;
    pub(crate) mod world;
}

/// Whether any thread has panicked: those of a master or a replica tell nobody.
static PANICKED: AtomicBool = AtomicBool::new(false);

fn check<R>(target: fn(&[u8]) -> R, bytes: &[u8]) -> R {
    std::panic::set_hook(Box::new(|panic| {
        PANICKED.store(true, Ordering::SeqCst);
        eprintln!("{panic}");
    }));
    let checked = target(bytes);
    assert!(!PANICKED.load(Ordering::SeqCst), "panics with {bytes:?}");
    checked
}

fn seed(path: impl AsRef<Path>) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fuzz/corpus")
        .join(path);
    fs::read(path).unwrap_or_default()
}

/// Gives a target every input of its corpus; how many there were.
fn replay<R>(name: &str, target: fn(&[u8]) -> R) -> usize {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fuzz/corpus")
        .join(name);
    let mut count = 0;
    for input in fs::read_dir(&folder).into_iter().flatten().flatten() {
        check(target, &seed(input.path()));
        count += 1;
    }
    count
}

#[test]
fn corpora_are_taken_or_refused() {
    assert!(replay("address", fuzzed::address::check) > 0);
    assert!(replay("master", fuzzed::master::check) > 0);
    assert!(replay("replica", fuzzed::replica::check) > 0);
}

#[test]
fn scripts_come_as_far_as_they_mean_to() {
    let check_master = |name| check(fuzzed::master::check, &seed(name));
    assert_eq!(check_master("master/follow"), (1, 2));
    assert_eq!(check_master("master/resume"), (2, 4));
    assert_eq!(check_master("master/again"), (1, 1));
    let shown = |name| check(fuzzed::replica::check, &seed(name)).into_keys();
    let key = |key: &str| (0, key.as_bytes().to_vec());
    assert!(shown("replica/parts").eq([key("key")]));
    assert!(shown("replica/fill").eq([]));
    assert!(shown("replica/end").eq([key("before")]));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_an_address_or_none(text: String) {
        check(fuzzed::address::check, text.as_bytes());
    }

    #[test]
    fn master_lives_whatever_it_is_told(bytes: Vec<u8>) {
        check(fuzzed::master::check, &bytes);
    }

    #[test]
    fn replica_lives_whatever_it_is_told(bytes: Vec<u8>) {
        check(fuzzed::replica::check, &bytes);
    }
}
