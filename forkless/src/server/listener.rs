//! The listener: lets clients in, and hands them to the connection threads in turn.

use std::fmt;
use std::fs;
use std::io::{self, ErrorKind, Write};
use std::net::SocketAddr;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::UnixStream as StdUnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use mio::net::{TcpListener, UnixListener};
use mio::{Events, Interest, Poll, Token, Waker};

use crate::server::error::ServerError;
use crate::server::inbox::{Arrival, Inbox};
use crate::server::options::{ServerOptions, Unknown};
use crate::server::shared::Shared;
use crate::server::stream::Stream;

/// The token of the waker; sockets have their places in the list.
const WAKER: Token = Token(usize::MAX);

/// When to try again after the system has refused a connection, as when files have run out.
const RETRY: Duration = Duration::from_millis(50);

/// A socket that clients connect to.
#[derive(Debug)]
enum Socket {
    Tcp(TcpListener),
    Unix(UnixListener, PathBuf),
}

/// Listens at addresses and a Unix socket.
#[derive(Debug)]
pub(crate) struct Listener {
    poll: Poll,
    sockets: Vec<Socket>,
    addresses: Vec<SocketAddr>,
    waker: Arc<Waker>,
}

impl Listener {
    pub(crate) fn open(
        addresses: &[SocketAddr],
        unix_socket: Option<&Path>,
    ) -> Result<Self, ServerError> {
        let failed = |source| ServerError::Poll { source };
        let poll = Poll::new().map_err(failed)?;
        let waker = Waker::new(poll.registry(), WAKER).map_err(failed)?;
        let mut listener = Self {
            poll,
            sockets: Vec::new(),
            addresses: Vec::new(),
            waker: Arc::new(waker),
        };
        for &address in addresses {
            let failed = |source| ServerError::Listen { address, source };
            let mut socket = TcpListener::bind(address).map_err(failed)?;
            listener
                .addresses
                .push(socket.local_addr().map_err(failed)?);
            let token = Token(listener.sockets.len());
            let registry = listener.poll.registry();
            registry
                .register(&mut socket, token, Interest::READABLE)
                .map_err(failed)?;
            listener.sockets.push(Socket::Tcp(socket));
        }
        if let Some(path) = unix_socket {
            listener.open_unix(path)?;
        }
        if listener.sockets.is_empty() {
            return Err(ServerError::Nowhere);
        }
        Ok(listener)
    }

    fn open_unix(&mut self, path: &Path) -> Result<(), ServerError> {
        let failed = |source| ServerError::ListenUnix {
            path: path.to_owned(),
            source,
        };
        make_way(path)?;
        let mut socket = UnixListener::bind(path).map_err(failed)?;
        keep_to_this_user(path)?;
        let token = Token(self.sockets.len());
        let registry = self.poll.registry();
        registry
            .register(&mut socket, token, Interest::READABLE)
            .map_err(failed)?;
        self.sockets.push(Socket::Unix(socket, path.to_owned()));
        Ok(())
    }

    /// Where it listens, with the ports that the system has chosen.
    pub(crate) fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// What wakes it, to look whether the server stops.
    pub(crate) fn waker(&self) -> Arc<Waker> {
        Arc::clone(&self.waker)
    }

    /// Lets clients in until the server stops.
    pub(crate) fn run(mut self, shared: &Shared, threads: &[Arc<Inbox>]) {
        let mut events = Events::with_capacity(64);
        let mut threads = threads.iter().cycle();
        let mut retry = None;
        while !shared.is_stopping() {
            drop(self.poll.poll(&mut events, retry));
            retry = None;
            for socket in &self.sockets {
                while let Some(accepted) = socket.accept() {
                    match accepted {
                        Ok((stream, peer)) => {
                            if let Some(thread) = threads.next() {
                                admit(stream, &peer, shared, thread);
                            }
                        }
                        Err(error) if error.kind() == ErrorKind::ConnectionAborted => {}
                        Err(_) => {
                            retry = Some(RETRY);
                            break;
                        }
                    }
                }
            }
        }
        for socket in &self.sockets {
            if let Socket::Unix(_, path) = socket {
                // Whoever starts next removes what is left.
                drop(fs::remove_file(path));
            }
        }
    }
}

/// Removes the Unix socket that a server has left which was killed, if nobody listens there.
/// Anything else with that name stays, and is in the way of whoever listens.
pub(crate) fn make_way(path: &Path) -> Result<(), ServerError> {
    let path = path.to_owned();
    if StdUnixStream::connect(&path).is_ok() {
        return Err(ServerError::Taken { path });
    }
    let found = fs::symlink_metadata(&path);
    if found.is_ok_and(|found| !found.file_type().is_socket()) {
        return Ok(());
    }
    match fs::remove_file(&path) {
        Err(source) if source.kind() != ErrorKind::NotFound => {
            Err(ServerError::ListenUnix { path, source })
        }
        _ => Ok(()),
    }
}

/// Lets nobody but this user connect to a Unix socket.
pub(crate) fn keep_to_this_user(path: &Path) -> Result<(), ServerError> {
    let kept = fs::set_permissions(path, fs::Permissions::from_mode(0o700));
    kept.map_err(|source| ServerError::ListenUnix {
        path: path.to_owned(),
        source,
    })
}

/// Where a client comes from.
#[derive(Debug)]
enum Peer<'a> {
    Tcp(SocketAddr),
    Unix(&'a Path),
}

impl Peer<'_> {
    /// Whether it may ask for anything, or say a password first.
    fn is_served(&self, options: &ServerOptions) -> bool {
        let is_of_this_machine = match self {
            Self::Tcp(address) => address.ip().to_canonical().is_loopback(),
            Self::Unix(_) => true,
        };
        is_of_this_machine || options.password.is_some() || options.unknown == Unknown::All
    }
}

impl fmt::Display for Peer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => path.display().fmt(f),
        }
    }
}

/// What somebody is told whom only a password, or the word to serve everybody, would let in.
const DENIED: &[u8] = b"-DENIED this server asks for no password and serves its own machine only; \
    start it with --requirepass-file, or with --open to serve everybody\r\n";

fn admit(mut stream: Stream, peer: &Peer<'_>, shared: &Shared, thread: &Inbox) {
    if !peer.is_served(&shared.options) {
        shared.clients.refuse();
        // Who does not read it finds the connection closed; and so below.
        drop(stream.write(DENIED));
        return;
    }
    let address = peer.to_string();
    match shared.clients.enter(address, shared.options.clients_max) {
        Some(client) => thread.push(Arrival::Connection { stream, client }),
        None => {
            drop(stream.write(b"-ERR max number of clients reached\r\n"));
        }
    }
}

impl Socket {
    /// The next connection that waits, and where it comes from; `None` when none does.
    fn accept(&self) -> Option<io::Result<(Stream, Peer<'_>)>> {
        let accepted = match self {
            Self::Tcp(socket) => socket.accept().map(|(stream, address)| {
                // Replies are written whole: to wait for more of them is in vain.
                drop(stream.set_nodelay(true));
                (Stream::Tcp(stream), Peer::Tcp(address))
            }),
            Self::Unix(socket, path) => {
                let accepted = socket.accept();
                accepted.map(|(stream, _)| (Stream::Unix(stream), Peer::Unix(path)))
            }
        };
        match accepted {
            Err(error) if error.kind() == ErrorKind::WouldBlock => None,
            accepted => Some(accepted),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_machines_are_served_for_a_password_or_a_word() {
        let nothing = ServerOptions::default();
        let password = ServerOptions {
            password: Some(b"password".to_vec()),
            ..ServerOptions::default()
        };
        let word = ServerOptions {
            unknown: Unknown::All,
            ..ServerOptions::default()
        };
        let is_served = |address: &str| {
            let peer = Peer::Tcp(address.parse().unwrap());
            [&nothing, &password, &word].map(|options| peer.is_served(options))
        };
        for own in [
            "127.0.0.1:1",
            "127.9.9.9:1",
            "[::1]:1",
            "[::ffff:127.0.0.1]:1",
        ] {
            assert_eq!(is_served(own), [true; 3], "{own}");
        }
        for other in [
            "192.0.2.1:1",
            "[2001:db8::1]:1",
            "[::ffff:192.0.2.1]:1",
            "0.0.0.0:1",
        ] {
            assert_eq!(is_served(other), [false, true, true], "{other}");
        }
        let socket = Peer::Unix(Path::new("/run/socket"));
        assert!(socket.is_served(&nothing));
    }
}
