//! `serve`: a server until somebody stops it.

use std::net::SocketAddr;

use forkless::{
    BacklogOnDisk, ReplicationOptions, RequestLimits, SaveFirst, Server, ServerError,
    ServerOptions, SnapshotFiles, Stopper, Unknown,
};
use indicatif::HumanCount;
use serde_json::{Value, json};
use shard_runtime::spawn_named;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::arguments::{self, Files, Serve};
use crate::command::input::say;
use crate::command::secret;
use crate::error::CommandError;
use crate::output::{Output, one_line};

pub(crate) fn run(arguments: &Serve, output: &mut Output) -> Result<(), CommandError> {
    let options = options(arguments)?;
    let is_open = options
        .addresses
        .iter()
        .any(|address| !address.ip().to_canonical().is_loopback());
    if is_open && options.password.is_none() {
        say(match options.unknown {
            Unknown::All => "warning: other machines are served, and no password is asked of them",
            Unknown::OfThisMachine => {
                "warning: clients of other machines are turned away, for no password is asked: \
                 --requirepass-file, or --open to serve everybody"
            }
        });
    }
    // Awaited from here on, so that a signal while loading does not cut the process off.
    let signals = Signals::new([SIGINT, SIGTERM]);
    let mut signals = signals.map_err(|source| CommandError::Signals { source })?;
    let handle = signals.handle();
    let server = Server::start(options)?;
    if let Some(loaded) = server.loaded() {
        output.line(format!("{} keys loaded", HumanCount(loaded.keys)))?;
    }
    for address in server.addresses() {
        output.line(format!("listening at {address}"))?;
    }
    if let Some(path) = &arguments.unixsocket {
        output.line(format!("listening at {}", path.display()))?;
    }
    for address in server.replication_addresses() {
        output.line(format!("listening at {address} for replicas"))?;
    }
    output.json(|| describe(arguments, &server))?;
    output.finish()?;
    let stopper = server.stopper();
    let waiting = spawn_named("signals", move || stop_at_signal(&mut signals, &stopper));
    server.join()?;
    handle.close();
    waiting.join()?;
    Ok(())
}

/// What was loaded, and where the server listens, with the ports that the system has chosen.
fn describe(arguments: &Serve, server: &Server) -> Value {
    let addresses = server.addresses().iter().map(ToString::to_string);
    let for_replicas = server.replication_addresses().iter();
    let for_replicas = for_replicas.map(ToString::to_string);
    let unix_socket = arguments.unixsocket.as_ref();
    json!({
        "keys_loaded": server.loaded().map_or(0, |loaded| loaded.keys),
        "shards": arguments::shards(arguments.shards),
        "addresses": addresses.collect::<Vec<_>>(),
        "unixsocket": unix_socket.map(|path| path.display().to_string()),
        "replication_addresses": for_replicas.collect::<Vec<_>>(),
    })
}

/// Stops the server at the first signal; cuts it off at the next one, whatever it is doing then.
fn stop_at_signal(signals: &mut Signals, stopper: &Stopper) {
    let mut signals = signals.forever();
    if signals.next().is_some() {
        let stopper = stopper.clone();
        // It may hang; who waits for the next signal must not.
        spawn_named("stop", move || stop(&stopper));
    }
    for _ in signals {
        stopper.cut_off();
    }
}

fn stop(stopper: &Stopper) {
    if let Err(error) = stopper.stop(SaveFirst::AsConfigured)
        && !matches!(error, ServerError::Unsaved { .. })
    {
        let error = one_line(&error);
        say(&format!(
            "not stopped: {error}; once more to lose what is not saved"
        ));
    }
}

fn options(arguments: &Serve) -> Result<ServerOptions, CommandError> {
    let addresses = match arguments.port {
        0 => Vec::new(),
        port => arguments
            .bind
            .iter()
            .map(|ip| SocketAddr::new(*ip, port))
            .collect(),
    };
    let password = arguments.requirepass_file.as_deref();
    let password = password.map(secret::read).transpose()?;
    let limits = RequestLimits::default();
    Ok(ServerOptions {
        addresses,
        unix_socket: arguments.unixsocket.clone(),
        shards: arguments::shards(arguments.shards),
        connection_threads: arguments.connection_threads.get(),
        clients_max: arguments.maxclients,
        password,
        unknown: unknown(arguments.open),
        limits: RequestLimits {
            word_bytes_max: limits.word_bytes_max.min(arguments.query_max),
            request_bytes_max: arguments.query_max,
            ..limits
        },
        folder: arguments.dir.clone(),
        file_name: arguments.dbfilename.clone(),
        files: match arguments.files {
            Files::Single => SnapshotFiles::Single,
            Files::PerShard => SnapshotFiles::PerShard,
        },
        target: arguments.rdb_version,
        compression: arguments.compress.into(),
        snapshot_budget_bytes: arguments.snapshot_budget,
        save_on_shutdown: arguments.save_on_shutdown,
        replication: replication(arguments)?,
    })
}

fn replication(arguments: &Serve) -> Result<ReplicationOptions, CommandError> {
    let asked = &arguments.replication;
    let bind = match asked.bind.as_slice() {
        [] => &arguments.bind,
        bind => bind,
    };
    let addresses = asked.port.map(|port| {
        let addresses = bind.iter().map(|ip| SocketAddr::new(*ip, port));
        addresses.collect()
    });
    let secret = asked.secret_file.as_deref();
    Ok(ReplicationOptions {
        addresses: addresses.unwrap_or_default(),
        unix_socket: asked.unixsocket.clone(),
        secret: secret.map(secret::read).transpose()?,
        unknown: unknown(asked.open),
        budget_bytes: asked.budget,
        backlog_bytes: asked.backlog,
        backlog_on_disk: asked.backlog_dir.clone().map(|folder| BacklogOnDisk {
            folder,
            bytes: asked.backlog_disk as u64,
        }),
        replica_of: asked.replicaof.clone(),
    })
}

/// Who is served that has to know nothing.
fn unknown(is_open: bool) -> Unknown {
    if is_open {
        Unknown::All
    } else {
        Unknown::OfThisMachine
    }
}
