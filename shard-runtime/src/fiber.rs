//! Fibers: stacks that one thread switches between, so that what blocks need not block the thread.

use generator::{Generator, Gn};
use std::cell::RefCell;

/// Virtual memory of one stack; only what is used becomes real.
const STACK_BYTES: usize = 512 << 10;

thread_local! {
    /// Stacks that have run to their end: a new one costs more than a small simulation.
    static SPARE: RefCell<Vec<Generator<'static, (), ()>>> = const { RefCell::new(Vec::new()) };
}

/// A function that is run piece by piece.
#[derive(Debug)]
pub(crate) struct Fiber(Generator<'static, (), ()>);

impl Fiber {
    /// Prepares `body`, which must not panic, to run when it is resumed.
    pub(crate) fn new(body: fn()) -> Self {
        let spare = SPARE.with_borrow_mut(Vec::pop);
        Self(match spare {
            Some(mut stack) => {
                stack.init_code(body);
                stack
            }
            None => Gn::<()>::new_opt(STACK_BYTES / size_of::<usize>(), body),
        })
    }

    /// Runs it until it suspends or ends; gives it back in the first case.
    pub(crate) fn resume(mut self) -> Option<Self> {
        self.0.resume();
        if !self.0.is_done() {
            return Some(self);
        }
        SPARE.with_borrow_mut(|spare| spare.push(self.0));
        None
    }
}

/// Goes back to whoever resumed the fiber that is running this.
pub(crate) fn suspend() {
    #[expect(
        deprecated,
        reason = "the scoped way cannot be called from deep inside"
    )]
    generator::yield_with(());
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    thread_local! {
        static COUNT: Cell<u32> = const { Cell::new(0) };
    }

    #[test]
    fn stack_is_used_again_and_again() {
        for _ in 0..3 {
            COUNT.set(0);
            let fiber = Fiber::new(|| {
                COUNT.set(1);
                suspend();
                COUNT.set(2);
            });
            let fiber = fiber.resume().expect("it suspends");
            assert_eq!(COUNT.get(), 1);
            assert!(fiber.resume().is_none());
            assert_eq!(COUNT.get(), 2);
        }
        assert_eq!(SPARE.with_borrow(Vec::len), 1);
    }
}
