//! What happens to bytes between a master and its replicas.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use shard_runtime::SimulationHandle;
use snapshot::{Frame, FrameKind, SimulatedNetwork, SimulatedPassage, Towards};

use crate::clients::pick;

/// What may happen to connections in a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Climate {
    /// Nothing but that bytes take their time.
    Fair,
    /// Connections break, freeze and damage bytes; all of it can be mended without beginning anew.
    Rough,
    /// Frames are repeated, lost and swapped besides, with sound checksums; budgets are small, and
    /// masters die.
    Foul,
}

/// One passage in so many suffers each of these; none if it is 0.
#[derive(Debug, Clone, Copy)]
struct Odds {
    breaks: u64,
    damage: u64,
    freezes: u64,
    tampering: u64,
}

/// The weather in a network, and what it has seen pass.
#[derive(Debug, Clone)]
pub(crate) struct Weather(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    odds: Odds,
    delay_us_max: u64,
    /// Connections up to this number are dead.
    dead: u64,
    last_connection: u64,
    /// What connections have begun with, if it was an attach, by their numbers.
    attaches: BTreeMap<u64, Vec<u8>>,
    /// How often each attach was honoured.
    honoured: BTreeMap<Vec<u8>, u64>,
    tampered: u64,
}

impl Weather {
    pub(crate) fn of_seed(sim: SimulationHandle, climate: Climate) -> Self {
        let odds = |all: &[u64]| match climate {
            Climate::Fair => 0,
            Climate::Rough | Climate::Foul => pick(sim, all),
        };
        let odds = Odds {
            breaks: odds(&[0, 20, 100, 400]),
            damage: odds(&[0, 0, 40, 400]),
            freezes: odds(&[0, 0, 100, 1000]),
            tampering: match climate {
                Climate::Foul => pick(sim, &[0, 20, 200]),
                _ => 0,
            },
        };
        Self(Arc::new(Mutex::new(State {
            odds,
            delay_us_max: pick(sim, &[50, 1000, 10_000]),
            dead: 0,
            last_connection: 0,
            attaches: BTreeMap::new(),
            honoured: BTreeMap::new(),
            tampered: 0,
        })))
    }

    /// A network with this weather.
    pub(crate) fn network(&self, sim: SimulationHandle) -> SimulatedNetwork {
        let weather = self.clone();
        SimulatedNetwork::new(move |passage| weather.state().pass(sim, passage))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    /// From now on nothing happens to anything.
    pub(crate) fn calm(&self) {
        let mut state = self.state();
        state.odds = Odds {
            breaks: 0,
            damage: 0,
            freezes: 0,
            tampering: 0,
        };
        state.delay_us_max = 50;
    }

    /// All connections that there are carry nothing any more.
    pub(crate) fn kill(&self) {
        let mut state = self.state();
        state.dead = state.last_connection;
    }

    /// An attach that somebody has sent.
    pub(crate) fn overheard(&self, sim: SimulationHandle) -> Option<Vec<u8>> {
        let state = self.state();
        let count = u64::try_from(state.attaches.len()).unwrap();
        let index = usize::try_from(sim.below(count)).unwrap();
        state.attaches.values().nth(index).cloned()
    }

    /// Frames that came, with sound checksums, other than they were sent.
    pub(crate) fn tampered(&self) -> u64 {
        self.state().tampered
    }

    /// # Panics
    ///
    /// When two connections were given a stream for the same attach.
    pub(crate) fn assert_none_was_honoured_twice(&self) {
        let state = self.state();
        let most = state.honoured.values().max();
        assert!(
            most.is_none_or(|&most| most == 1),
            "{most:?} for one attach"
        );
    }
}

impl State {
    fn pass(&mut self, sim: SimulationHandle, passage: &mut SimulatedPassage) {
        self.listen(passage);
        passage.after = Duration::from_micros(sim.below(self.delay_us_max));
        if passage.connection <= self.dead {
            passage.bytes.clear();
            passage.breaks = true;
            return;
        }
        let happens = |one_in: u64| one_in > 0 && sim.below(one_in) == 0;
        let any = |bytes: &[u8]| {
            let place = sim.below(u64::try_from(bytes.len()).unwrap());
            usize::try_from(place).unwrap()
        };
        if happens(self.odds.tampering) && passage.towards == Towards::Replica {
            self.tampered += u64::from(tamper(sim, &mut passage.bytes));
        }
        if happens(self.odds.damage) && !passage.bytes.is_empty() {
            let place = any(&passage.bytes);
            passage.bytes[place] ^= 1 << sim.below(8);
        }
        if happens(self.odds.freezes) {
            passage.after = Duration::from_millis(sim.below(10_000));
        }
        if happens(self.odds.breaks) {
            let place = any(&passage.bytes);
            passage.bytes.truncate(place);
            passage.breaks = true;
        }
    }

    /// Notes who asks for a stream, and who is given one.
    fn listen(&mut self, passage: &SimulatedPassage) {
        let connection = passage.connection;
        self.last_connection = self.last_connection.max(connection);
        let Ok(Some((frame, _))) = Frame::split(&passage.bytes) else {
            return;
        };
        match frame.kind {
            FrameKind::Attach => {
                self.attaches.insert(connection, frame.payload.to_vec());
            }
            FrameKind::Attached => {
                if let Some(attach) = self.attaches.get(&connection) {
                    *self.honoured.entry(attach.clone()).or_default() += 1;
                }
            }
            _ => {}
        }
    }
}

/// Repeats, drops or swaps whole frames; whether it did.
fn tamper(sim: SimulationHandle, bytes: &mut Vec<u8>) -> bool {
    let mut frames = Vec::new();
    let mut rest = bytes.as_slice();
    while let Ok(Some((frame, behind))) = Frame::split(rest) {
        if !frame.kind.is_numbered() {
            return false;
        }
        frames.push(rest[..rest.len() - behind.len()].to_vec());
        rest = behind;
    }
    if frames.is_empty() {
        return false;
    }
    let index = usize::try_from(sim.below(u64::try_from(frames.len()).unwrap())).unwrap();
    match sim.below(3) {
        0 => frames.insert(index, frames[index].clone()),
        1 => drop(frames.remove(index)),
        _ if frames.len() > 1 => frames.swap(0, index.max(1)),
        _ => return false,
    }
    *bytes = frames.concat();
    true
}
