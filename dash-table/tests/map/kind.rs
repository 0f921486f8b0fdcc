//! Kinds of keys and values.

use std::fmt::Debug;

/// A kind of key or value: as many different ones as it can have.
pub(crate) trait Kind: Clone + PartialEq + Debug + Default {
    fn make(number: u32) -> Self;

    /// Becomes another one, the same for equal ones.
    fn change(&mut self);
}

impl Kind for u64 {
    fn make(number: u32) -> Self {
        u64::from(number) << 20
    }

    fn change(&mut self) {
        *self = self.wrapping_mul(3).wrapping_add(1);
    }
}

impl Kind for String {
    fn make(number: u32) -> Self {
        format!("{number:>3}")
    }

    fn change(&mut self) {
        self.push('+');
        if self.len() > 12 {
            self.clear();
        }
    }
}

impl Kind for () {
    fn make(_: u32) -> Self {}

    fn change(&mut self) {}
}

/// A number to divide by, the same for equal keys.
pub(crate) fn weight<K: Debug>(key: &K) -> usize {
    format!("{key:?}").bytes().map(usize::from).sum()
}
