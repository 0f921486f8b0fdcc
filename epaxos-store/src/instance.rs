//! What a replica remembers of one instance: who, in which ballot, what, and after what.

use std::fmt;

use byteorder::{BigEndian, ByteOrder};

use crate::error::StoreError;

/// One instance of consensus, as one replica remembers it.
///
/// An instance may be empty but for its ballot: a replica that promised a ballot for an
/// instance it has never seen must remember the promise.
///
/// `ballot` and `vote_ballot` are two facts. A promise raises the first and leaves the second
/// alone, or a later recovery would take an old vote for a newer one.
///
/// # Example
///
/// ```
/// use epaxos_store::{Ballot, Instance, InstanceId, ReplicaId, Status, StoreError};
///
/// let id = InstanceId { replica: ReplicaId(1), index: 0 };
/// let low = Ballot { number: 1, replica: ReplicaId(1) };
/// let high = Ballot { number: 2, replica: ReplicaId(2) };
/// let mut instance = Instance::promised(id, low);
/// instance.dependencies = Some(Vec::new());
/// instance.vote_ballot = Some(high);
/// assert!(matches!(instance.check(), Err(StoreError::VoteAboveBallot { .. })));
///
/// instance.ballot = high;
/// assert_eq!((instance.check(), instance.status()), (Ok(()), Status::Accepted));
/// ```
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Instance {
    /// Which instance this is.
    pub id: InstanceId,
    /// The highest ballot that this replica promised for it.
    pub ballot: Ballot,
    /// The ballot of the vote that `commands` and `dependencies` are; none before an accept.
    pub vote_ballot: Option<Ballot>,
    /// What the instance does, in order; empty while unknown.
    pub commands: Vec<Command>,
    /// What must be executed before; none while unknown, which an empty list is not.
    pub dependencies: Option<Vec<Dependency>>,
    /// True once the commands and dependencies can never change again.
    pub committed: bool,
    /// True once this replica applied the commands; only ever of a committed instance.
    pub executed: bool,
}

impl Instance {
    /// An instance of which nothing is known but a promised ballot.
    pub fn promised(id: InstanceId, ballot: Ballot) -> Self {
        Self {
            id,
            ballot,
            vote_ballot: None,
            commands: Vec::new(),
            dependencies: None,
            committed: false,
            executed: false,
        }
    }

    /// How far the instance has come, which its fields say and nothing else.
    pub fn status(&self) -> Status {
        if self.executed {
            Status::Executed
        } else if self.committed {
            Status::Committed
        } else if self.vote_ballot.is_some() {
            Status::Accepted
        } else if self.dependencies.is_some() {
            Status::PreAccepted
        } else {
            Status::NotSeen
        }
    }

    /// Checks that the fields agree with each other.
    ///
    /// # Errors
    ///
    /// [`StoreError::VoteAboveBallot`] when the vote is above the promised ballot,
    /// [`StoreError::DependenciesMissing`] when it is voted on or committed without any,
    /// [`StoreError::NotCommitted`] when it is executed and not committed.
    pub fn check(&self) -> Result<(), StoreError> {
        let Self { id, ballot, .. } = *self;
        if let Some(vote_ballot) = self.vote_ballot.filter(|vote| *vote > ballot) {
            return Err(StoreError::VoteAboveBallot {
                id,
                ballot,
                vote_ballot,
            });
        }
        if self.status() >= Status::Accepted && self.dependencies.is_none() {
            return Err(StoreError::DependenciesMissing { id });
        }
        if self.executed && !self.committed {
            let status = Self {
                executed: false,
                ..self.clone()
            }
            .status();
            return Err(StoreError::NotCommitted { id, status });
        }
        Ok(())
    }
}

/// How far an instance has come; later is greater.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Status {
    /// Nothing is known but perhaps a promised ballot.
    NotSeen,
    /// Commands and dependencies are proposed.
    PreAccepted,
    /// This replica voted for its commands and dependencies.
    Accepted,
    /// Commands and dependencies are final.
    Committed,
    /// This replica applied the commands.
    Executed,
}

impl fmt::Display for Status {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::NotSeen => "not seen",
            Self::PreAccepted => "pre-accepted",
            Self::Accepted => "accepted",
            Self::Committed => "committed",
            Self::Executed => "executed",
        })
    }
}

/// The id of a replica: any number, ordered as numbers are.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct ReplicaId(pub i64);

/// The id of an instance: the replica that leads it, and its place among that replica's.
///
/// Ordered by replica, then by index. Shown as `replica/index`.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct InstanceId {
    /// The replica that leads the instance.
    pub replica: ReplicaId,
    /// Its place among that replica's instances, from 0.
    pub index: u64,
}

/// A ballot: a number, and the replica that chose it, which makes it unique.
///
/// Ordered by number, then by replica. Shown as `number.replica`.
///
/// Its [twelve bytes](Ballot::to_bytes) compare like the ballots themselves.
///
/// # Example
///
/// ```
/// use epaxos_store::{Ballot, ReplicaId};
///
/// let early = Ballot { number: 1, replica: ReplicaId(9) };
/// let late = Ballot { number: 2, replica: ReplicaId(-1) };
/// assert!(early < late && early.to_bytes() < late.to_bytes());
/// assert_eq!(Ballot::from_bytes(late.to_bytes()), late);
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Ballot {
    /// The number.
    pub number: i32,
    /// The replica that chose it.
    pub replica: ReplicaId,
}

impl Ballot {
    /// The ballot in 12 bytes, whose order as bytes is the order of the ballots.
    ///
    /// | bytes | hold |
    /// |---|---|
    /// | 0..4 | `number`, big-endian, its sign bit flipped |
    /// | 4..12 | `replica`, big-endian, its sign bit flipped |
    pub fn to_bytes(self) -> [u8; 12] {
        let mut bytes = [0; 12];
        let number = self.number.cast_unsigned() ^ (1 << 31);
        BigEndian::write_u32(&mut bytes[..4], number);
        BigEndian::write_u64(&mut bytes[4..], self.replica.to_ordered());
        bytes
    }

    /// The ballot that [`Ballot::to_bytes`] laid out as `bytes`: any twelve bytes are one.
    pub fn from_bytes(bytes: [u8; 12]) -> Self {
        let number = BigEndian::read_u32(&bytes[..4]) ^ (1 << 31);
        let replica = ReplicaId::from_ordered(BigEndian::read_u64(&bytes[4..]));
        Self {
            number: number.cast_signed(),
            replica,
        }
    }
}

impl ReplicaId {
    /// The id as an unsigned number in the same order: its sign bit flipped.
    pub(crate) fn to_ordered(self) -> u64 {
        self.0.cast_unsigned() ^ (1 << 63)
    }

    /// The id that [`ReplicaId::to_ordered`] turned into `ordered`.
    pub(crate) fn from_ordered(ordered: u64) -> Self {
        Self((ordered ^ (1 << 63)).cast_signed())
    }
}

/// An instance that must be executed first.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Dependency {
    /// The instance.
    pub id: InstanceId,
    /// Its sequence number, which orders instances that depend on each other; 0 in a protocol
    /// that breaks such cycles otherwise.
    pub sequence: u64,
}

/// One operation on the key-value store. Keys and values are any bytes.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub enum Command {
    /// Changes nothing and reads nothing: what a recovery commits in place of a lost command.
    NoOp,
    /// Reads a key.
    Get {
        /// The key.
        key: Vec<u8>,
    },
    /// Gives a key a value, whether it had one or not.
    Set {
        /// The key.
        key: Vec<u8>,
        /// Its value from now on.
        value: Vec<u8>,
    },
    /// Takes a key away, if it is there.
    Delete {
        /// The key.
        key: Vec<u8>,
    },
}

impl Command {
    /// The key that the command is about; none for [`Command::NoOp`].
    pub fn key(&self) -> Option<&[u8]> {
        match self {
            Self::NoOp => None,
            Self::Get { key } | Self::Set { key, .. } | Self::Delete { key } => Some(key),
        }
    }
}

impl fmt::Display for ReplicaId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}", self.0)
    }
}

impl fmt::Display for InstanceId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}/{}", self.replica, self.index)
    }
}

impl fmt::Display for Ballot {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}.{}", self.number, self.replica)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ID: InstanceId = InstanceId {
        replica: ReplicaId(3),
        index: 7,
    };

    fn ballot(number: i32, replica: i64) -> Ballot {
        Ballot {
            number,
            replica: ReplicaId(replica),
        }
    }

    #[test]
    fn ballots_have_these_bytes() {
        let low = [0; 12];
        assert_eq!(ballot(i32::MIN, i64::MIN).to_bytes(), low);
        let zero = [0x80, 0, 0, 0, 0x80, 0, 0, 0, 0, 0, 0, 0];
        assert_eq!(ballot(0, 0).to_bytes(), zero);
        let some = [
            0x80, 0, 1, 2, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe,
        ];
        assert_eq!(ballot(258, -2).to_bytes(), some);
        assert_eq!(ballot(i32::MAX, i64::MAX).to_bytes(), [0xff; 12]);
    }

    proptest! {
        #[test]
        fn ballots_compare_as_their_bytes(
            one in any::<(i32, i64)>(),
            other in any::<(i32, i64)>(),
            same_number in any::<bool>(),
        ) {
            let one = ballot(one.0, one.1);
            let other = ballot(if same_number { one.number } else { other.0 }, other.1);
            prop_assert_eq!(one.cmp(&other), one.to_bytes().cmp(&other.to_bytes()));
            prop_assert_eq!(Ballot::from_bytes(one.to_bytes()), one);
        }

        #[test]
        fn any_twelve_bytes_are_a_ballot(bytes in any::<[u8; 12]>()) {
            prop_assert_eq!(Ballot::from_bytes(bytes).to_bytes(), bytes);
        }
    }

    #[test]
    fn the_status_follows_from_the_fields() {
        let mut instance = Instance::promised(ID, ballot(4, 1));
        assert_eq!(instance.status(), Status::NotSeen);
        instance.dependencies = Some(Vec::new());
        assert_eq!(instance.status(), Status::PreAccepted);
        instance.vote_ballot = Some(ballot(3, 9));
        assert_eq!(instance.status(), Status::Accepted);
        instance.committed = true;
        assert_eq!(instance.status(), Status::Committed);
        instance.executed = true;
        assert_eq!(instance.status(), Status::Executed);
        assert_eq!(instance.check(), Ok(()));
    }

    #[test]
    fn an_execution_needs_a_commit() {
        let mut instance = Instance::promised(ID, ballot(4, 1));
        instance.dependencies = Some(Vec::new());
        instance.executed = true;
        let refused = StoreError::NotCommitted {
            id: ID,
            status: Status::PreAccepted,
        };
        assert_eq!(
            refused.to_string(),
            "instance 3/7 is pre-accepted, not committed"
        );
        // Without dependencies nothing can be executed either, which is told first.
        assert_eq!(instance.check(), Err(refused));
    }

    #[test]
    fn a_commit_needs_no_vote_of_this_replica() {
        let mut instance = Instance::promised(ID, ballot(0, 1));
        instance.dependencies = Some(Vec::new());
        instance.committed = true;
        assert_eq!(instance.check(), Ok(()));
        assert_eq!(instance.status(), Status::Committed);
    }

    #[test]
    fn a_vote_needs_its_promise() {
        let mut instance = Instance::promised(ID, ballot(4, 1));
        instance.dependencies = Some(Vec::new());
        instance.vote_ballot = Some(ballot(4, 1));
        assert_eq!(instance.check(), Ok(()));
        instance.vote_ballot = Some(ballot(4, 2));
        let refused = instance.check().unwrap_err();
        assert_eq!(
            refused.to_string(),
            "instance 3/7 voted in ballot 4.2, above its ballot 4.1"
        );
    }

    #[test]
    fn a_decision_needs_dependencies_even_if_there_are_none() {
        let refused = Err(StoreError::DependenciesMissing { id: ID });
        let mut instance = Instance::promised(ID, ballot(4, 1));
        assert_eq!(instance.check(), Ok(()));
        instance.committed = true;
        assert_eq!(instance.check(), refused);
        instance.committed = false;
        instance.vote_ballot = Some(ballot(4, 1));
        assert_eq!(instance.check(), refused);
    }

    #[test]
    fn commands_know_their_key() {
        let key = b"k".to_vec();
        assert_eq!(Command::NoOp.key(), None);
        for command in [
            Command::Get { key: key.clone() },
            Command::Set {
                key: key.clone(),
                value: Vec::new(),
            },
            Command::Delete { key: key.clone() },
        ] {
            assert_eq!(command.key(), Some(key.as_slice()));
        }
    }
}
