//! A real server that loads a file, saves it, and loads it again.

use std::error::Error;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rdb_format::Compression;
use tempfile::TempDir;

/// How long a server may take until it answers.
const START_MAX: Duration = Duration::from_secs(30);

/// A server program, and what to call it if it does not run.
pub(crate) struct Program {
    name: &'static str,
    path: PathBuf,
}

/// Why there is no server.
pub(crate) struct Missing {
    pub(crate) program: String,
    pub(crate) why: String,
}

/// A running server that only this program can reach; killed on drop.
pub(crate) struct Server {
    /// What it calls itself, with its version.
    pub(crate) name: String,
    keys: usize,
    child: Child,
    connection: BufReader<UnixStream>,
    // Holds its socket and its file.
    _folder: TempDir,
}

/// The servers to compare with.
pub(crate) fn programs() -> [Program; 2] {
    let path = |variable: &str, default: &str| {
        std::env::var_os(variable).map_or_else(|| PathBuf::from(default), PathBuf::from)
    };
    let workspace = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
    let valkey = format!("{workspace}/target/servers/valkey-9.1/valkey-server");
    [
        Program {
            name: "redis-server",
            path: path("FORKLESS_REDIS", "redis-server"),
        },
        Program {
            name: "valkey-server",
            path: path("FORKLESS_VALKEY", &valkey),
        },
    ]
}

impl Server {
    /// Starts a server that has loaded `file`, which has so many keys.
    pub(crate) fn start(
        program: &Program,
        file: &[u8],
        compression: Compression,
        keys: usize,
    ) -> Result<Self, Missing> {
        Self::try_start(&program.path, file, compression, keys).map_err(|error| Missing {
            program: program.name.to_owned(),
            why: format!("{}: {error}", program.path.display()),
        })
    }

    fn try_start(
        program: &Path,
        file: &[u8],
        compression: Compression,
        keys: usize,
    ) -> Result<Self, Box<dyn Error>> {
        // The disk is not what is measured.
        let memory = Path::new("/dev/shm");
        let folder = if memory.is_dir() {
            tempfile::tempdir_in(memory)?
        } else {
            tempfile::tempdir()?
        };
        std::fs::write(folder.path().join("dump.rdb"), file)?;
        let socket = folder.path().join("socket");
        let compression = match compression {
            Compression::None => "no",
            Compression::Lzf => "yes",
        };
        let mut child = Command::new(program)
            .args(["--port", "0", "--save", "", "--appendonly", "no"])
            .args(["--enable-debug-command", "yes"])
            .args(["--rdbcompression", compression, "--rdbchecksum", "yes"])
            .arg("--dir")
            .arg(folder.path())
            .arg("--unixsocket")
            .arg(&socket)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let connection = match connect(&mut child, &socket) {
            Ok(connection) => connection,
            Err(error) => {
                // Both fail only if it has ended already.
                let _ = child.kill();
                let _ = child.wait();
                return Err(error);
            }
        };
        let mut server = Self {
            name: String::new(),
            keys,
            child,
            connection,
            _folder: folder,
        };
        server.wait_until_loaded()?;
        server.name = server.version()?;
        server.count()?;
        Ok(server)
    }

    /// How long it takes to write its file.
    pub(crate) fn save(&mut self) -> Result<Duration, Box<dyn Error>> {
        self.order("SAVE")
    }

    /// How long it takes to load its file, having been emptied before.
    pub(crate) fn reload(&mut self) -> Result<Duration, Box<dyn Error>> {
        self.order("FLUSHALL SYNC")?;
        let time = self.order("DEBUG RELOAD NOSAVE NOFLUSH")?;
        self.count()?;
        Ok(time)
    }

    /// Fails unless it has all keys.
    fn count(&mut self) -> Result<(), Box<dyn Error>> {
        let keys = self.ask("DBSIZE")?;
        if keys == format!(":{}", self.keys) {
            return Ok(());
        }
        Err(format!("{} has {keys} keys, and not {}", self.name, self.keys).into())
    }

    fn wait_until_loaded(&mut self) -> Result<(), Box<dyn Error>> {
        let deadline = Instant::now() + START_MAX;
        while self.ask("PING")? != "+PONG" {
            if Instant::now() > deadline {
                return Err("it still loads".into());
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    /// Its kind and version.
    fn version(&mut self) -> Result<String, Box<dyn Error>> {
        let facts = self.ask("INFO server")?;
        let fact = |name: &str| {
            let mut lines = facts.lines();
            lines.find_map(|line| line.strip_prefix(name).map(str::to_owned))
        };
        if let Some(version) = fact("valkey_version:") {
            return Ok(format!("Valkey {version}"));
        }
        let version = fact("redis_version:").ok_or("it does not tell its version")?;
        Ok(format!("Redis {version}"))
    }

    fn order(&mut self, command: &str) -> Result<Duration, Box<dyn Error>> {
        let started = Instant::now();
        let said = self.ask(command)?;
        let time = started.elapsed();
        if said == "+OK" {
            return Ok(time);
        }
        Err(format!("{}: {command}: {said}", self.name).into())
    }

    fn ask(&mut self, command: &str) -> Result<String, Box<dyn Error>> {
        let connection = self.connection.get_mut();
        connection.write_all(format!("{command}\r\n").as_bytes())?;
        let mut line = String::new();
        self.connection.read_line(&mut line)?;
        let line = line.trim_end();
        if line.is_empty() {
            return Err("it went away".into());
        }
        let Some(len) = line.strip_prefix('$') else {
            return Ok(line.to_owned());
        };
        let mut text = vec![0; len.parse::<usize>()? + 2];
        self.connection.read_exact(&mut text)?;
        Ok(String::from_utf8(text)?)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Both fail only if it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn connect(child: &mut Child, socket: &Path) -> Result<BufReader<UnixStream>, Box<dyn Error>> {
    let deadline = Instant::now() + START_MAX;
    loop {
        if let Ok(connection) = UnixStream::connect(socket) {
            return Ok(BufReader::new(connection));
        }
        if let Some(status) = child.try_wait()? {
            return Err(format!("it ended at once: {status}").into());
        }
        if Instant::now() > deadline {
            return Err("it does not answer".into());
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}
