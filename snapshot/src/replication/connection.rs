//! A connection, and frames over it, with a deadline for everything.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use super::address::Address;
use super::dial;
use super::error::ReplicationError;
#[cfg(feature = "sim")]
use super::simulated::SimulatedSocket;
use crate::stream::{Frame, FrameKind, HEADER_BYTES, Header};
use crate::sync::{SHRINK, now};

/// How much is asked of a socket at once, in bytes.
const READ_BYTES: usize = (256 << 10) / SHRINK;

/// The shortest time that sockets are given.
const TICK: Duration = Duration::from_millis(1);

/// A connection between a master and a replica.
#[derive(Debug)]
pub(super) enum Connection {
    Tcp(TcpStream),
    Unix(UnixStream),
    #[cfg(feature = "sim")]
    Simulated(SimulatedSocket),
}

impl Connection {
    pub(super) fn open(address: &Address, patience: Duration) -> io::Result<Self> {
        let deadline = now() + patience;
        match address {
            Address::Tcp(address) => dial::tcp(address, deadline).map(Self::Tcp),
            Address::Unix(path) => dial::unix(path, deadline).map(Self::Unix),
            #[cfg(feature = "sim")]
            Address::Simulated(network) => network.connect().map(Self::Simulated),
        }
    }

    /// The same connection once more.
    pub(super) fn again(&self) -> io::Result<Self> {
        Ok(match self {
            Self::Tcp(stream) => Self::Tcp(stream.try_clone()?),
            Self::Unix(stream) => Self::Unix(stream.try_clone()?),
            #[cfg(feature = "sim")]
            Self::Simulated(socket) => Self::Simulated(socket.clone()),
        })
    }

    /// Ends it in both directions, for everybody who has it.
    pub(super) fn close(&self) {
        // It may have ended already.
        let _ = match self {
            Self::Tcp(stream) => stream.shutdown(Shutdown::Both),
            Self::Unix(stream) => stream.shutdown(Shutdown::Both),
            #[cfg(feature = "sim")]
            Self::Simulated(socket) => {
                socket.close();
                Ok(())
            }
        };
    }

    /// Has whoever reads from it find its end. Something can still be said.
    pub(super) fn hear_nothing(&self) {
        // It may have ended already.
        let _ = match self {
            Self::Tcp(stream) => stream.shutdown(Shutdown::Read),
            Self::Unix(stream) => stream.shutdown(Shutdown::Read),
            #[cfg(feature = "sim")]
            Self::Simulated(socket) => {
                // It has no halves.
                socket.close();
                Ok(())
            }
        };
    }

    /// Writes all of `bytes`.
    ///
    /// # Errors
    ///
    /// [`ReplicationError::Silent`] when the other side does not take them for so long.
    pub(super) fn send(
        &mut self,
        mut bytes: &[u8],
        silence: Duration,
    ) -> Result<(), ReplicationError> {
        while !bytes.is_empty() {
            match self.write(bytes, silence) {
                Ok(0) => return Err(ReplicationError::Closed),
                Ok(written) => bytes = &bytes[written..],
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(source) => return Err(ReplicationError::of_io(source, silence)),
            }
        }
        Ok(())
    }

    fn write(&mut self, bytes: &[u8], patience: Duration) -> io::Result<usize> {
        let timeout = Some(patience.max(TICK));
        match self {
            Self::Tcp(stream) => {
                stream.set_write_timeout(timeout)?;
                stream.write(bytes)
            }
            Self::Unix(stream) => {
                stream.set_write_timeout(timeout)?;
                stream.write(bytes)
            }
            #[cfg(feature = "sim")]
            Self::Simulated(socket) => socket.write(bytes, patience),
        }
    }

    fn read(&mut self, room: &mut [u8], patience: Duration) -> io::Result<usize> {
        let timeout = Some(patience.max(TICK));
        match self {
            Self::Tcp(stream) => {
                stream.set_read_timeout(timeout)?;
                stream.read(room)
            }
            Self::Unix(stream) => {
                stream.set_read_timeout(timeout)?;
                stream.read(room)
            }
            #[cfg(feature = "sim")]
            Self::Simulated(socket) => socket.read(room, patience),
        }
    }
}

/// Reads frames off a connection.
#[derive(Debug)]
pub(super) struct FrameReader {
    connection: Connection,
    buffer: Vec<u8>,
    // What of the buffer is not given out yet.
    start: usize,
    end: usize,
    payload_bytes_max: usize,
}

impl FrameReader {
    /// Of a connection over which nothing longer than this comes.
    pub(super) fn new(connection: Connection, payload_bytes_max: usize) -> Self {
        Self {
            connection,
            buffer: Vec::new(),
            start: 0,
            end: 0,
            payload_bytes_max,
        }
    }

    /// Sends one frame that is not numbered, the other way.
    pub(super) fn say(
        &mut self,
        kind: FrameKind,
        payload: &[u8],
        patience: Duration,
    ) -> Result<(), ReplicationError> {
        let mut frame = Vec::new();
        Frame::encode(&mut frame, kind, 0, payload);
        self.connection().send(&frame, patience)
    }

    pub(super) fn connection(&mut self) -> &mut Connection {
        &mut self.connection
    }

    /// Longer frames may come from now on.
    pub(super) fn allow(&mut self, payload_bytes_max: usize) {
        self.payload_bytes_max = payload_bytes_max;
    }

    /// Waits for the next frame; `None` if it is not whole after `patience`, and may be waited for
    /// again.
    ///
    /// # Errors
    ///
    /// When the connection is closed or broken, or what comes is no frame.
    pub(super) fn next(
        &mut self,
        patience: Duration,
    ) -> Result<Option<Frame<'_>>, ReplicationError> {
        let deadline = now() + patience;
        let header = loop {
            let bytes = &self.buffer[self.start..self.end];
            let wanted = match bytes.first_chunk::<HEADER_BYTES>() {
                None => HEADER_BYTES,
                Some(header) => {
                    let header = Header::parse(header)?;
                    header.check_payload(self.payload_bytes_max)?;
                    let whole = HEADER_BYTES + header.payload_bytes;
                    if bytes.len() >= whole {
                        break header;
                    }
                    whole
                }
            };
            if !self.fill(wanted, deadline, patience)? {
                return Ok(None);
            }
        };
        let payload = self.start + HEADER_BYTES;
        self.start = payload + header.payload_bytes;
        let frame = header.join(&self.buffer[payload..self.start])?;
        Ok(Some(frame))
    }

    /// Waits for a frame of this kind.
    ///
    /// # Errors
    ///
    /// As [`next`](Self::next), and when another kind comes or none.
    pub(super) fn expect(
        &mut self,
        expected: FrameKind,
        patience: Duration,
    ) -> Result<Frame<'_>, ReplicationError> {
        let frame = self.next(patience)?;
        let frame = frame.ok_or(ReplicationError::Silent { silence: patience })?;
        if frame.kind == FrameKind::Refuse {
            let text = String::from_utf8_lossy(frame.payload).into_owned();
            return Err(ReplicationError::Refused { text });
        }
        if frame.kind != expected {
            return Err(ReplicationError::Unexpected {
                kind: frame.kind,
                expected,
            });
        }
        Ok(frame)
    }

    /// Reads more, with room for so many bytes that are not given out; whether any came.
    fn fill(
        &mut self,
        wanted: usize,
        deadline: Instant,
        patience: Duration,
    ) -> Result<bool, ReplicationError> {
        // Whoever has not proved anything gets no more memory than a handshake takes.
        let usual = READ_BYTES.min(HEADER_BYTES + self.payload_bytes_max);
        let room = wanted.max(usual);
        if self.start > 0 && self.start + room > self.buffer.len() {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        if self.buffer.len() < room {
            self.buffer.resize(room, 0);
        }
        let broken = |source| ReplicationError::of_io(source, patience);
        loop {
            let left = deadline.saturating_duration_since(now());
            match self.connection.read(&mut self.buffer[self.end..], left) {
                Ok(0) => return Err(ReplicationError::Closed),
                Ok(read) => {
                    self.end += read;
                    return Ok(true);
                }
                Err(error) => match error.kind() {
                    io::ErrorKind::Interrupted => {}
                    io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => return Ok(false),
                    _ => return Err(broken(error)),
                },
            }
        }
    }
}
