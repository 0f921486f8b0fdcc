//! The choices of a schedule.

/// A small, seeded source of choices (splitmix64).
pub(crate) struct Choices(pub(crate) u64);

impl Choices {
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let random = (mixed ^ (mixed >> 31)) >> 32;
        random as usize % bound
    }

    pub(crate) fn key(&mut self, keys: u32) -> u32 {
        let key = self.below(keys as usize);
        u32::try_from(key).unwrap_or(keys)
    }
}
