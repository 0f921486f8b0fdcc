//! LZF against liblzf, both ways and on damaged input, through a small program in C that is
//! compiled when the test runs. Skipped where there is no C compiler or no liblzf, unless
//! `FORKLESS_LIBLZF` says that there must be.
//!
//! `FORKLESS_TEST_SEEDS` sets how many inputs are tried.
#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::io::{BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use rdb_format::{LzfEncoder, lzf_decompress};
use tempfile::TempDir;

/// Inputs that are tried unless told otherwise.
const SEEDS: u64 = 3_000;

/// liblzf, in a program of its own.
struct Peer {
    child: Child,
    requests: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
    _folder: TempDir,
}

impl Peer {
    /// Compiles and starts the program; `None` where that cannot be.
    fn start() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("peer");
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/liblzf/peer.c");
        let compiled = Command::new("cc")
            .args(["-O2", "-I/usr/include/liblzf", "-o"])
            .args([&program, &source])
            .arg("-llzf")
            .stderr(Stdio::null())
            .status();
        if !compiled.is_ok_and(|status| status.success()) {
            return None;
        }
        let mut child = Command::new(&program)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        Some(Self {
            requests: child.stdin.take(),
            answers: BufReader::new(child.stdout.take().unwrap()),
            child,
            _folder: folder,
        })
    }

    /// What liblzf makes of `input` within `most` bytes.
    fn ask(&mut self, what: u8, input: &[u8], most: usize) -> Option<Vec<u8>> {
        let number = |n: usize| u32::try_from(n).unwrap().to_le_bytes();
        let head = [&[what][..], &number(input.len()), &number(most)].concat();
        let requests = self.requests.as_mut().unwrap();
        requests.write_all(&head).unwrap();
        requests.write_all(input).unwrap();
        let mut length = [0; 4];
        self.answers.read_exact(&mut length).unwrap();
        let mut output = vec![0; usize::try_from(u32::from_le_bytes(length)).unwrap()];
        self.answers.read_exact(&mut output).unwrap();
        (!output.is_empty()).then_some(output)
    }

    fn compress(&mut self, input: &[u8], most: usize) -> Option<Vec<u8>> {
        self.ask(b'c', input, most)
    }

    fn expand(&mut self, input: &[u8], most: usize) -> Option<Vec<u8>> {
        self.ask(b'd', input, most)
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // Its input ends, and so does it.
        self.requests = None;
        self.child.wait().unwrap();
    }
}

#[expect(
    clippy::print_stderr,
    reason = "a skipped test must say that it is skipped"
)]
fn peer() -> Option<Peer> {
    let peer = Peer::start();
    if peer.is_none() {
        assert!(
            std::env::var_os("FORKLESS_LIBLZF").is_none(),
            "no C compiler or no liblzf (Debian: gcc, liblzf-dev)"
        );
        eprintln!("skipped: no C compiler or no liblzf");
    }
    peer
}

fn seeds() -> u64 {
    std::env::var("FORKLESS_TEST_SEEDS").map_or(SEEDS, |seeds| seeds.parse().unwrap())
}

/// Numbers that look random and are the same in every run (splitmix64).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    /// Less than `end`.
    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(end.max(1)).unwrap()).unwrap()
    }

    fn byte(&mut self, kinds: usize) -> u8 {
        u8::try_from(self.below(kinds.min(256))).unwrap()
    }
}

/// An input that has something to compress, and something that is hard to: noise of few or many
/// kinds of bytes, runs, copies from anywhere behind, copies at the edges of what a token can say.
fn input(seed: u64) -> Vec<u8> {
    let random = &mut Random(seed);
    let length = [5, 40, 300, 3_000, 20_000][random.below(5)];
    let length = random.below(length) + 1;
    let kinds = [1, 2, 4, 30, 256][random.below(5)];
    let mut bytes = Vec::new();
    while bytes.len() < length {
        match random.below(4) {
            0 => {
                let byte = random.byte(kinds);
                bytes.resize(bytes.len() + random.below(600), byte);
            }
            1 => {
                let most = [bytes.len(), 8_190, 8_191, 8_192, 8_193][random.below(5)];
                let distance = if random.below(2) == 0 {
                    most
                } else {
                    random.below(most)
                };
                let distance = distance.clamp(1, bytes.len().max(1));
                let count = [3, 8, 9, 263, 264, 265, 700][random.below(7)];
                for _ in 0..count.min(length) {
                    let byte = bytes.len().checked_sub(distance).map_or(7, |at| bytes[at]);
                    bytes.push(byte);
                }
            }
            _ => {
                for _ in 0..random.below(70) {
                    bytes.push(random.byte(kinds));
                }
            }
        }
    }
    bytes.truncate(length);
    bytes
}

/// What we make of compressed bytes that promise `length`.
fn expand(compressed: &[u8], length: usize) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    lzf_decompress(compressed, length, &mut out).ok()?;
    Some(out)
}

#[test]
#[expect(clippy::print_stdout, reason = "says how both compare")]
fn each_expands_what_the_other_compresses() {
    let Some(mut peer) = peer() else { return };
    let mut encoder = LzfEncoder::new();
    let (mut ours_bytes, mut theirs_bytes, mut both) = (0, 0, 0);
    for seed in 0..seeds() {
        let input = input(seed);
        let mut ours = Vec::new();
        let fits = encoder
            .compress(&input, &mut ours, input.len() * 2 + 8)
            .is_some();
        assert!(fits, "seed {seed}: a limit that cannot be reached");
        assert_eq!(
            peer.expand(&ours, input.len()).as_deref(),
            Some(&*input),
            "seed {seed}"
        );
        if let Some(theirs) = peer.compress(&input, input.len() * 2 + 8) {
            assert_eq!(
                expand(&theirs, input.len()).as_deref(),
                Some(&*input),
                "seed {seed}"
            );
            both += 1;
            ours_bytes += ours.len();
            theirs_bytes += theirs.len();
        }
    }
    // liblzf refuses inputs of a few bytes; nearly all are longer.
    assert!(both * 2 > seeds(), "only {both} inputs went both ways");
    println!("{both} inputs both ways: ours {ours_bytes} bytes, liblzf {theirs_bytes}");
}

#[test]
fn both_say_the_same_of_damaged_input() {
    let Some(mut peer) = peer() else { return };
    let mut encoder = LzfEncoder::new();
    let (mut sound, mut refused) = (0, 0);
    for seed in 0..seeds() {
        let random = &mut Random(seed ^ 0xdead_beef);
        let plain = input(seed % 500);
        let mut damaged = Vec::new();
        encoder.compress(&plain, &mut damaged, usize::MAX);
        for _ in 0..=random.below(3) {
            let at = random.below(damaged.len());
            match random.below(3) {
                0 => damaged[at] ^= 1 << random.below(8),
                1 => damaged[at] = random.byte(256),
                _ => damaged.truncate(at.max(1)),
            }
        }
        // liblzf gives what there is, up to a limit; we want to know how much there must be.
        if let Some(theirs) = peer.expand(&damaged, plain.len()) {
            let ours = expand(&damaged, theirs.len());
            assert_eq!(ours, Some(theirs), "seed {seed}");
            sound += 1;
        } else {
            let ours = expand(&damaged, plain.len());
            assert_eq!(ours, None, "seed {seed}");
            refused += 1;
        }
    }
    assert!(sound > 0 && refused > 0, "{sound} sound, {refused} refused");
}
