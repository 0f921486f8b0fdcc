//! What a sender does if a mailbox is full, and why a message may not be taken.

use crate::mailbox::End;
use std::time::Instant;

/// What a sender does if there is no room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Room {
    /// Sleep until there is some.
    Await,
    /// Sleep until there is some, or until this moment.
    AwaitUntil(Instant),
    /// Give up.
    Demand,
    /// Enter all the same, for the few messages of a cut; but if as many again as fit wait
    /// already, sleep as with the others until there is room, or until this moment.
    Exceed(Option<Instant>),
}

/// Why a message was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Rejected {
    /// There was no room, until the deadline if one was given.
    Full,
    Closing,
    Ended(End),
}
