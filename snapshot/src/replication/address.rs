//! Where a master listens: a TCP port or a Unix socket.

use std::fmt;
use std::io;
use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use rustix::net::sockopt::{Timeout, set_socket_timeout};

use super::connection::Connection;
use super::dial;
#[cfg(feature = "sim")]
use super::simulated::{SimulatedListener, SimulatedNetwork};
use crate::sync::{now, sleep};

/// How long a listener waits for a connection at a time: what comes is taken at once.
const LOOK: Duration = Duration::from_millis(if cfg!(feature = "sim") { 500 } else { 50 });

/// How long it may take to find the address that a name stands for.
const PATIENCE: Duration = Duration::from_secs(10);

/// Where a master listens.
///
/// ```
/// use snapshot::Address;
///
/// let tcp: Address = "127.0.0.1:7379".parse()?;
/// let unix: Address = "unix:/run/forkless.sock".parse()?;
/// assert_eq!(tcp.to_string(), "127.0.0.1:7379");
/// assert_eq!(unix.to_string(), "unix:/run/forkless.sock");
/// # Ok::<(), snapshot::ParseAddressError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// `HOST:PORT`.
    Tcp(String),
    /// `unix:PATH`.
    Unix(PathBuf),
    /// Inside a simulation.
    #[cfg(feature = "sim")]
    Simulated(SimulatedNetwork),
}

/// A text that is no address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{text}\" is neither HOST:PORT nor unix:PATH")]
pub struct ParseAddressError {
    /// The text.
    pub text: String,
}

impl FromStr for Address {
    type Err = ParseAddressError;

    fn from_str(text: &str) -> Result<Self, ParseAddressError> {
        let error = || ParseAddressError {
            text: text.to_owned(),
        };
        if let Some(path) = text.strip_prefix("unix:") {
            return match path {
                "" => Err(error()),
                path => Ok(Self::Unix(path.into())),
            };
        }
        let (host, port) = text.rsplit_once(':').ok_or_else(error)?;
        let port: u16 = port.parse().map_err(|_| error())?;
        if host.is_empty() {
            return Err(error());
        }
        Ok(Self::Tcp(format!("{host}:{port}")))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => f.write_str(address),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
            #[cfg(feature = "sim")]
            Self::Simulated(_) => f.write_str("simulated"),
        }
    }
}

/// What accepts connections.
#[derive(Debug)]
pub(super) enum Listener {
    Tcp(TcpListener),
    Unix(UnixListener),
    #[cfg(feature = "sim")]
    Simulated(SimulatedListener),
}

impl Listener {
    pub(super) fn bind(address: &Address) -> io::Result<Self> {
        match address {
            Address::Tcp(address) => {
                let addresses = dial::resolve(address, now() + PATIENCE)?;
                let listener = TcpListener::bind(addresses.as_slice())?;
                set_socket_timeout(&listener, Timeout::Recv, Some(LOOK))?;
                Ok(Self::Tcp(listener))
            }
            Address::Unix(path) => {
                let listener = UnixListener::bind(path)?;
                set_socket_timeout(&listener, Timeout::Recv, Some(LOOK))?;
                Ok(Self::Unix(listener))
            }
            #[cfg(feature = "sim")]
            Address::Simulated(network) => network.listen().map(Self::Simulated),
        }
    }

    /// Whether only this machine can reach it.
    pub(super) fn is_local(&self) -> io::Result<bool> {
        match self {
            Self::Tcp(listener) => Ok(listener.local_addr()?.ip().is_loopback()),
            Self::Unix(_) => Ok(true),
            #[cfg(feature = "sim")]
            Self::Simulated(_) => Ok(true),
        }
    }

    /// Where it listens: with the port that the system chose, if it was asked to.
    pub(super) fn address(&self) -> io::Result<Address> {
        Ok(match self {
            Self::Tcp(listener) => Address::Tcp(listener.local_addr()?.to_string()),
            Self::Unix(listener) => {
                let address = listener.local_addr()?;
                Address::Unix(address.as_pathname().unwrap_or("".as_ref()).to_path_buf())
            }
            #[cfg(feature = "sim")]
            Self::Simulated(listener) => Address::Simulated(listener.network().clone()),
        })
    }

    /// The next connection; `None` if none waits now, and none comes in a little while.
    pub(super) fn accept(&self) -> io::Result<Option<Connection>> {
        let accepted = match self {
            Self::Tcp(listener) => listener.accept().and_then(|(stream, _)| {
                stream.set_nodelay(true)?;
                Ok(Connection::Tcp(stream))
            }),
            Self::Unix(listener) => listener
                .accept()
                .map(|(stream, _)| Connection::Unix(stream)),
            #[cfg(feature = "sim")]
            Self::Simulated(listener) => {
                return Ok(listener.accept(LOOK).map(Connection::Simulated));
            }
        };
        match accepted {
            Ok(connection) => Ok(Some(connection)),
            // Its patience is at an end.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            Err(error) => {
                sleep(LOOK);
                Err(error)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_address_is_refused() {
        for text in ["", "localhost", ":1", "host:", "host:99999", "unix:"] {
            text.parse::<Address>().unwrap_err();
        }
        let address: Address = "[::1]:80".parse().unwrap();
        assert_eq!(address, Address::Tcp("[::1]:80".to_owned()));
    }
}
