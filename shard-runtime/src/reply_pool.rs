//! Answers that need no allocation: each thread keeps the cells of the calls it has made.

use crate::reply::{Awaiter, Replier, ReplyCell};
use std::any::{Any, TypeId};
use std::cell::RefCell;
use std::sync::Arc;

/// How many cells a thread keeps, of all types together.
const CELLS_MAX: usize = 8;

type AnyCell = Arc<dyn Any + Send + Sync>;

thread_local! {
    static CELLS: RefCell<Pool> = const { RefCell::new(Pool { cells: Vec::new(), next_out: 0 }) };
}

/// Cells of any type, with their types. Some may still be in use.
struct Pool {
    cells: Vec<(TypeId, AnyCell)>,
    /// Makes room for the next one when all places are taken.
    next_out: usize,
}

/// Makes the two ends of one answer, in a cell that this thread has used before if one is free.
///
/// A thread that waits for its answers, one after the other, uses one cell, and a second one now
/// and then: the shard lets go of a cell a moment after the answer is in it. O(1).
pub(crate) fn pooled_reply<R: Send + 'static>() -> (Replier<R>, Awaiter<R>) {
    // Under `try_with`, since a thread that ends may call from a destructor of its own.
    let pooled = CELLS.try_with(|cells| cells.borrow_mut().cell::<R>());
    Awaiter::on(pooled.unwrap_or_else(|_| Arc::new(ReplyCell::new())))
}

impl Pool {
    fn cell<R: Send + 'static>(&mut self) -> Arc<ReplyCell<R>> {
        let wanted = TypeId::of::<ReplyCell<R>>();
        let of_type = self.cells.iter_mut().filter(|(id, _)| *id == wanted);
        for (_, cell) in of_type {
            // Without another owner nobody can look: the cell is made new in place, without its
            // lock, where a simulation could switch while the pool is borrowed.
            if let Some(unused) = Arc::get_mut(cell)
                && let Some(unused) = unused.downcast_mut::<ReplyCell<R>>()
            {
                *unused = ReplyCell::new();
                if let Ok(cell) = Arc::clone(cell).downcast() {
                    return cell;
                }
            }
        }
        let cell = Arc::new(ReplyCell::new());
        self.keep(wanted, Arc::clone(&cell) as AnyCell);
        cell
    }

    fn keep(&mut self, id: TypeId, cell: AnyCell) {
        if self.cells.len() < CELLS_MAX {
            self.cells.push((id, cell));
            return;
        }
        self.cells[self.next_out] = (id, cell);
        self.next_out = (self.next_out + 1) % CELLS_MAX;
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::reply::Answer;

    fn kept() -> usize {
        CELLS.with(|cells| cells.borrow().cells.len())
    }

    #[test]
    fn free_cell_is_used_again_and_one_in_use_is_not() {
        let (first, first_awaiter) = pooled_reply::<u8>();
        let (second, second_awaiter) = pooled_reply::<u8>();
        assert_eq!(kept(), 2);
        second.fill(2);
        first.fill(1);
        assert_eq!(first_awaiter.wait(None), Answer::Filled(1));
        assert_eq!(second_awaiter.wait(None), Answer::Filled(2));
        drop((first_awaiter, second_awaiter));
        for answer in 0..10 {
            let (replier, awaiter) = pooled_reply::<u8>();
            assert_eq!(awaiter.try_take(), Answer::Pending);
            replier.fill(answer);
            assert_eq!(awaiter.wait(None), Answer::Filled(answer));
        }
        assert_eq!(kept(), 2);
    }

    #[test]
    fn pool_stays_small_and_serves_all_types() {
        let held: Vec<_> = (0..100_u32).map(|_| pooled_reply::<u32>()).collect();
        assert_eq!(kept(), CELLS_MAX);
        for (index, (replier, awaiter)) in (0_u32..).zip(held) {
            replier.fill(index);
            assert_eq!(awaiter.wait(None), Answer::Filled(index));
        }
        let (replier, awaiter) = pooled_reply::<String>();
        replier.fill("text".to_owned());
        assert_eq!(awaiter.wait(None), Answer::Filled("text".to_owned()));
        assert_eq!(kept(), CELLS_MAX);
    }
}
