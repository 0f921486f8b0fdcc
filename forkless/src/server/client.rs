//! What is known of each client, for CLIENT and INFO.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use crate::server::sync::{AtomicU32, AtomicU64, AtomicUsize, Mutex, Ordering};

/// One client, as others may look at it.
#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) id: u64,
    /// Where it comes from.
    address: String,
    since: Instant,
    name: Mutex<Vec<u8>>,
    database: AtomicU32,
}

impl Client {
    pub(crate) fn name(&self) -> Vec<u8> {
        self.name.lock().clone()
    }

    pub(crate) fn set_name(&self, name: &[u8]) {
        *self.name.lock() = name.to_vec();
    }

    pub(crate) fn set_database(&self, database: u32) {
        // Relaxed: shown to people.
        self.database.store(database, Ordering::Relaxed);
    }

    /// One line, as CLIENT LIST has it.
    pub(crate) fn describe(&self) -> String {
        format!(
            "id={} addr={} name={} age={} db={}\n",
            self.id,
            self.address,
            String::from_utf8_lossy(&self.name()),
            self.since.elapsed().as_secs(),
            self.database.load(Ordering::Relaxed),
        )
    }
}

/// All clients.
#[derive(Debug, Default)]
pub(crate) struct Clients {
    connected: Mutex<BTreeMap<u64, Arc<Client>>>,
    accepted: AtomicU64,
    refused: AtomicU64,
    count: AtomicUsize,
}

impl Clients {
    /// Lets a client in, unless there are `max`.
    pub(crate) fn enter(&self, address: String, max: usize) -> Option<Arc<Client>> {
        // Relaxed: one thread accepts, and a client too many or too few for a moment does no harm.
        if self.count.load(Ordering::Relaxed) >= max {
            self.refuse();
            return None;
        }
        self.count.fetch_add(1, Ordering::Relaxed);
        let id = self.accepted.fetch_add(1, Ordering::Relaxed) + 1;
        let client = Arc::new(Client {
            id,
            address,
            since: Instant::now(),
            name: Mutex::new(Vec::new()),
            database: AtomicU32::new(0),
        });
        self.connected.lock().insert(id, Arc::clone(&client));
        Some(client)
    }

    /// Counts a client that is not let in.
    pub(crate) fn refuse(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn leave(&self, client: &Client) {
        if self.connected.lock().remove(&client.id).is_some() {
            self.count.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// How many there are, how many have been let in, and how many have not.
    pub(crate) fn counts(&self) -> (usize, u64, u64) {
        (
            self.count.load(Ordering::Relaxed),
            self.accepted.load(Ordering::Relaxed),
            self.refused.load(Ordering::Relaxed),
        )
    }

    /// All lines of CLIENT LIST.
    pub(crate) fn describe(&self) -> String {
        let clients = self.connected.lock();
        clients.values().map(|client| client.describe()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_beyond_the_most_stay_out_until_one_leaves() {
        let clients = Clients::default();
        let first = clients.enter("one".to_owned(), 1).unwrap();
        assert!(clients.enter("two".to_owned(), 1).is_none());
        clients.leave(&first);
        clients.leave(&first);
        let second = clients.enter("three".to_owned(), 1).unwrap();
        second.set_name(b"me");
        second.set_database(3);
        assert_eq!(clients.counts(), (1, 2, 1));
        assert_eq!(clients.describe(), "id=2 addr=three name=me age=0 db=3\n");
    }
}
