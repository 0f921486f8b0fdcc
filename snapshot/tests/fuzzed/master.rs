//! Whatever is said to a master, over any connections: it lives, and serves who speaks well.

use shard_runtime::SimulationHandle;
use snapshot::{FrameKind, SimulatedNetwork, SimulatedSocket};

use super::peer::{OPENING, Script, attach, frame, prove};
use super::world::{
    MOMENT, Shards, assert_equal, hear, master, network, replica, set, shards, simulate,
};

/// Connections that are open at once.
const SOCKETS_MAX: usize = 4;

/// Says to a master what the bytes spell; how many handshakes and streams it gave to that.
pub(crate) fn check(bytes: &[u8]) -> (u64, u64) {
    let bytes = bytes.to_vec();
    simulate(move |sim| {
        let network = network();
        let store = shards(2, &["one", "two", "three"]);
        let master = master(&store, &network);
        let mut script = Script::of(&bytes);
        let mut talk = Talk::new(sim, &network);
        while !script.is_over() {
            talk.say(&mut script, &store);
        }
        let given = (talk.welcomes, talk.streams);
        drop(talk);
        let copy = shards(1, &["before"]);
        let replica = replica(&copy, &network);
        assert_equal(sim, &store, &copy);
        replica.stop();
        drop(master);
        given
    })
}

/// What somebody has with a master.
struct Talk<'a> {
    sim: SimulationHandle,
    network: &'a SimulatedNetwork,
    sockets: Vec<SimulatedSocket>,
    // Of the last handshake that was sound.
    key: Vec<u8>,
    session: Vec<u8>,
    welcomes: u64,
    streams: u64,
}

impl<'a> Talk<'a> {
    fn new(sim: SimulationHandle, network: &'a SimulatedNetwork) -> Self {
        Self {
            sim,
            network,
            sockets: Vec::new(),
            key: vec![0; 32],
            session: vec![0; 16],
            welcomes: 0,
            streams: 0,
        }
    }

    /// The next thing that the script says.
    fn say(&mut self, script: &mut Script<'_>, store: &Shards) {
        let way = script.byte();
        match way % 8 {
            0 => self.connect(),
            1 => self.write(way, script.bytes()),
            2 => {
                let (kind, number) = (script.kind(), script.number());
                self.write(way, &frame(kind, number, script.bytes()));
            }
            3 => self.shake_hands(script),
            4 => {
                let (stream, number) = (u16::from(script.byte() % 3), script.number());
                let payload = attach(&self.key, &self.session, stream, number);
                self.connect();
                self.write(u8::MAX, &frame(FrameKind::Attach, 0, &payload));
                let heard = self.sockets.last().and_then(hear);
                let is_attached = heard.is_some_and(|(kind, _)| kind == FrameKind::Attached);
                self.streams += u64::from(is_attached);
            }
            5 => {
                let numbers = [script.number(), script.number()].map(u64::to_le_bytes);
                self.write(way, &frame(FrameKind::Acknowledge, 0, &numbers.concat()));
            }
            6 => self.sim.sleep(MOMENT * u32::from(script.byte())),
            _ => set(store, script.bytes()),
        }
    }

    fn connect(&mut self) {
        if self.sockets.len() == SOCKETS_MAX {
            self.sockets.remove(0);
        }
        self.sockets.extend(self.network.connect());
    }

    /// Writes to the last connection, or to the one that `way` says.
    fn write(&self, way: u8, bytes: &[u8]) {
        let index = usize::from(way / 8).min(self.sockets.len().saturating_sub(1));
        if let Some(socket) = self.sockets.get(index) {
            // It may be closed by now.
            drop(socket.write(bytes, MOMENT));
        }
    }

    /// A handshake as it should be, but for the script's numbers.
    fn shake_hands(&mut self, script: &mut Script<'_>) {
        let way = script.byte();
        // Whole values, deltas, or what there is not.
        let (count, takes) = (u16::from(way % 4), way / 4 % 3);
        let mut hello = [OPENING, &[7; 32], &self.session, &[takes]].concat();
        hello.extend_from_slice(&count.to_le_bytes());
        for _ in 0..count {
            hello.extend_from_slice(&script.number().to_le_bytes());
        }
        let Ok(socket) = self.network.connect() else {
            return;
        };
        drop(socket.write(&frame(FrameKind::Hello, 0, &hello), MOMENT));
        let Some((FrameKind::Challenge, nonce)) = hear(&socket) else {
            return;
        };
        let proof = prove(b"", "forkless replica", &[&[7; 32], &nonce]);
        drop(socket.write(&frame(FrameKind::Answer, 0, &proof), MOMENT));
        if let Some((FrameKind::Welcome, welcome)) = hear(&socket) {
            self.key = prove(b"", "forkless key", &[&[7; 32], &nonce]);
            self.session = welcome[32..48].to_vec();
            self.welcomes += 1;
        }
    }
}
