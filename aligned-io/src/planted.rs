//! Bugs planted on purpose, to prove that the model sees such bugs. Only under `--cfg planted`.

use std::cell::Cell;

/// One bug. Each stands at its place in the code, under `#[cfg(planted)]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Plant {
    /// A buffer is free again as soon as its write was started.
    ReuseBeforeCompletion,
    /// A buffer that never came back from the kernel is freed with the rest.
    FreeInFlight,
    /// The file is ended while writes are still in flight.
    SealBeforeDrain,
    /// A worker decides to wait, and lets go of the lock before it does.
    CheckThenWait,
    /// The pool ends and wakes one worker instead of all.
    CloseWakesOne,
    /// A worker is lost and nobody is told.
    LossWithoutWake,
}

thread_local! {
    static ACTIVE: Cell<Option<Plant>> = const { Cell::new(None) };
}

/// Makes `plant` the only bug on this thread.
#[cfg(test)]
pub(crate) fn activate(plant: Plant) {
    ACTIVE.set(Some(plant));
}

/// Whether the code must misbehave in this way.
pub(crate) fn is_active(plant: Plant) -> bool {
    ACTIVE.get() == Some(plant)
}
