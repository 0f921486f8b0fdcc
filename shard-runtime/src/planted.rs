//! Bugs planted on purpose, to prove that the models see such bugs. Only under `--cfg planted`.

use std::cell::Cell;

/// One bug. Each stands at its place in the code, under `#[cfg(planted)]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Plant {
    /// The consumer decides to wait, and lets go of the lock before it does.
    ChannelCheckThenWait,
    /// The last producer closes and does not wake the consumer.
    ChannelCloseWithoutWake,
    /// A producer that closes is counted twice.
    ChannelCloseTwice,
    /// Weight is given back, and nobody in line is told.
    ChannelReleaseWithoutWake,
    /// Weight is given back, and no waker is woken.
    ChannelReleaseWithoutWaker,
    /// A refused `try_send` leaves its waker only after letting go of the lock.
    ChannelLateWaker,
    /// Cancelling wakes nobody in line.
    ChannelCancelWithoutWake,
    /// A producer finds room, lets go of the lock, and enters.
    ChannelLateEntry,
    /// The consumer takes the youngest message first.
    ChannelYoungestFirst,
    /// A sender finds the mailbox open, lets go of the lock, and enters.
    MailboxLateEntry,
    /// The shard decides to sleep, and lets go of the lock before it does.
    MailboxCheckThenSleep,
    /// The shard empties the queue and does not tell senders who wait for room.
    MailboxSwapWithoutWake,
    /// The mailbox ends and wakes one waiter instead of all.
    MailboxEndWakesOne,
    /// The mailbox ends and those who hold tickets cannot learn how.
    MailboxFateUnsealed,
    /// A shard that sleeps is told to look around, and not woken.
    MailboxNudgeWithoutWake,
    /// An answer is settled and nobody is told.
    ReplySettleWithoutWake,
    /// Who polls finds no answer, lets go of the lock, and leaves its waker.
    ReplyLateWaker,
    /// A second waker does not replace the first.
    ReplyKeepsOldWaker,
    /// A ticket goes and leaves its waker.
    TicketKeepsWaker,
    /// The flag of a task's signal is swapped without ordering.
    SignalRelaxed,
    /// A shard's arrival publishes nothing.
    CutArriveRelaxed,
    /// A decision is announced without passing through the lock.
    CutAnnounceWithoutLock,
    /// A shard goes on with its part of a cut when it has arrived itself.
    CutWithoutWait,
    /// A shard begins with a transaction while it has come to a cut that is undecided.
    AgendaOvertakes,
    /// Two cuts are handed out at the same time.
    CutWithoutOrder,
    /// A failure overrules a cut that has happened.
    CutFailLate,
}

thread_local! {
    // A model runs all its threads on the thread of its test.
    static ACTIVE: Cell<Option<Plant>> = const { Cell::new(None) };
}

/// Whether a model has failed and is being taken down: then nothing of `loom` may be touched, or
/// the process aborts and the failure, which is what a planted bug is for, goes unseen.
///
/// Never without `loom`: a thread that panics there lets go of what it has, which frees others.
pub(crate) fn is_unwinding() -> bool {
    cfg!(loom) && std::thread::panicking()
}

/// Makes `plant` the only bug of models on this thread.
pub(crate) fn activate(plant: Plant) {
    ACTIVE.set(Some(plant));
}

/// Whether the code must misbehave in this way.
pub(crate) fn is_active(plant: Plant) -> bool {
    ACTIVE.get() == Some(plant)
}
