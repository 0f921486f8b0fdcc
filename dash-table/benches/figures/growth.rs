//! What growing costs: the longest single insert, and bytes for each entry.

use std::hint::black_box;
use std::time::Instant;

use crate::clock::preemptions;
use crate::entry::Entry;
use crate::map::Map;

/// Bytes for each entry, at 64 sizes in each doubling.
pub(crate) type Curve = Vec<(u64, f64)>;

/// The longest single insert into an empty map, in microseconds.
///
/// An insert during which another program took the processor is not counted.
pub(crate) fn longest_insert<E: Entry, M: Map<E::Key, E::Value>>(size: u64) -> f64 {
    let mut map = M::empty();
    let mut longest = 0.0_f64;
    let mut interrupted = preemptions();
    for index in 0..size {
        let entry = (E::key(index), E::value(index));
        let start = Instant::now();
        black_box(map.insert(entry.0, entry.1));
        let spent = start.elapsed().as_secs_f64() * 1e6;
        if spent > longest.max(WORTH_ASKING_US) {
            let now = preemptions();
            if now == interrupted {
                longest = spent;
            }
            interrupted = now;
        } else if index % 4096 == 0 {
            interrupted = preemptions();
        }
    }
    longest
}

/// Small pieces above a heap, so that the allocator keeps what is free below.
pub(crate) type Lid = Vec<Box<[u8; 4096]>>;

/// Gets the memory that `size` entries need from the system, and leaves it with the allocator as
/// long as the lid is held.
///
/// The first touch of a page that the system has not yet given to this process, or the host not yet
/// to this machine, takes as long as it pleases these, and the insert that touches it as well.
pub(crate) fn memory_at_hand<E: Entry, M: Map<E::Key, E::Value>>(size: u64) -> Lid {
    let mut map = M::empty();
    for index in 0..size {
        map.insert(E::key(index), E::value(index));
    }
    (0..64).map(|_| Box::new([1; 4096])).collect()
}

/// Shorter inserts are not looked into.
const WORTH_ASKING_US: f64 = 5.0;

/// How many bytes each entry takes while a map grows.
#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
pub(crate) fn curve<E: Entry, M: Map<E::Key, E::Value>>(size: u64) -> Curve {
    let mut map = M::empty();
    let mut curve = Curve::new();
    let mut next = CURVE_FROM;
    for entries in 1..=size {
        map.insert(E::key(entries), E::value(entries));
        if entries == next {
            curve.push((entries, map.bytes() as f64 / entries as f64));
            next += next / 64;
        }
    }
    curve
}

/// Smaller maps are not drawn.
const CURVE_FROM: u64 = 10_000;

/// The worst of all doublings: how far the most bytes for each entry lie above their mean.
#[expect(clippy::cast_precision_loss, reason = "a count of points")]
pub(crate) fn worst_over_mean(curve: &Curve) -> f64 {
    let over_mean = |start: usize| {
        let from = curve[start].0;
        let octave = curve[start..]
            .iter()
            .take_while(|point| point.0 <= from * 2);
        let bytes: Vec<f64> = octave.map(|point| point.1).collect();
        let mean = bytes.iter().sum::<f64>() / bytes.len() as f64;
        bytes.iter().copied().fold(0.0, f64::max) / mean
    };
    (0..curve.len()).map(over_mean).fold(0.0, f64::max)
}
