//! Every truncation and every flipped bit of every sample, and what becomes of it.
//!
//! With a checksum nothing passes but what turns the version into one that promises none.
//! Without, each flip has one of the [`Outcome`]s: it is noticed, or it changes a text, a number or
//! a type, which nothing can notice, or it is named in [`UNSEEN`] or [`REFRAMED`] with the reason.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

#[path = "../samples/mod.rs"]
mod samples;
mod step;
mod unnoticed;

use std::collections::{BTreeMap, BTreeSet};

use rdb_format::{
    DecodeError, ReadOptions, Reader, Source, Strictness, Tombstones, Unsupported, ValueType,
    Values,
};

use crate::samples::Sample;
use crate::step::{Step, of_event};
use crate::unnoticed::{REFRAMED, UNSEEN};

/// What a flipped bit comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Outcome {
    /// An error, or an oddity that strict reading refuses, with its place.
    Detected,
    /// The same events with the same contents.
    Same,
    /// The same events, and another text or number beside the values: a name or value of an aux
    /// field, a hint, a key or its attributes, a time, a counter.
    Fact,
    /// The same events, and another text or number in a value.
    Value,
    /// The same keys, one of them of another type whose values are laid out alike.
    Type,
    /// Other events: the structure changed and is sound.
    Structure,
}

/// Whether a text may be stored as a number.
fn is_number(text: &[u8]) -> bool {
    let text = std::str::from_utf8(text);
    text.is_ok_and(|text| text.parse::<f64>().is_ok())
}

fn outcome(before: &[Step], after: &[Step]) -> Outcome {
    let mut outcome = Outcome::Same;
    for (left, right) in before
        .iter()
        .zip(after)
        .filter(|(left, right)| left != right)
    {
        if left.value_type != right.value_type && left.texts == right.texts {
            return Outcome::Type;
        }
        // A text in the same place has the same length, unless one of both is stored as a number.
        let texts = left.texts.iter().zip(&right.texts);
        let places = texts
            .clone()
            .all(|(left, right)| left.len() == right.len() || is_number(left) || is_number(right));
        if left.kind != right.kind || left.texts.len() != right.texts.len() || !places {
            return Outcome::Structure;
        }
        let in_value = ["item", "field", "scored", "indexed", "raw", "entry"];
        outcome = outcome.max(if in_value.contains(&left.kind.as_str()) {
            Outcome::Value
        } else {
            Outcome::Fact
        });
    }
    if before.len() == after.len() {
        outcome
    } else {
        Outcome::Structure
    }
}

fn steps<S: Source>(mut reader: Reader<S>) -> Result<(Vec<Step>, u64), DecodeError> {
    let mut steps = Vec::new();
    while let Some(event) = reader.next_event()? {
        steps.push(of_event(event));
    }
    Ok((steps, reader.position()))
}

/// Samples that hold what strict reading refuses.
const ODD: [&str; 3] = [
    "a version to come",
    "records of Dragonfly",
    "records of Enterprise",
];

fn options(sample: &Sample) -> ReadOptions {
    ReadOptions {
        tombstones: Tombstones::Keep,
        strictness: if ODD.contains(&sample.name.as_str()) {
            Strictness::Lenient
        } else {
            Strictness::Strict
        },
        unsupported: Unsupported::Skip,
        ..ReadOptions::default()
    }
}

#[test]
fn the_samples_have_every_type_and_record() {
    let samples = samples::all();
    let names: BTreeSet<_> = samples.iter().map(|sample| &sample.name).collect();
    assert_eq!(names.len(), samples.len(), "each has a name of its own");
    let mut types = BTreeSet::new();
    let mut records = BTreeSet::new();
    for sample in &samples {
        assert!(
            sample.bytes.len() < 600,
            "{}: {}",
            sample.name,
            sample.bytes.len()
        );
        let reader = Reader::from_slice(&sample.bytes).with_options(options(sample));
        let (steps, position) = steps(reader).unwrap_or_else(|error| {
            panic!(
                "{}: {error} {:?}",
                sample.name,
                std::error::Error::source(&error)
            )
        });
        assert_eq!(position, sample.bytes.len() as u64, "{}", sample.name);
        types.extend(
            steps
                .iter()
                .filter_map(|step| step.value_type)
                .map(ValueType::number),
        );
        records.extend(
            steps
                .iter()
                .map(|step| step.kind.split([' ', ',']).next().unwrap().to_owned()),
        );
    }
    // 8 was never given to a type, and values of type 6 have no end that can be found.
    let every: BTreeSet<_> = (0..=32).filter(|number| ![6, 8].contains(number)).collect();
    assert_eq!(types, every);
    let every = "Facts Held Pending Producers Rejected Requests aux consumer database end entry \
        field function group header import indexed insertion item key metadata module \
        producer range raw request scored sizes slot";
    assert_eq!(records.into_iter().collect::<Vec<_>>().join(" "), every);
}

#[test]
fn every_truncation_is_noticed_where_it_is() {
    for sample in samples::all() {
        for values in [Values::Decoded, Values::Raw] {
            let options = ReadOptions {
                values,
                ..options(&sample)
            };
            for length in 0..sample.bytes.len() {
                let cut = &sample.bytes[..length];
                let from_slice = steps(Reader::from_slice(cut).with_options(options));
                let from_read = steps(Reader::new(cut).with_options(options));
                for result in [from_slice, from_read] {
                    let Err(DecodeError::Truncated { offset, missing }) = result else {
                        panic!("{} cut at {length}: {result:?}", sample.name);
                    };
                    assert_eq!(offset, length as u64, "{}", sample.name);
                    assert!(missing > 0);
                }
            }
        }
    }
}

/// Calls `see` with every flip of a bit: which one, and the file with it.
fn each_flip(bytes: &[u8], mut see: impl FnMut(usize, u32, &[u8])) {
    let mut bytes = bytes.to_vec();
    for at in 0..bytes.len() {
        for bit in 0..8 {
            bytes[at] ^= 1 << bit;
            see(at, bit, &bytes);
            bytes[at] ^= 1 << bit;
        }
    }
}

#[test]
fn with_a_checksum_every_flipped_bit_is_noticed() {
    let (mut flips, mut passed) = (0, 0);
    for sample in samples::all().iter().filter(|sample| sample.has_checksum()) {
        let whole = ReadOptions {
            strictness: Strictness::Lenient,
            ..options(sample)
        };
        let raw = ReadOptions {
            values: Values::Raw,
            ..whole
        };
        let before = steps(Reader::from_slice(&sample.bytes).with_options(whole))
            .unwrap()
            .0;
        each_flip(&sample.bytes, |at, bit, bytes| {
            flips += 1;
            for options in [whole, raw] {
                let place = format!("{}: bit {bit} of byte {at}", sample.name);
                match steps(Reader::from_slice(bytes).with_options(options)) {
                    Err(error) => assert!(error.offset() <= bytes.len() as u64, "{place}"),
                    // Versions below 5 have no checksum. The eight bytes of it are then what
                    // follows the stream, and only the version differs in what was read.
                    Ok((after, position)) => {
                        let version = (5..9).contains(&at) && bytes[5..8] == *b"000";
                        assert!(version && bytes[8] < b'5', "{place}");
                        assert_eq!(position, bytes.len() as u64 - 8, "{place}");
                        if options == whole {
                            assert_eq!(after[1..], before[1..], "{place}");
                            passed += 1;
                        }
                    }
                }
            }
        });
    }
    assert!(passed > 0 && passed * 100 < flips, "{passed} of {flips}");
}

/// What is in a sample, whoever it is written for.
fn content(sample: &Sample) -> &str {
    sample.name.split(" for ").next().unwrap()
}

#[test]
fn without_a_checksum_only_texts_numbers_and_types_change_unnoticed() {
    let mut reframed = BTreeSet::new();
    let mut counts = BTreeMap::new();
    for sample in samples::all() {
        let options = options(&sample);
        let file = sample.unchecked();
        let (before, _) = steps(Reader::from_slice(&file).with_options(options)).unwrap();
        let checksum = file.len() - if sample.has_checksum() { 8 } else { 0 };
        let mut unseen = 0;
        each_flip(&file, |at, bit, bytes| {
            let place = format!("{}: bit {bit} of byte {at}", sample.name);
            let from_slice = steps(Reader::from_slice(bytes).with_options(options));
            let from_read = steps(Reader::new(bytes).with_options(options));
            assert_eq!(
                format!("{from_slice:?}"),
                format!("{from_read:?}"),
                "{place}"
            );
            let outcome = match from_slice {
                Err(error) => {
                    assert!(error.offset() <= bytes.len() as u64, "{place}: {error}");
                    Outcome::Detected
                }
                Ok((after, _)) => outcome(&before, &after),
            };
            // A checksum that is not zero is compared.
            assert!(at < checksum || outcome == Outcome::Detected, "{place}");
            *counts.entry(outcome).or_insert(0) += 1;
            match outcome {
                Outcome::Same => unseen += 1,
                Outcome::Structure => {
                    reframed.insert((content(&sample).to_owned(), file[at], bytes[at]));
                }
                _ => {}
            }
        });
        let known = UNSEEN.iter().find(|(name, ..)| *name == content(&sample));
        let flips = known.map_or(0, |(_, flips, _)| *flips);
        assert_eq!(unseen, flips, "{}", sample.name);
    }
    let known = REFRAMED
        .iter()
        .map(|(name, before, after, _)| ((*name).to_owned(), *before, *after));
    assert_eq!(reframed, known.collect());
    // Most of a sample is structure, and most of that is said twice.
    assert!(
        counts[&Outcome::Detected] > counts[&Outcome::Value],
        "{counts:?}"
    );
}
