//! What a frame says.

/// What a frame says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
#[repr(u8)]
pub enum FrameKind {
    /// Keys as the traversal, or a move inside the table, found them: RDB records.
    Base = 0x10,
    /// Keys that were changed, with their values after it: RDB records.
    Set = 0x11,
    /// Keys that are gone.
    Delete = 0x12,
    /// Changes to values, as their owner tells them.
    Delta = 0x13,
    /// A part of one RDB record that is longer than a frame, and not the last.
    Part = 0x14,
    /// The last part of such a record.
    LastPart = 0x15,
    /// Everything before the cut with this number has been said.
    Cut = 0x20,
    /// The sender lives, and has nothing to say. Not numbered.
    Heartbeat = 0x21,
    /// The sender ends the stream, and says why. Not numbered.
    End = 0x22,
    /// The replica has taken everything up to this frame and this cut. Not numbered.
    Acknowledge = 0x30,
    /// The first words of whoever connects.
    Hello = 0x40,
    /// What the master asks a replica to prove.
    Challenge = 0x41,
    /// The proof.
    Answer = 0x42,
    /// The master takes the replica, and says with what.
    Welcome = 0x43,
    /// The first words of one of the connections that carry a stream.
    Attach = 0x44,
    /// The master will send this connection's stream.
    Attached = 0x45,
    /// It will not.
    Refuse = 0x46,
}

impl FrameKind {
    /// Every kind.
    pub const ALL: [Self; 17] = [
        Self::Base,
        Self::Set,
        Self::Delete,
        Self::Delta,
        Self::Part,
        Self::LastPart,
        Self::Cut,
        Self::Heartbeat,
        Self::End,
        Self::Acknowledge,
        Self::Hello,
        Self::Challenge,
        Self::Answer,
        Self::Welcome,
        Self::Attach,
        Self::Attached,
        Self::Refuse,
    ];

    /// The byte that stands for it.
    pub fn byte(self) -> u8 {
        self as u8
    }

    /// The kind that a byte stands for.
    pub fn from_byte(byte: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.byte() == byte)
    }

    /// Whether frames of this kind are numbered: those that a stream consists of.
    pub fn is_numbered(self) -> bool {
        self <= Self::Cut
    }
}
