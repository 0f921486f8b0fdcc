//! The transfers that the kernel knows by number, and may touch at any time.

use std::mem::{self, ManuallyDrop};

#[cfg(planted)]
use crate::planted::{Plant, is_active};
use crate::transfer::Transfer;

/// Holds every transfer from before the kernel learns of it until its completion was seen.
///
/// A buffer is in one of three hands: free or being filled (its writer's), or in flight (ours).
/// It goes from the writer's to ours by [`board`](Self::board), which takes it away, and comes
/// back by [`land`](Self::land) alone. So none is reused too early, whatever panics; and what is
/// still here when this is dropped is leaked, because the kernel may write from it or into it at
/// any later time.
#[derive(Debug)]
pub(crate) struct Flights {
    slots: Vec<Option<Transfer>>,
    empty: Vec<usize>,
}

impl Flights {
    /// Room for `count` transfers at once.
    pub(crate) fn new(count: usize) -> Self {
        Self {
            slots: (0..count).map(|_| None).collect(),
            empty: (0..count).rev().collect(),
        }
    }

    /// How many are in flight.
    pub(crate) fn len(&self) -> usize {
        self.slots.len() - self.empty.len()
    }

    /// How many there is room for.
    pub(crate) fn capacity(&self) -> usize {
        self.slots.len()
    }

    /// Takes the transfer in: its number, and the transfer to describe to the kernel.
    ///
    /// # Panics
    ///
    /// When there is no room.
    pub(crate) fn board(&mut self, transfer: Transfer) -> (usize, &mut Transfer) {
        let Some(number) = self.empty.pop() else {
            panic!("more transfers started than there is room for");
        };
        (number, self.slots[number].insert(transfer))
    }

    /// Lets the transfer out: the kernel said that it is done with it.
    ///
    /// # Panics
    ///
    /// When no transfer of this number is in flight.
    pub(crate) fn land(&mut self, number: u64) -> Transfer {
        let slot = usize::try_from(number).ok();
        let found = slot.and_then(|slot| Some((slot, self.slots.get_mut(slot)?.take()?)));
        let Some((slot, transfer)) = found else {
            panic!("the kernel completed transfer {number}, which was never started");
        };
        self.empty.push(slot);
        transfer
    }
}

impl Drop for Flights {
    fn drop(&mut self) {
        #[cfg(planted)]
        if is_active(Plant::FreeInFlight) {
            return;
        }
        if self.len() > 0 {
            tracing::error!(
                transfers = self.len(),
                "transfers never came back, their buffers are leaked",
            );
            let _leaked = ManuallyDrop::new(mem::take(&mut self.slots));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::buffer::{BufferPool, PAGE_BYTES, Pages};

    fn flights() -> (Flights, BufferPool) {
        let pool = BufferPool::new(2, PAGE_BYTES, Pages::Small).unwrap();
        let mut flights = Flights::new(2);
        for _ in 0..2 {
            flights.board(Transfer::write(pool.take().unwrap(), PAGE_BYTES, 0));
        }
        (flights, pool)
    }

    #[test]
    fn what_landed_goes_free_and_what_did_not_is_leaked() {
        let (mut flights, pool) = flights();
        drop(flights.land(1));
        assert_eq!((flights.len(), pool.free()), (1, 1));
        drop(flights);
        assert_eq!(pool.free(), 1);
    }

    #[test]
    #[should_panic(expected = "never started")]
    fn transfer_that_landed_cannot_land_again() {
        let (mut flights, _pool) = flights();
        drop(flights.land(0));
        flights.land(0);
    }

    #[test]
    #[should_panic(expected = "there is room for")]
    fn transfer_without_room_is_refused() {
        let (mut flights, _pool) = flights();
        let buffer = crate::buffer::AlignedBuf::zeroed(PAGE_BYTES).unwrap();
        flights.board(Transfer::write(buffer, PAGE_BYTES, 0));
    }
}
