//! Streams of whole data sets, by us and by others.

use std::error::Error;
use std::hint::black_box;
use std::time::{Duration, Instant};

use rdb::RdbValue;
use rdb_format::{
    CompactEntry, Compression, Element, Encoder, Encodings, Event, RawEntry, ReadOptions, Reader,
    Target, Value, Values, WriteError, Writer,
};

use crate::Extent;
use crate::data::Set;
use crate::row::{Goal, Peer, Row};
use crate::server::{self, Missing, Server};

/// What every server here loads.
const TARGET: Target = Target::Redis70;

/// What one data set took, round by round, in nanoseconds for each of its unit.
#[derive(Default)]
struct Figures {
    encoded: Vec<f64>,
    decoded: Vec<f64>,
    // By those who keep values as they are stored.
    encoded_whole: Vec<f64>,
    decoded_whole: Vec<f64>,
    parsed: Vec<f64>,
    saved: [Vec<f64>; 2],
    loaded: [Vec<f64>; 2],
}

/// The encoding and the decoding of a data set.
pub(crate) fn rows(set: &Set, extent: &Extent) -> Result<Vec<Row>, Box<dyn Error>> {
    let entries = set.entries(extent.divisor);
    let file = encode(&entries, set.compression, Vec::new())?;
    let mut servers = server::programs()
        .map(|program| Server::start(&program, &file, set.compression, entries.len()));
    let figures = measure(set, extent, (&entries, &file), &mut servers)?;
    let peers = |figures: &[Vec<f64>; 2], how: &str| -> Vec<Peer> {
        let both = servers.iter().zip(figures);
        both.map(|(server, figure)| match server {
            Ok(server) => Peer {
                name: format!("{} {how}", server.name),
                figure: Ok(figure.clone()),
            },
            Err(missing) => Peer {
                name: missing.program.clone(),
                figure: Err(missing.why.clone()),
            },
        })
        .collect()
    };
    let mut readers = peers(&figures.loaded, "RELOAD");
    readers.push(Peer {
        name: "rdb 0.4.0".to_owned(),
        figure: if figures.parsed.is_empty() {
            Err("skips streams".to_owned())
        } else {
            Ok(figures.parsed)
        },
    });
    let row = |verb: &str, ours, peers, most: Option<f64>| Row {
        name: format!("{verb}, {}", set.name),
        unit: set.unit,
        ours,
        peers,
        goal: most.map(Goal::AtMost),
    };
    let encode_goal = set.goals.map(|goals| goals.0);
    let decode_goal = set.goals.map(|goals| goals.1);
    let writers = peers(&figures.saved, "SAVE");
    let mut rows = vec![
        row("encode", figures.encoded, writers, encode_goal),
        row("decode", figures.decoded, readers, decode_goal),
    ];
    if set.kept.is_some() {
        let writers = peers(&figures.saved, "SAVE");
        let readers = peers(&figures.loaded, "RELOAD");
        rows.push(row("encode whole", figures.encoded_whole, writers, None));
        rows.push(row("decode whole", figures.decoded_whole, readers, None));
    }
    Ok(rows)
}

/// Takes all figures in turns.
fn measure(
    set: &Set,
    extent: &Extent,
    (entries, file): (&[(Vec<u8>, Value)], &[u8]),
    servers: &mut [Result<Server, Missing>; 2],
) -> Result<Figures, Box<dyn Error>> {
    let mut figures = Figures::default();
    let elements = f64::from(u32::try_from(entries.len() * set.per_key)?);
    let per_element = |time: Duration| time.as_secs_f64() * 1e9 / elements;
    let streams = matches!(entries.first(), Some((_, Value::Stream(_))));
    let stored = set.kept.map(|_| stored(file)).transpose()?;
    for _ in 0..extent.rounds {
        let (time, _) = timed(|| encode(entries, set.compression, std::io::sink()))?;
        figures.encoded.push(per_element(time));
        let (time, seen) = timed(|| decode(file, Values::Decoded))?;
        assert!(seen.keys == entries.len(), "{seen:?}");
        figures.decoded.push(per_element(time));
        if let (Some(values), Some(stored)) = (set.kept, &stored) {
            let (time, _) = timed(|| pass(stored, std::io::sink()))?;
            figures.encoded_whole.push(per_element(time));
            let (time, seen) = timed(|| decode(file, values))?;
            assert!(seen.keys == entries.len(), "{seen:?}");
            figures.decoded_whole.push(per_element(time));
        }
        if !streams {
            let (time, keys) = timed(|| parse(file))?;
            assert!(keys == entries.len(), "the crate rdb saw {keys} keys");
            figures.parsed.push(per_element(time));
        }
        for (place, server) in servers.iter_mut().enumerate() {
            if let Ok(server) = server {
                figures.saved[place].push(per_element(server.save()?));
                figures.loaded[place].push(per_element(server.reload()?));
            }
        }
    }
    Ok(figures)
}

/// All values as they are stored.
fn stored(file: &[u8]) -> Result<Vec<RawEntry>, rdb_format::DecodeError> {
    let mut reader = Reader::from_slice(file);
    std::iter::from_fn(|| reader.next_raw_entry().transpose()).collect()
}

/// Writes values that are kept as they are stored.
fn pass<W: std::io::Write>(entries: &[RawEntry], output: W) -> Result<W, WriteError> {
    let mut writer = Writer::new(output, Encoder::new(TARGET, Compression::None));
    for entry in black_box(entries) {
        writer.raw_entry(entry)?;
    }
    let (output, written) = writer.finish()?;
    assert!(written.keys == entries.len() as u64, "{written:?}");
    Ok(output)
}

fn timed<T, E>(run: impl FnOnce() -> Result<T, E>) -> Result<(Duration, T), E> {
    let started = Instant::now();
    let result = black_box(run()?);
    Ok((started.elapsed(), result))
}

/// Writes all entries as one stream, as servers would.
fn encode<W: std::io::Write>(
    entries: &[(Vec<u8>, Value)],
    compression: Compression,
    output: W,
) -> Result<W, WriteError> {
    let encoder = Encoder::new(TARGET, compression).with_encodings(Encodings::SERVERS);
    let mut writer = Writer::new(output, encoder);
    writer.select_db(0)?;
    for (key, value) in black_box(entries) {
        writer.entry(key, None, value)?;
    }
    let (output, written) = writer.finish()?;
    assert!(written.keys == entries.len() as u64, "{written:?}");
    Ok(output)
}

/// What a walk over events met.
#[derive(Debug, Default)]
struct Seen {
    keys: usize,
    bytes: usize,
}

/// Walks over all events, and looks at every text.
fn decode(file: &[u8], values: Values) -> Result<Seen, rdb_format::DecodeError> {
    let options = ReadOptions {
        values,
        ..ReadOptions::default()
    };
    let mut reader = Reader::from_slice(black_box(file)).with_options(options);
    let mut seen = Seen::default();
    while let Some(event) = reader.next_event()? {
        seen.bytes += match event {
            Event::Key(head) => {
                seen.keys += 1;
                head.key.len()
            }
            Event::Element(Element::Item(item) | Element::Packed(_, item) | Element::Raw(item)) => {
                item.len()
            }
            Event::Element(Element::Field(field, value)) => field.len() + value.len(),
            Event::Element(Element::Entry(entry)) => entry
                .fields()
                .map(|(field, value)| len(field) + len(value))
                .sum(),
            _ => 0,
        };
    }
    Ok(seen)
}

const fn len(entry: CompactEntry<'_>) -> usize {
    match entry {
        CompactEntry::Bytes(bytes) => bytes.len(),
        CompactEntry::Integer(_) => size_of::<i64>(),
    }
}

/// The same by the crate `rdb`, which verifies no checksum and owns what it gives.
fn parse(file: &[u8]) -> Result<usize, rdb::RdbError> {
    let mut keys = 0;
    for item in rdb::RdbDecoder::new(black_box(file), rdb::Simple::new())? {
        keys += usize::from(matches!(
            black_box(item?),
            RdbValue::String { .. }
                | RdbValue::Hash { .. }
                | RdbValue::Set { .. }
                | RdbValue::List { .. }
        ));
    }
    Ok(keys)
}
