//! A stream of any length is written and read under 64 MiB of memory, which the system enforces.
//!
//! The limit holds for the whole process, so for the encoder, the reader and what lies between.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::fmt::Write;
use std::io::{self, Read};

use rdb_format::{
    Compression, Crc64, Element, Encoder, Event, ReadOptions, Reader, Target, ValueType, Values,
};
use rustix::process::{Resource, Rlimit, setrlimit};

/// Bytes that this process may have in writable memory: heap, stacks and data.
const LIMIT_BYTES: u64 = 64 << 20;

/// Bytes that the generator hands out at a time.
const CHUNK_BYTES: usize = 64 << 10;

/// Sets the limit, and makes sure that it bites.
fn limit_memory() {
    let limit = Rlimit {
        current: Some(LIMIT_BYTES),
        maximum: Some(LIMIT_BYTES),
    };
    setrlimit(Resource::Data, limit).unwrap();
    let beyond = usize::try_from(LIMIT_BYTES).unwrap();
    let refused = Vec::<u8>::new().try_reserve_exact(beyond);
    assert!(refused.is_err(), "the system does not enforce the limit");
}

/// The most memory that was resident so far, in bytes.
fn peak_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = peak.unwrap().trim().trim_end_matches(" kB");
    kib.parse::<u64>().unwrap() << 10
}

/// A key, or many keys, whose value has very many elements.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Part {
    List,
    Set,
    Hash,
    SortedSet,
    /// A list of nodes, each a listpack of 64 elements.
    Nodes,
    /// A stream of nodes, each of 64 entries.
    Stream,
    /// Strings, each with a key.
    Keys,
    /// One string, as long as all the elements of another part.
    LongString,
}

const SIZED: [Part; 7] = [
    Part::List,
    Part::Set,
    Part::Hash,
    Part::SortedSet,
    Part::Nodes,
    Part::Stream,
    Part::Keys,
];

impl Part {
    /// Bytes that one of its elements takes, roughly.
    const fn element_bytes(self) -> u64 {
        match self {
            Self::List | Self::Set => 101,
            Self::Hash => 122,
            Self::SortedSet => 109,
            Self::Nodes => 64 * 22 + 9,
            Self::Stream => 64 * 9 + 40,
            Self::Keys => 123,
            Self::LongString => CHUNK_BYTES as u64,
        }
    }

    /// Elements that a reader reports of one element here.
    const fn reported(self) -> u64 {
        match self {
            Self::Nodes | Self::Stream => 64,
            _ => 1,
        }
    }
}

/// Writes a file piece by piece, as it is read; what was read is gone.
struct Generator {
    encoder: Encoder,
    crc: Crc64,
    /// Parts to come, the last one first, and how many elements are left of the current one.
    parts: Vec<(Part, u64)>,
    current: Option<(Part, u64)>,
    /// What is written and not read yet.
    out: Vec<u8>,
    at: usize,
    text: String,
    number: u64,
    done: bool,
}

impl Generator {
    /// A file of about `bytes` bytes.
    fn new(parts: &[Part], bytes: u64) -> Self {
        let share = bytes / parts.len() as u64;
        let parts = parts
            .iter()
            .rev()
            .map(|part| (*part, share / part.element_bytes()));
        let mut encoder = Encoder::new(Target::Redis70, Compression::None);
        let mut out = Vec::new();
        encoder.header(&mut out);
        encoder.select_db(&mut out, 0);
        let mut crc = Crc64::new();
        crc.update(&out);
        Self {
            encoder,
            crc,
            parts: parts.collect(),
            current: None,
            out,
            at: 0,
            text: String::new(),
            number: 0,
            done: false,
        }
    }

    /// Elements that a reader should report.
    fn elements(&self) -> u64 {
        let parts = self.parts.iter();
        parts.map(|(part, count)| part.reported() * count).sum()
    }

    /// The next number, as so many digits.
    fn next_text(&mut self, digits: usize) -> &[u8] {
        self.number += 1;
        self.text.clear();
        write!(self.text, "e{:0digits$}", self.number).unwrap();
        self.text.as_bytes()
    }

    /// Starts a part, whose number of elements is known.
    fn head(&mut self, part: Part, count: u64) {
        let (value_type, length) = match part {
            Part::List => (ValueType::List, count),
            Part::Set => (ValueType::Set, count),
            Part::Hash => (ValueType::Hash, count),
            Part::SortedSet => (ValueType::SortedSet, count),
            Part::Nodes => (ValueType::ListQuicklist2, count),
            Part::Stream => (ValueType::Stream, count),
            Part::LongString => (ValueType::String, count * CHUNK_BYTES as u64),
            Part::Keys => return,
        };
        let key = format!("{part:?}");
        self.encoder
            .key(&mut self.out, key.as_bytes(), value_type, None);
        self.encoder.length(&mut self.out, length);
    }

    fn string(&mut self, digits: usize) {
        self.next_text(digits);
        self.encoder.string(&mut self.out, self.text.as_bytes());
    }

    fn element(&mut self, part: Part) {
        match part {
            Part::List | Part::Set => self.string(99),
            Part::Hash => {
                self.string(19);
                self.string(99);
            }
            Part::SortedSet => {
                self.string(99);
                self.encoder.score(&mut self.out, 0.5);
            }
            Part::Nodes => {
                let mut entries = Vec::new();
                for _ in 0..64 {
                    let text = self.next_text(19);
                    let length = u8::try_from(text.len()).unwrap();
                    entries.push(0x80 | length);
                    entries.extend_from_slice(text);
                    entries.push(length + 1);
                }
                // Kind 2 is a node that is a listpack.
                self.encoder.length(&mut self.out, 2);
                self.encoder.string(&mut self.out, &listpack(64, &entries));
            }
            Part::Stream => self.stream_node(),
            Part::Keys => {
                self.next_text(19);
                let key = self.text.as_bytes();
                self.encoder
                    .key(&mut self.out, key, ValueType::String, None);
                self.string(99);
            }
            Part::LongString => self.out.resize(self.out.len() + CHUNK_BYTES, b'x'),
        }
    }

    /// A node of 64 entries with one field.
    fn stream_node(&mut self) {
        self.number += 1;
        let key = [self.number.to_be_bytes(), [0; 8]].concat();
        self.encoder.string(&mut self.out, &key);
        // Live and deleted entries, the one field and the end of the head; then of each entry its
        // flags, the differences of its id, its value, and the number of these.
        let head = [64, 0, 1, b'f', 0];
        let entries = (0..64).flat_map(|seq| [2, 0, seq, 1, 4]);
        let numbers = head.into_iter().chain(entries);
        let entries: Vec<_> = numbers.flat_map(|number| [number, 1]).collect();
        self.encoder
            .string(&mut self.out, &listpack(5 + 64 * 5, &entries));
    }

    /// Ends a part.
    fn tail(&mut self, part: Part, count: u64) {
        if part == Part::Stream {
            for number in [count * 64, self.number, 63, 0] {
                self.encoder.length(&mut self.out, number);
            }
        }
    }

    /// Writes the next piece.
    fn fill(&mut self) {
        self.out.clear();
        self.at = 0;
        while self.out.len() < CHUNK_BYTES && !self.done {
            self.piece();
        }
    }

    fn piece(&mut self) {
        let Some((part, left)) = self.current else {
            let Some((part, count)) = self.parts.last().copied() else {
                self.crc.update(&self.out);
                self.encoder.end(&mut self.out, Some(self.crc));
                self.done = true;
                return;
            };
            self.head(part, count);
            self.current = Some((part, count));
            return;
        };
        if let Some(left) = left.checked_sub(1) {
            self.element(part);
            self.current = Some((part, left));
        } else {
            let count = self.parts.pop().map_or(0, |(_, count)| count);
            self.tail(part, count);
            self.current = None;
        }
    }
}

impl Read for Generator {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.at == self.out.len() && !self.done {
            self.fill();
            // The last piece counted itself before its checksum.
            if !self.done {
                self.crc.update(&self.out);
            }
        }
        let mut rest = &self.out[self.at..];
        let read = rest.read(buffer)?;
        self.at += read;
        Ok(read)
    }
}

/// A listpack of entries that are laid out already.
fn listpack(count: u16, entries: &[u8]) -> Vec<u8> {
    let size = u32::try_from(entries.len() + 7).unwrap().to_le_bytes();
    [&size, &count.to_le_bytes()[..], entries, &[0xff]].concat()
}

/// Reads a file to its end, and gives how many elements and bytes it had.
fn read(generator: Generator, values: Values) -> (u64, u64) {
    let options = ReadOptions {
        values,
        ..ReadOptions::default()
    };
    let mut reader = Reader::new(generator).with_options(options);
    let (mut elements, mut raw_bytes) = (0, 0);
    while let Some(event) = reader.next_event().unwrap() {
        match event {
            Event::Element(Element::Raw(piece)) => raw_bytes += piece.len() as u64,
            Event::Element(_) => elements += 1,
            _ => {}
        }
    }
    let amount = if values == Values::Raw {
        raw_bytes
    } else {
        elements
    };
    (amount, reader.position())
}

/// Writes and reads files of about `bytes` bytes: as elements, and as raw values with one more that
/// is a single string.
#[expect(clippy::print_stdout, reason = "says the figure that it was run for")]
fn pass(bytes: u64) {
    limit_memory();
    let generator = Generator::new(&SIZED, bytes);
    let expected = generator.elements();
    let (elements, position) = read(generator, Values::Decoded);
    assert_eq!(elements, expected);
    assert!(position > bytes / 10 * 9, "{position} of {bytes}");
    let after_decoded = peak_bytes();

    let long: Vec<_> = SIZED.into_iter().chain([Part::LongString]).collect();
    let (raw, position) = read(Generator::new(&long, bytes), Values::Raw);
    assert!(
        raw > bytes / 10 * 8 && position > raw,
        "{raw} and {position} of {bytes}"
    );
    let peak = peak_bytes();
    println!("{position} bytes: peak {after_decoded} bytes decoded, {peak} bytes raw");
    assert!(peak < LIMIT_BYTES);
}

/// Reads how many bytes a file has here: 256 MiB unless `FORKLESS_MEMORY_BYTES` says more, such as
/// the 4 GiB that `cargo xtask compat` asks for, which take a minute.
fn file_bytes() -> u64 {
    let asked = std::env::var("FORKLESS_MEMORY_BYTES").ok();
    asked.map_or(256 << 20, |text| text.parse().unwrap())
}

#[test]
fn files_of_any_size_pass_under_64_mb() {
    pass(file_bytes());
}
