//! The entrance: where those who have connected wait until they have proved themselves, not many
//! at once and not for ever.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::connection::Connection;
use crate::sync::{Condvar, Mutex, now};

/// How many may shake hands at once. Each takes a thread and, at most, what a handshake takes.
pub(super) const GUESTS_MAX: usize = 64;

/// For how long nobody is turned away.
const GRACE_MAX: Duration = Duration::from_secs(1);

/// Bounds how many shake hands at once: when all places are taken, whoever comes waits until one
/// is left, or somebody has been there for too long without a proof and is turned away.
#[derive(Debug)]
pub(super) struct Entrance {
    guests: Mutex<Guests>,
    left: Condvar,
    grace: Duration,
}

#[derive(Debug, Default)]
struct Guests {
    next: u64,
    /// In the order in which they came.
    inside: BTreeMap<u64, Guest>,
    is_closed: bool,
}

#[derive(Debug)]
struct Guest {
    since: Instant,
    /// `None` once it has proved itself: then it stays until it leaves.
    stranger: Option<Connection>,
}

/// The place of one guest; dropped, it leaves.
#[derive(Debug)]
pub(super) struct Pass {
    entrance: Arc<Entrance>,
    guest: u64,
    /// When it must have left.
    deadline: Instant,
}

impl Entrance {
    /// One whose guests may take so long for the whole handshake.
    pub(super) fn new(silence: Duration) -> Self {
        Self {
            guests: Mutex::new(Guests::default()),
            left: Condvar::new(),
            grace: (silence / 10).min(GRACE_MAX),
        }
    }

    /// Waits for a place; `None` if it is closed. The longest-standing stranger is turned away for
    /// it, if all are taken and it has had its time.
    ///
    /// # Errors
    ///
    /// When the connection cannot be held on to.
    pub(super) fn enter(
        self: &Arc<Self>,
        connection: &Connection,
        silence: Duration,
    ) -> io::Result<Option<Pass>> {
        let connection = connection.again()?;
        let mut guests = self.guests.lock();
        while guests.inside.len() >= GUESTS_MAX && !guests.is_closed {
            let mut strangers = guests.inside.iter();
            let oldest = strangers.find(|(_, guest)| guest.stranger.is_some());
            let until = oldest.map(|(&id, guest)| (id, guest.since + self.grace));
            match until {
                Some((id, until)) if until <= now() => {
                    let turned_away = guests.inside.remove(&id).and_then(|guest| guest.stranger);
                    if let Some(connection) = turned_away {
                        connection.hear_nothing();
                    }
                }
                _ => guests = self.left.wait_until(guests, until.map(|(_, until)| until)),
            }
        }
        if guests.is_closed {
            return Ok(None);
        }
        let since = now();
        let id = guests.next;
        guests.next += 1;
        let stranger = Some(connection);
        guests.inside.insert(id, Guest { since, stranger });
        Ok(Some(Pass {
            entrance: Arc::clone(self),
            guest: id,
            deadline: since + silence,
        }))
    }

    /// Lets nobody in any more.
    pub(super) fn close(&self) {
        self.guests.lock().is_closed = true;
        self.left.notify_all();
    }
}

impl Pass {
    /// The time that is left for the handshake.
    pub(super) fn time_left(&self) -> Duration {
        self.deadline.saturating_duration_since(now())
    }

    /// The guest has proved itself, and is not turned away any more.
    pub(super) fn prove(&self) {
        let mut guests = self.entrance.guests.lock();
        if let Some(guest) = guests.inside.get_mut(&self.guest) {
            guest.stranger = None;
        }
    }

    /// Whether others needed the place.
    pub(super) fn is_turned_away(&self) -> bool {
        !self.entrance.guests.lock().inside.contains_key(&self.guest)
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        self.entrance.guests.lock().inside.remove(&self.guest);
        self.entrance.left.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::os::unix::net::UnixStream;
    use std::thread::scope;

    use super::*;

    /// Both ends of a connection: the guest's, and the one that is let in.
    fn connection() -> (UnixStream, Connection) {
        let (guest, host) = UnixStream::pair().unwrap();
        (guest, Connection::Unix(host))
    }

    fn enter(entrance: &Arc<Entrance>, host: &Connection) -> Pass {
        let pass = entrance.enter(host, Duration::from_mins(10));
        pass.unwrap().unwrap()
    }

    #[test]
    fn stranger_who_is_there_for_longest_makes_room() {
        let entrance = Arc::new(Entrance::new(Duration::from_millis(10)));
        let connections: Vec<_> = (0..=GUESTS_MAX).map(|_| connection()).collect();
        let enter = |(_, host): &(_, Connection)| enter(&entrance, host);
        let mut passes: Vec<Pass> = connections[..GUESTS_MAX].iter().map(enter).collect();
        passes[0].prove();
        passes.push(enter(&connections[GUESTS_MAX]));
        let turned_away = passes.iter().map(Pass::is_turned_away);
        let turned_away: Vec<usize> = (0..)
            .zip(turned_away)
            .filter(|(_, is)| *is)
            .map(|(n, _)| n)
            .collect();
        assert_eq!(turned_away, [1]);
        let Connection::Unix(host) = &connections[1].1 else {
            panic!("it is a Unix socket");
        };
        assert_eq!((&*host).read(&mut [0]).unwrap(), 0);
    }

    #[test]
    fn guest_who_comes_to_a_full_house_waits_until_one_leaves() {
        let entrance = Arc::new(Entrance::new(Duration::from_hours(1)));
        let connections: Vec<_> = (0..=GUESTS_MAX).map(|_| connection()).collect();
        let enter = |(_, host): &(_, Connection)| enter(&entrance, host);
        let mut passes: Vec<Pass> = connections[..GUESTS_MAX].iter().map(enter).collect();
        // So that only who leaves makes room.
        passes.iter().for_each(Pass::prove);
        scope(|scope| {
            let last = scope.spawn(|| enter(&connections[GUESTS_MAX]));
            passes.pop();
            assert!(!last.join().unwrap().is_turned_away());
        });
        assert!(!passes.iter().any(Pass::is_turned_away));
    }

    #[test]
    fn nobody_waits_at_an_entrance_that_is_closed() {
        let entrance = Arc::new(Entrance::new(Duration::from_hours(1)));
        let connections: Vec<_> = (0..=GUESTS_MAX).map(|_| connection()).collect();
        let enter = |(_, host): &(_, Connection)| enter(&entrance, host);
        let _passes: Vec<Pass> = connections[..GUESTS_MAX].iter().map(enter).collect();
        scope(|scope| {
            let silence = Duration::from_mins(10);
            let (entrance, host) = (&entrance, &connections[GUESTS_MAX].1);
            let last = scope.spawn(move || entrance.enter(host, silence));
            entrance.close();
            assert!(last.join().unwrap().unwrap().is_none());
        });
    }
}
