//! A network between master and replica that breaks, damages and freezes.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use shard_runtime::spawn_named;
use snapshot::Address;

/// Passes connections on, damages what passes, and cuts them off.
pub(crate) struct Proxy {
    pub(crate) address: Address,
    connections: Arc<Mutex<Vec<TcpStream>>>,
    // Bytes to pass on to the replica before one is damaged; 0 for none.
    pub(crate) damage_in: Arc<AtomicU64>,
    pub(crate) frozen: Arc<AtomicBool>,
}

impl Proxy {
    pub(crate) fn start(to: &Address) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string().parse().unwrap();
        let to = to.to_string();
        let proxy = Self {
            address,
            connections: Arc::default(),
            damage_in: Arc::default(),
            frozen: Arc::default(),
        };
        let connections = Arc::clone(&proxy.connections);
        let (damage_in, frozen) = (Arc::clone(&proxy.damage_in), Arc::clone(&proxy.frozen));
        spawn_named("proxy", move || {
            for inner in listener.incoming() {
                let inner = inner.unwrap();
                let Ok(outer) = TcpStream::connect(&to) else {
                    continue;
                };
                let mut known = connections.lock().unwrap();
                known.extend([inner.try_clone().unwrap(), outer.try_clone().unwrap()]);
                let back = (outer.try_clone().unwrap(), inner.try_clone().unwrap());
                let frozen = Arc::clone(&frozen);
                pass(inner, outer, Arc::default(), Arc::clone(&frozen));
                pass(back.0, back.1, Arc::clone(&damage_in), frozen);
            }
        });
        proxy
    }

    pub(crate) fn cut_off(&self) {
        for connection in self.connections.lock().unwrap().drain(..) {
            // It may be gone.
            drop(connection.shutdown(Shutdown::Both));
        }
    }
}

fn pass(
    mut from: TcpStream,
    mut to: TcpStream,
    damage_in: Arc<AtomicU64>,
    frozen: Arc<AtomicBool>,
) {
    spawn_named("pass", move || {
        let mut buffer = vec![0; 8192];
        loop {
            while frozen.load(Ordering::Relaxed) {
                std::thread::sleep(Duration::from_millis(5));
            }
            let Ok(read @ 1..) = from.read(&mut buffer) else {
                break;
            };
            let left = damage_in.load(Ordering::Relaxed);
            if left > 0 {
                let left = left.saturating_sub(read as u64);
                damage_in.store(left, Ordering::Relaxed);
                if left == 0 {
                    buffer[read / 2] ^= 0x10;
                }
            }
            if to.write_all(&buffer[..read]).is_err() {
                break;
            }
        }
        drop(from.shutdown(Shutdown::Both));
        drop(to.shutdown(Shutdown::Both));
    });
}
