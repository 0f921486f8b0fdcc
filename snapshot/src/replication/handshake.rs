//! What is said before a stream flows.

use rdb_format::Dialect;

use super::error::ReplicationError;
use super::secret::{Nonce, Proof};
use crate::stream::{Fields, FrameError, Telling};

/// The first bytes of whoever connects.
pub(super) const MAGIC: [u8; 8] = *b"FORKREPL";

/// The version that is spoken here.
pub(super) const VERSION: u16 = 3;

/// The most streams that a master may have.
pub(super) const STREAMS_MAX: u16 = 1024;

/// The longest payload before a stream flows: a hello with the numbers of all streams.
pub(super) const HANDSHAKE_BYTES_MAX: usize = 16 << 10;

/// The name of a session: all streams that one replica follows.
pub(super) type SessionId = [u8; 16];

/// A replica's first words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Hello {
    pub(super) nonce: Nonce,
    pub(super) resume: Option<Resume>,
    /// What the replica's values take.
    pub(super) takes: Telling,
}

/// What a replica has already.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Resume {
    pub(super) session: SessionId,
    /// The number of the last frame of each stream.
    pub(super) numbers: Vec<u64>,
}

/// The master takes the replica.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Welcome {
    pub(super) proof: Proof,
    pub(super) session: SessionId,
    pub(super) streams: u16,
    pub(super) rdb_version: u32,
    pub(super) dialect: Dialect,
    /// Whether the streams go on where the replica left them.
    pub(super) resumed: bool,
    /// After so long without a frame from the master the connection is dead, in milliseconds.
    pub(super) silence_ms: u32,
}

/// The first words of a connection that is to carry a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Attach {
    pub(super) session: SessionId,
    pub(super) stream: u16,
    /// The number of the last frame that the replica has.
    pub(super) number: u64,
    pub(super) proof: Proof,
}

/// What a connection begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Acknowledge {
    pub(super) number: u64,
    pub(super) cut: u64,
}

fn opening(fields: &mut Fields<'_>) -> Result<(), ReplicationError> {
    if fields.array()? != MAGIC {
        return Err(ReplicationError::Magic);
    }
    let found = u16::from_le_bytes(fields.array()?);
    if found != VERSION {
        return Err(ReplicationError::Version {
            found,
            known: VERSION,
        });
    }
    Ok(())
}

fn put_opening(out: &mut Vec<u8>) {
    out.extend_from_slice(&MAGIC);
    out.extend_from_slice(&VERSION.to_le_bytes());
}

impl Hello {
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        put_opening(&mut out);
        out.extend_from_slice(&self.nonce);
        let (session, numbers) = match &self.resume {
            Some(resume) => (resume.session, resume.numbers.as_slice()),
            None => ([0; 16], &[][..]),
        };
        out.extend_from_slice(&session);
        out.push(u8::from(self.takes == Telling::Deltas));
        let count = u16::try_from(numbers.len()).unwrap_or(0);
        out.extend_from_slice(&count.to_le_bytes());
        for number in numbers {
            out.extend_from_slice(&number.to_le_bytes());
        }
        out
    }

    pub(super) fn decode(payload: &[u8]) -> Result<Self, ReplicationError> {
        let mut fields = Fields::of(payload);
        opening(&mut fields)?;
        let nonce = fields.array()?;
        let session: SessionId = fields.array()?;
        let [takes] = fields.array()?;
        let known = TELLINGS.get(usize::from(takes)).copied();
        let takes = known.ok_or_else(|| nonsense("what the replica takes", takes))?;
        let count = u16::from_le_bytes(fields.array()?);
        check_streams(count, 0)?;
        let numbers = (0..count).map(|_| fields.u64());
        let numbers = numbers.collect::<Result<Vec<u64>, FrameError>>()?;
        fields.end()?;
        let resume = (count > 0).then_some(Resume { session, numbers });
        Ok(Self {
            nonce,
            resume,
            takes,
        })
    }
}

fn nonsense(what: &'static str, found: u8) -> ReplicationError {
    ReplicationError::Nonsense {
        what,
        found: found.into(),
    }
}

fn check_streams(count: u16, least: u16) -> Result<(), ReplicationError> {
    if count > STREAMS_MAX || count < least {
        return Err(ReplicationError::Nonsense {
            what: "the number of streams",
            found: count.into(),
        });
    }
    Ok(())
}

const TELLINGS: [Telling; 2] = [Telling::Whole, Telling::Deltas];

const DIALECTS: [Dialect; 2] = [Dialect::Redis, Dialect::Valkey];

impl Welcome {
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        out.extend_from_slice(&self.proof);
        out.extend_from_slice(&self.session);
        out.extend_from_slice(&self.streams.to_le_bytes());
        out.extend_from_slice(&self.rdb_version.to_le_bytes());
        out.push(u8::from(self.dialect == Dialect::Valkey));
        out.push(u8::from(self.resumed));
        out.extend_from_slice(&self.silence_ms.to_le_bytes());
        out
    }

    pub(super) fn decode(payload: &[u8]) -> Result<Self, ReplicationError> {
        let mut fields = Fields::of(payload);
        let proof = fields.array()?;
        let session = fields.array()?;
        let streams = u16::from_le_bytes(fields.array()?);
        check_streams(streams, 1)?;
        let rdb_version = fields.u32()?;
        let [dialect, resumed] = fields.array()?;
        let silence_ms = fields.u32()?;
        fields.end()?;
        let known = DIALECTS.get(usize::from(dialect)).copied();
        if resumed > 1 {
            return Err(nonsense("what is resumed", resumed));
        }
        Ok(Self {
            proof,
            session,
            streams,
            rdb_version,
            dialect: known.ok_or_else(|| nonsense("the dialect", dialect))?,
            resumed: resumed == 1,
            silence_ms,
        })
    }
}

impl Attach {
    /// What the proof is about.
    pub(super) fn subject(session: &SessionId, stream: u16, number: u64) -> Vec<u8> {
        let mut subject = session.to_vec();
        subject.extend_from_slice(&stream.to_le_bytes());
        subject.extend_from_slice(&number.to_le_bytes());
        subject
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        put_opening(&mut out);
        let subject = Self::subject(&self.session, self.stream, self.number);
        out.extend_from_slice(&subject);
        out.extend_from_slice(&self.proof);
        out
    }

    pub(super) fn decode(payload: &[u8]) -> Result<Self, ReplicationError> {
        let mut fields = Fields::of(payload);
        opening(&mut fields)?;
        let attach = Self {
            session: fields.array()?,
            stream: u16::from_le_bytes(fields.array()?),
            number: fields.u64()?,
            proof: fields.array()?,
        };
        fields.end()?;
        Ok(attach)
    }
}

impl Acknowledge {
    pub(super) fn encode(self) -> [u8; 16] {
        let mut out = [0; 16];
        out[..8].copy_from_slice(&self.number.to_le_bytes());
        out[8..].copy_from_slice(&self.cut.to_le_bytes());
        out
    }

    pub(super) fn decode(payload: &[u8]) -> Result<Self, ReplicationError> {
        let mut fields = Fields::of(payload);
        let (number, cut) = (fields.u64()?, fields.u64()?);
        fields.end()?;
        Ok(Self { number, cut })
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Debug;

    use super::*;

    /// The whole decodes to what it was; no part of it, and nothing longer, decodes at all.
    fn check<T: PartialEq + Debug>(
        message: &T,
        bytes: &[u8],
        decode: impl Fn(&[u8]) -> Result<T, ReplicationError>,
    ) {
        assert_eq!(&decode(bytes).unwrap(), message);
        for length in 0..bytes.len() {
            decode(&bytes[..length]).unwrap_err();
        }
        decode(&[bytes, b"x"].concat()).unwrap_err();
    }

    #[test]
    fn messages_decode_whole_or_not_at_all() {
        let mut hello = Hello {
            nonce: [7; 32],
            resume: None,
            takes: Telling::Deltas,
        };
        check(&hello, &hello.encode(), Hello::decode);
        hello.resume = Some(Resume {
            session: [9; 16],
            numbers: vec![1, u64::MAX],
        });
        hello.takes = Telling::Whole;
        check(&hello, &hello.encode(), Hello::decode);
        let welcome = Welcome {
            proof: [1; 32],
            session: [2; 16],
            streams: 3,
            rdb_version: 11,
            dialect: Dialect::Valkey,
            resumed: true,
            silence_ms: 5000,
        };
        check(&welcome, &welcome.encode(), Welcome::decode);
        let attach = Attach {
            session: [2; 16],
            stream: 2,
            number: 77,
            proof: [3; 32],
        };
        check(&attach, &attach.encode(), Attach::decode);
        let acknowledge = Acknowledge { number: 4, cut: 5 };
        check(&acknowledge, &acknowledge.encode(), Acknowledge::decode);
    }

    #[test]
    fn hello_has_the_documented_bytes() {
        let hello = Hello {
            nonce: [0xaa; 32],
            resume: Some(Resume {
                session: [0xbb; 16],
                numbers: vec![0x0102],
            }),
            takes: Telling::Deltas,
        };
        let mut expected = b"FORKREPL\x03\x00".to_vec();
        expected.extend_from_slice(&[0xaa; 32]);
        expected.extend_from_slice(&[0xbb; 16]);
        expected.extend_from_slice(b"\x01\x01\x00\x02\x01\0\0\0\0\0\0");
        assert_eq!(hello.encode(), expected);
        let mut whole = hello;
        whole.takes = Telling::Whole;
        expected[58] = 0;
        assert_eq!(whole.encode(), expected);
        expected[58] = 2;
        let error = Hello::decode(&expected).unwrap_err();
        assert!(matches!(error, ReplicationError::Nonsense { found: 2, .. }));
    }

    #[test]
    fn other_protocols_and_versions_are_named() {
        let mut bytes = Hello {
            nonce: [0; 32],
            resume: None,
            takes: Telling::Whole,
        }
        .encode();
        bytes[8] = 1;
        let error = Hello::decode(&bytes).unwrap_err();
        assert!(matches!(error, ReplicationError::Version { found: 1, .. }));
        bytes[0] = b'G';
        let error = Hello::decode(&bytes).unwrap_err();
        assert!(matches!(error, ReplicationError::Magic));
    }
}
