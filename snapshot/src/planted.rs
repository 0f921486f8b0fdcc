//! Bugs planted on purpose, so that the tests can show that they would find them.
//!
//! Only `--cfg planted` lets anybody plant one; without it [`Plant`] is empty and always says no.

/// A way to lose, change or repeat what a snapshot holds, or to stop what it runs beside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(
    not(planted),
    expect(unreachable_pub, reason = "exported under `--cfg planted` only")
)]
pub enum Bug {
    /// Each shard is cut when it comes to it, and not all at one moment.
    #[cfg(planted)]
    CutShardByShard,
    /// A shard closes its end of the channel and forgets what it has not sent.
    CloseWithoutFlush,
    /// A blob begins in the database in which the one before it ended.
    KeepDatabaseAcrossBlobs,
    /// A shard that finds no room asks nobody to wake it.
    LoseWaker,
    /// A rider weighs nothing, so that the budget does not hold it back.
    RiderWeighsNothing,
    /// The sink writes the bytes of a blob twice, and counts them once.
    WriteBlobTwice,
    /// The sink counts riders, and does not write them.
    DropRiders,
    /// What fails ends the channel of the first sink only.
    CancelFirstSinkOnly,
    /// The last failure is told, and not the first.
    TellLastFailure,
    /// Who wants to publish does not ask whether the snapshot has failed meanwhile.
    PublishAfterFailure,
    /// Nobody sees that a sink has gone into the output and does not come back.
    OverlookHungSink,
    /// A sink that is let go goes on with what it has in hand.
    WriteAfterCancel,
    /// The traversal has no part of the pace that is its own.
    StarveTraversal,
    /// A traversal that gives up leaves its cuts open.
    LeaveCutsOpen,
    /// Streams are not told of keys that are gone.
    MissDelete,
    /// A cut is passed in a stream before the changes that came before it.
    CutBeforeChanges,
    /// A write does not tell the state that its key had at a cut which is still being passed.
    ForgetSealedChange,
    /// A change is told before the frozen value that it changes.
    ChangeOvertakesRider,
    /// Databases that are made later are not followed.
    ForgetNewDatabase,
    /// What was there is sent after what is told of it next.
    #[cfg(planted)]
    ChangeBeforeBase,
    /// What a value tells begins with its last change, and not with its first.
    MarkLastChange,
    /// Deltas are told to those who take none.
    TellDeltasToAll,
    /// A traversal waits until streams that are older than its own cut have room, too.
    WaitForOlderStream,
    /// A shard waits until its stream has room.
    #[cfg(planted)]
    WriteWaitsForStream,
    /// A stream goes on with the last frame that the replica has.
    #[cfg(any(planted, feature = "replication"))]
    ResumeTooEarly,
    /// A stream goes on behind the first frame that the replica lacks.
    #[cfg(any(planted, feature = "replication"))]
    ResumeTooLate,
    /// A replica says that it has a frame more than it has, and believes it.
    #[cfg(planted)]
    ResumeSkipsFrame,
    /// A replica forgets that it has the last frame, and applies it again.
    #[cfg(planted)]
    ResumeRepeatsFrame,
    /// A frame that a replica has already is applied again.
    TakeFrameTwice,
    /// A replica does not look at the number of the last frame in a heartbeat.
    #[cfg(any(planted, feature = "replication"))]
    IgnoreHeartbeat,
    /// What one replica has acknowledged is forgotten for all.
    #[cfg(planted)]
    AcknowledgeForeign,
    /// A connection may carry a stream whatever handshake it belongs to.
    #[cfg(any(planted, feature = "replication"))]
    AttachReplaced,
    /// A second connection takes a stream from the first.
    #[cfg(any(planted, feature = "replication"))]
    AttachTwice,
    /// A replica that loses one full sync after the other tries again as soon as ever.
    #[cfg(any(planted, feature = "replication"))]
    RefillAtOnce,
    /// A replica shows what has come before all of it is there.
    #[cfg(planted)]
    ShowBeforeCut,
    /// A stream that has come to a cut goes on before the others have.
    #[cfg(any(planted, feature = "replication"))]
    PassCutAlone,
}

/// The bug that is planted in one snapshot, if any.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Plant {
    #[cfg(planted)]
    bug: Option<Bug>,
}

impl Plant {
    /// Whether this bug is planted.
    #[cfg(planted)]
    pub(crate) fn has(self, bug: Bug) -> bool {
        self.bug == Some(bug)
    }

    /// Never: nothing is planted in a normal build.
    #[cfg(not(planted))]
    #[inline]
    #[expect(
        clippy::unused_self,
        reason = "the same signature as under `--cfg planted`"
    )]
    pub(crate) const fn has(self, _: Bug) -> bool {
        false
    }

    /// Plants a bug.
    #[cfg(planted)]
    pub(crate) fn set(&mut self, bug: Bug) {
        self.bug = Some(bug);
    }
}
