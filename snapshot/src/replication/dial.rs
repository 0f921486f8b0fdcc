//! Finding and reaching the other side, each with a deadline.

use std::io;
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};
use shard_runtime::spawn_named;

use crate::sync::{now, sleep};

/// How often a Unix socket that has no room for another connection is asked again.
const LOOK: Duration = Duration::from_millis(10);

/// The addresses of `HOST:PORT`.
///
/// # Errors
///
/// [`io::ErrorKind::TimedOut`] when nobody answers in time, and whatever the system says.
pub(super) fn resolve(address: &str, deadline: Instant) -> io::Result<Vec<SocketAddr>> {
    // A number needs nobody to be asked.
    if let Ok(address) = address.parse() {
        return Ok(vec![address]);
    }
    let asked = address.to_owned();
    ask(deadline, move || {
        asked.to_socket_addrs().map(Iterator::collect)
    })
}

/// What `question` answers, on a thread of its own: the system's resolver knows no deadline. It
/// gives up after half a minute or so, and the thread ends.
fn ask(
    deadline: Instant,
    question: impl FnOnce() -> io::Result<Vec<SocketAddr>> + Send + 'static,
) -> io::Result<Vec<SocketAddr>> {
    let (answer, answered) = mpsc::channel();
    spawn_named("replication-resolve", move || {
        // Nobody may be waiting any more.
        drop(answer.send(question()));
    });
    let patience = deadline.saturating_duration_since(now());
    let late = |_| Err(io::ErrorKind::TimedOut.into());
    answered.recv_timeout(patience).unwrap_or_else(late)
}

/// Connects to `HOST:PORT`, to the first of its addresses that answers.
pub(super) fn tcp(address: &str, deadline: Instant) -> io::Result<TcpStream> {
    let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
    for address in resolve(address, deadline)? {
        let left = deadline.saturating_duration_since(now());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        match TcpStream::connect_timeout(&address, left) {
            Ok(stream) => {
                stream.set_nodelay(true)?;
                return Ok(stream);
            }
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// Connects to the Unix socket at `path`.
pub(super) fn unix(path: &Path, deadline: Instant) -> io::Result<UnixStream> {
    let address = SocketAddrUnix::new(path)?;
    // One that waits would wait for ever for a master that is frozen.
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    loop {
        match rustix::net::connect(&socket, &address) {
            Ok(()) => break,
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) if now() < deadline => sleep(LOOK),
            Err(Errno::AGAIN) => return Err(io::ErrorKind::TimedOut.into()),
            Err(error) => return Err(error.into()),
        }
    }
    let stream = UnixStream::from(socket);
    stream.set_nonblocking(false)?;
    Ok(stream)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn soon() -> Instant {
        now() + Duration::from_millis(100)
    }

    #[test]
    fn unix_socket_that_accepts_nobody_is_given_up() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("socket");
        let address = SocketAddrUnix::new(&path).unwrap();
        let socket = rustix::net::socket(AddressFamily::UNIX, SocketType::STREAM, None).unwrap();
        rustix::net::bind(&socket, &address).unwrap();
        rustix::net::listen(&socket, 1).unwrap();
        let mut waiting = Vec::new();
        let error = loop {
            match unix(&path, soon()) {
                Ok(stream) => waiting.push(stream),
                Err(error) => break error,
            }
            assert!(waiting.len() < 100, "all are let in");
        };
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert!(!waiting.is_empty(), "and the first one is");
    }

    #[test]
    fn name_that_is_not_answered_in_time_is_given_up() {
        let (end, ended) = mpsc::channel::<()>();
        let never = move || {
            ended.recv().unwrap_err();
            Ok(Vec::new())
        };
        let error = ask(soon(), never).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        drop(end);
        let address = "127.0.0.1:80".parse().unwrap();
        assert_eq!(resolve("127.0.0.1:80", now()).unwrap(), [address]);
        let later = now() + Duration::from_mins(1);
        assert!(!resolve("localhost:80", later).unwrap().is_empty());
    }
}
