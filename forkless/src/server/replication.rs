//! Replication of the server: those that follow it, and the one that it follows.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use shard_runtime::ShardSet;
use snapshot::{
    Address, Master, MasterOptions, Replica, ReplicaOptions, ReplicaStatistics, SessionStatistics,
};

use crate::server::error::ServerError;
use crate::server::listener::{keep_to_this_user, make_way};
use crate::server::options::{BacklogOnDisk, ReplicationOptions, Unknown};
use crate::server::shard_state::ShardState;
use crate::server::sync::Mutex;

/// Those that follow a server, and the one that it follows.
#[derive(Debug)]
pub(crate) struct Replication {
    /// What replicas connect to, until the server ends.
    master: Mutex<Option<Master<ShardState>>>,
    addresses: Vec<Address>,
    unix_socket: Option<PathBuf>,
    secret: Vec<u8>,
    following: Mutex<Option<Following>>,
}

/// A master that the server follows.
#[derive(Debug)]
struct Following {
    master: Address,
    replica: Replica<ShardState>,
}

impl Replication {
    /// Listens for replicas.
    pub(crate) fn open(
        options: &ReplicationOptions,
        shards: &Arc<ShardSet<ShardState>>,
    ) -> Result<Self, ServerError> {
        let mut is_open = options
            .addresses
            .iter()
            .filter(|address| !address.ip().to_canonical().is_loopback());
        if options.secret.is_none()
            && options.unknown == Unknown::OfThisMachine
            && let Some(&address) = is_open.next()
        {
            return Err(ServerError::OpenReplication { address });
        }
        let secret = options.secret.clone().unwrap_or_default();
        let mut master: Option<Master<ShardState>> = None;
        let mut listen = |address: Address| {
            if let Some(master) = &mut master {
                master.listen(&address)?;
            } else {
                let options = of_master(options, &secret)?;
                master = Some(Master::start(shards, &address, options)?);
            }
            Ok::<(), ServerError>(())
        };
        for address in &options.addresses {
            listen(Address::Tcp(address.to_string()))?;
        }
        if let Some(path) = &options.unix_socket {
            make_way(path)?;
            listen(Address::Unix(path.clone()))?;
            keep_to_this_user(path)?;
        }
        let addresses = master.as_ref().map(|master| master.addresses().to_vec());
        Ok(Self {
            addresses: addresses.unwrap_or_default(),
            master: Mutex::new(master),
            unix_socket: options.unix_socket.clone(),
            secret,
            following: Mutex::new(None),
        })
    }

    /// Where replicas may connect.
    pub(crate) fn addresses(&self) -> &[Address] {
        &self.addresses
    }

    /// How each replica is served.
    pub(crate) fn sessions(&self) -> Vec<SessionStatistics> {
        let master = self.master.lock();
        master.as_ref().map(Master::statistics).unwrap_or_default()
    }

    /// The master that the server follows, and how that goes.
    pub(crate) fn following(&self) -> Option<(Address, ReplicaStatistics)> {
        let following = self.following.lock();
        following
            .as_ref()
            .map(|following| (following.master.clone(), following.replica.statistics()))
    }

    /// Follows the server that listens for replicas at `master`, and no other any more.
    pub(crate) fn follow(&self, master: &Address, shards: &Arc<ShardSet<ShardState>>) {
        self.follow_nobody();
        let options = ReplicaOptions::new().secret(&self.secret);
        *self.following.lock() = Some(Following {
            master: master.clone(),
            replica: Replica::start(shards, master, options),
        });
    }

    /// Waits until nothing changes any more that a master has told.
    pub(crate) fn follow_nobody(&self) {
        // Others ask how it goes while it ends.
        let following = self.following.lock().take();
        if let Some(following) = following {
            following.replica.stop();
        }
    }

    /// Ends all of it.
    pub(crate) fn close(&self) {
        self.follow_nobody();
        // Others ask how it goes while it ends.
        let master = self.master.lock().take();
        drop(master);
        if let Some(path) = &self.unix_socket {
            // Whoever starts next removes what is left.
            drop(fs::remove_file(path));
        }
    }
}

/// What those that follow the server may take of it.
fn of_master(options: &ReplicationOptions, secret: &[u8]) -> Result<MasterOptions, ServerError> {
    // Who may come without a secret has been looked at.
    let of_master = MasterOptions::new()
        .secret(secret)
        .without_secret_for_all()
        .budget_bytes(options.budget_bytes)
        .backlog_bytes(options.backlog_bytes);
    let Some(BacklogOnDisk { folder, bytes }) = &options.backlog_on_disk else {
        return Ok(of_master);
    };
    fs::create_dir_all(folder).map_err(|source| ServerError::Folder {
        path: folder.clone(),
        source,
    })?;
    Ok(of_master.backlog_on_disk(folder, *bytes))
}
