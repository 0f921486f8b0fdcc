//! A client of a server over loopback, whoever's it is.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::time::Duration;

use crate::failure::Failure;

/// How long a reply may take.
const PATIENCE: Duration = Duration::from_mins(2);

/// A connection that asks one thing after the other.
#[derive(Debug)]
pub(crate) struct Client {
    stream: BufReader<TcpStream>,
}

impl Client {
    /// Connects to `port` of this machine.
    ///
    /// # Errors
    ///
    /// [`Failure::Unexpected`] when nobody listens there.
    pub(crate) fn connect(port: u16) -> Result<Self, Failure> {
        let stream = connect(port)?;
        Ok(Self {
            stream: BufReader::new(stream),
        })
    }

    /// Sends one command, and waits for a reply that is no array.
    ///
    /// # Errors
    ///
    /// [`Failure::Unexpected`] for an error or an array, and when the connection fails.
    pub(crate) fn ask(&mut self, words: &[&str]) -> Result<String, Failure> {
        let failed = |said: String| Failure::Unexpected {
            from: words.join(" "),
            said,
        };
        let mut request = Vec::new();
        encode(&mut request, words);
        let sent = self.stream.get_mut().write_all(&request);
        let replied = sent.and_then(|()| self.reply());
        replied
            .map_err(|error| failed(error.to_string()))?
            .map_err(failed)
    }

    /// A reply: its text, or what is wrong.
    fn reply(&mut self) -> std::io::Result<Result<String, String>> {
        let mut line = String::new();
        self.stream.read_line(&mut line)?;
        let line = line.trim_end();
        let Some((kind, text)) = line.split_at_checked(1) else {
            return Ok(Err("no reply".to_owned()));
        };
        Ok(match (kind, text.parse::<usize>()) {
            ("+" | ":", _) => Ok(text.to_owned()),
            ("$", Ok(bytes)) => {
                let mut body = vec![0; bytes + 2];
                self.stream.read_exact(&mut body)?;
                body.truncate(bytes);
                Ok(String::from_utf8_lossy(&body).into_owned())
            }
            _ => Err(line.to_owned()),
        })
    }
}

/// A connection to `port` of this machine, on which a silence is an error.
///
/// # Errors
///
/// [`Failure::Unexpected`] when nobody listens there.
pub(crate) fn connect(port: u16) -> Result<TcpStream, Failure> {
    let connected = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).and_then(|stream| {
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(stream)
    });
    connected.map_err(|error| Failure::Unexpected {
        from: format!("port {port}"),
        said: error.to_string(),
    })
}

/// Appends a command as servers read it.
pub(crate) fn encode<W: AsRef<[u8]>>(out: &mut Vec<u8>, words: &[W]) {
    out.extend_from_slice(format!("*{}\r\n", words.len()).as_bytes());
    for word in words {
        let word = word.as_ref();
        out.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
        out.extend_from_slice(word);
        out.extend_from_slice(b"\r\n");
    }
}

/// A port that nobody listens at, for a server that is about to.
///
/// # Errors
///
/// [`Failure::Unexpected`] when the system has none.
pub(crate) fn free_port() -> Result<u16, Failure> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
    let address = listener.and_then(|listener| listener.local_addr());
    match address {
        Ok(address) => Ok(address.port()),
        Err(error) => Err(Failure::Unexpected {
            from: "any port".to_owned(),
            said: error.to_string(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::server::Server;

    #[test]
    fn replies_of_every_shape_are_told_apart() {
        let data = tempfile::tempdir().unwrap();
        let port = free_port().unwrap();
        let options = ["--port", &port.to_string()];
        let _server = Server::start(Path::new("redis-server"), data.path(), &options).unwrap();
        let mut client = Client::connect(port).unwrap();
        assert_eq!(client.ask(&["SET", "key", "two\r\nlines"]).unwrap(), "OK");
        assert_eq!(client.ask(&["GET", "key"]).unwrap(), "two\r\nlines");
        assert_eq!(client.ask(&["DBSIZE"]).unwrap(), "1");
        for words in [&["NOSUCH"][..], &["GET", "none"], &["KEYS", "*"]] {
            let refused = client.ask(words).unwrap_err().to_string();
            assert!(refused.contains(words[0]), "{refused}");
            // What is left of an array would be taken for the next reply.
            client = Client::connect(port).unwrap();
        }
    }

    #[test]
    fn a_port_without_a_server_is_told() {
        let refused = Client::connect(free_port().unwrap()).unwrap_err();
        assert!(matches!(refused, Failure::Unexpected { .. }), "{refused}");
    }
}
