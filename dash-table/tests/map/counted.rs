//! A value whose drops are counted.

use std::rc::Rc;

use super::kind::Kind;

/// A value whose drops are counted, by the references that are left.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Counted {
    number: u64,
    life: Rc<()>,
}

thread_local! {
    static LIFE: Rc<()> = Rc::new(());
}

impl Default for Counted {
    fn default() -> Self {
        Self::make(0)
    }
}

impl Kind for Counted {
    fn make(number: u32) -> Self {
        Self {
            number: u64::from(number),
            life: LIFE.with(Rc::clone),
        }
    }

    fn change(&mut self) {
        self.number.change();
    }
}

/// How many of them there are.
pub(crate) fn living() -> usize {
    LIFE.with(Rc::strong_count) - 1
}
