//! Compression, ours and that of liblzf, which runs in a process of its own.

use std::error::Error;
use std::hint::black_box;
use std::path::PathBuf;
use std::process::Command;
use std::time::Instant;

use rdb_format::{LzfEncoder, lzf_decompress};
use tempfile::TempDir;

use crate::Extent;
use crate::data::Words;
use crate::row::{Goal, Peer, Row};

const PEER: &str = "liblzf 3.6";
/// Text in all, in bytes.
const TEXT_BYTES: usize = 4 << 20;
/// At most 1.3 times as long as C.
const GOAL: Goal = Goal::Times(0.77);

/// What the rows of this size are about.
pub(crate) fn name(chunk_bytes: usize) -> String {
    format!("LZF, text of {chunk_bytes} B")
}

/// Compression and expansion of texts of this size.
pub(crate) fn rows(chunk_bytes: usize, extent: &Extent) -> Result<[Row; 2], Box<dyn Error>> {
    let chunks = TEXT_BYTES / extent.divisor / chunk_bytes;
    let text = Words::new().text(chunks * chunk_bytes);
    let kilobytes = f64::from(u32::try_from(text.len())?) / 1000.0;
    let per_kilobyte = |ns: f64| ns / kilobytes;
    let peer = Liblzf::new(&text);
    let (mut compress, mut expand) = (Vec::new(), Vec::new());
    let mut figures = Ok((Vec::new(), Vec::new()));
    for _ in 0..extent.rounds {
        let (ours_compress, ours_expand) = measure(&text, chunk_bytes)?;
        compress.push(per_kilobyte(ours_compress));
        expand.push(per_kilobyte(ours_expand));
        let theirs = peer.as_ref().map_err(ToString::to_string);
        let theirs = theirs.and_then(|peer| {
            let measured = peer.measure(chunks, chunk_bytes);
            measured.map_err(|error| error.to_string())
        });
        match (&mut figures, theirs) {
            (Ok((compress, expand)), Ok(theirs)) => {
                compress.push(per_kilobyte(theirs.0));
                expand.push(per_kilobyte(theirs.1));
            }
            (_, Err(why)) => figures = Err(why),
            (Err(_), Ok(_)) => {}
        }
    }
    let (their_compress, their_expand) = match figures {
        Ok((compress, expand)) => (Ok(compress), Ok(expand)),
        Err(why) => (Err(why.clone()), Err(why)),
    };
    let row = |verb: &str, ours, figure| Row {
        name: format!("{verb}, {}", name(chunk_bytes)),
        unit: "ns/KB",
        ours,
        peers: vec![Peer {
            name: PEER.to_owned(),
            figure,
        }],
        goal: Some(GOAL),
    };
    Ok([
        row("compress", compress, their_compress),
        row("expand", expand, their_expand),
    ])
}

/// The fewest nanoseconds of compressing all chunks and of expanding them, of five times as the C
/// program does it.
fn measure(text: &[u8], chunk_bytes: usize) -> Result<(f64, f64), Box<dyn Error>> {
    let mut encoder = LzfEncoder::new();
    let (mut packed, mut lens) = (Vec::new(), Vec::new());
    let mut back = Vec::new();
    let mut times = (f64::MAX, f64::MAX);
    for _ in 0..5 {
        packed.clear();
        lens.clear();
        let started = Instant::now();
        for chunk in black_box(text).chunks_exact(chunk_bytes) {
            lens.push(encoder.compress(chunk, &mut packed, chunk_bytes - 4));
        }
        times.0 = times.0.min(started.elapsed().as_secs_f64() * 1e9);
        let mut rest = black_box(packed.as_slice());
        let started = Instant::now();
        for len in &lens {
            let (one, after) = rest.split_at(len.ok_or("the text does not compress")?);
            rest = after;
            back.clear();
            lzf_decompress(one, chunk_bytes, &mut back)?;
        }
        times.1 = times.1.min(started.elapsed().as_secs_f64() * 1e9);
        assert!(text.ends_with(&back), "the last text came back differently");
    }
    Ok(times)
}

/// The C program, and the text in a file.
struct Liblzf {
    program: PathBuf,
    text: PathBuf,
    _folder: TempDir,
}

impl Liblzf {
    fn new(text: &[u8]) -> Result<Self, Box<dyn Error>> {
        let folder = tempfile::tempdir()?;
        let program = folder.path().join("liblzf");
        let path = folder.path().join("text");
        std::fs::write(&path, text)?;
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/figures/liblzf.c");
        let compiled = Command::new("cc")
            .args(["-O2", "-o"])
            .arg(&program)
            .args([source, "-l:liblzf.so.1"])
            .output()?;
        if !compiled.status.success() {
            return Err(String::from_utf8_lossy(&compiled.stderr)
                .into_owned()
                .into());
        }
        Ok(Self {
            program,
            text: path,
            _folder: folder,
        })
    }

    /// Nanoseconds of compressing all chunks and of expanding them.
    fn measure(&self, chunks: usize, chunk_bytes: usize) -> Result<(f64, f64), Box<dyn Error>> {
        let arguments = [chunks.to_string(), chunk_bytes.to_string()];
        let ran = Command::new(&self.program)
            .arg(&self.text)
            .args(arguments)
            .output()?;
        if !ran.status.success() {
            return Err(format!("it ended with {}", ran.status).into());
        }
        let said = String::from_utf8(ran.stdout)?;
        let (compress, expand) = said.trim().split_once(' ').ok_or("it said one number")?;
        Ok((compress.parse()?, expand.parse()?))
    }
}
