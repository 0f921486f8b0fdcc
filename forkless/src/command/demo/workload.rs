//! The workload: what every writer does, reproducible from a seed.

use snapshot::Key;

/// Version of a key that nobody has written since the store was filled.
pub(crate) const FILLED: u64 = 0;

/// The shape of a run. Writer `w` of `writers` owns the ids that leave remainder `w`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    pub(crate) keys: u32,
    pub(crate) value_bytes: usize,
    pub(crate) writers: u32,
    pub(crate) seed: u64,
}

/// One operation of a writer on one of its keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operation {
    /// Insert or overwrite.
    Set(u32),
    Delete(u32),
    /// Read, and compare with what was written last.
    Get(u32),
}

impl Operation {
    pub(crate) fn id(self) -> u32 {
        match self {
            Self::Set(id) | Self::Delete(id) | Self::Get(id) => id,
        }
    }
}

impl Plan {
    /// Ids that can come up: a quarter more than the store is filled with, so that with the
    /// shares below as many keys are inserted as deleted.
    pub(crate) fn ids(&self) -> u32 {
        self.keys.saturating_add(self.keys / 4).max(self.writers)
    }

    /// How many ids writer `writer` owns.
    pub(crate) fn owned(&self, writer: u32) -> u32 {
        (self.ids() - writer).div_ceil(self.writers)
    }

    /// The endless sequence of operations of one writer; the first has number 1.
    pub(crate) fn operations(self, writer: u32) -> impl Iterator<Item = (u64, Operation)> {
        let mut random = Random::new(self.seed ^ (u64::from(writer) + 1).rotate_left(32));
        (1..).zip(std::iter::repeat_with(move || {
            let id = random.below(self.owned(writer)) * self.writers + writer;
            match random.below(100) {
                0..64 => Operation::Set(id),
                64..80 => Operation::Delete(id),
                _ => Operation::Get(id),
            }
        }))
    }

    /// Replaces `value` by the one that `id` has in `version`.
    pub(crate) fn value(&self, id: u32, version: u64, value: &mut Vec<u8>) {
        let mut random = Random::new(self.seed ^ u64::from(id).rotate_left(40) ^ version);
        value.clear();
        while value.len() < self.value_bytes {
            value.extend_from_slice(&random.next().to_le_bytes());
        }
        value.truncate(self.value_bytes);
    }
}

/// The key of an id: `key:` and twelve digits, sixteen bytes in all.
pub(crate) fn key(id: u32) -> Key {
    Key::from(format!("key:{id:012}").as_bytes())
}

/// The id of a key that [`key`] made.
pub(crate) fn id(key: &[u8]) -> Option<u32> {
    let digits = key.strip_prefix(b"key:")?;
    if digits.len() != 12 || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// A small, fast, seeded generator.
///
/// # Source
///
/// `SplitMix64`: Steele, Lea, Flood, "Fast Splittable Pseudorandom Number Generators", 2014.
struct Random(u64);

impl Random {
    fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `bound`, by multiplication of the high half.
    fn below(&mut self, bound: u32) -> u32 {
        ((u64::from(bound) * (self.next() >> 32)) >> 32) as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAN: Plan = Plan {
        keys: 100,
        value_bytes: 30,
        writers: 3,
        seed: 7,
    };

    #[test]
    fn writers_share_no_id_and_leave_none_out() {
        let owned: u32 = (0..PLAN.writers).map(|writer| PLAN.owned(writer)).sum();
        assert_eq!(owned, PLAN.ids());
        for writer in 0..PLAN.writers {
            for (_, operation) in PLAN.operations(writer).take(10_000) {
                assert_eq!(operation.id() % PLAN.writers, writer);
                assert!(operation.id() < PLAN.ids());
            }
        }
    }

    #[test]
    fn operations_come_again_from_the_same_seed() {
        let first: Vec<_> = PLAN.operations(1).take(100).collect();
        assert_eq!(first, PLAN.operations(1).take(100).collect::<Vec<_>>());
        assert_ne!(first, PLAN.operations(2).take(100).collect::<Vec<_>>());
    }

    #[test]
    fn versions_of_a_value_differ() {
        let (mut a, mut b) = (Vec::new(), Vec::new());
        PLAN.value(3, 1, &mut a);
        PLAN.value(3, 2, &mut b);
        assert_eq!(a.len(), 30);
        assert_ne!(a, b);
    }

    #[test]
    fn id_reads_back_what_key_wrote() {
        assert_eq!(id(key(4_000_000_000).as_bytes()), Some(4_000_000_000));
        for foreign in [
            "key:1",
            "kez:000000000001",
            "key:00000000000x",
            "key:999999999999",
        ] {
            assert_eq!(id(foreign.as_bytes()), None, "{foreign}");
        }
    }
}
