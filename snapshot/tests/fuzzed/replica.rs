//! Whatever a master says to a replica: it shows nothing before a cut, lives, and follows the next
//! master that speaks well.

use std::collections::BTreeSet;

use shard_runtime::SimulationHandle;
use snapshot::{FrameKind, SimulatedListener, SimulatedSocket};

use super::peer::{Script, frame, prove};
use super::world::{
    Contents, MOMENT, Shards, assert_equal, contents, hear, master, network, replica, shards,
    simulate,
};

/// Handshakes in one input.
const HANDSHAKES_MAX: usize = 4;

/// Is a master that says what the bytes spell; then there comes a sound one. Returns what was shown
/// before that.
pub(crate) fn check(bytes: &[u8]) -> Contents {
    let bytes = bytes.to_vec();
    simulate(move |sim| {
        let network = network();
        let copy = shards(2, &["before"]);
        let before = contents(&copy);
        let Ok(listener) = network.listen() else {
            panic!("nobody else listens");
        };
        let replica = replica(&copy, &network);
        let mut liar = Liar {
            sim,
            listener,
            script: Script::of(&bytes),
            copy: &copy,
            before,
            cut: BTreeSet::new(),
            has_shown: false,
        };
        for _ in 0..HANDSHAKES_MAX {
            liar.welcome();
        }
        drop(liar);
        let shown = contents(&copy);
        let store = shards(2, &["one", "two", "three"]);
        let master = master(&store, &network);
        assert_equal(sim, &store, &copy);
        replica.stop();
        drop(master);
        shown
    })
}

/// A master that says what a script spells.
struct Liar<'a> {
    sim: SimulationHandle,
    listener: SimulatedListener,
    script: Script<'a>,
    copy: &'a Shards,
    /// What the replica has to show until all streams may have passed a cut.
    before: Contents,
    /// The streams that may have.
    cut: BTreeSet<usize>,
    /// Whether all of some session may have: then it shows something else for good.
    has_shown: bool,
}

impl Liar<'_> {
    /// Takes a replica that asks.
    fn welcome(&mut self) {
        let Some(socket) = self.listener.accept(50 * MOMENT) else {
            return;
        };
        let way = self.script.byte();
        if way == 1 {
            let (kind, number) = (self.script.kind(), self.script.number());
            let bytes = frame(kind, number, self.script.bytes());
            drop(socket.write(&bytes, MOMENT));
        }
        let Some((FrameKind::Hello, hello)) = hear(&socket) else {
            return;
        };
        let nonce: &[u8] = match way {
            2 => self.script.bytes(),
            _ => &[9; 32],
        };
        drop(socket.write(&frame(FrameKind::Challenge, 0, nonce), MOMENT));
        let Some((FrameKind::Answer, _)) = hear(&socket) else {
            return;
        };
        let proof = prove(b"", "forkless master", &[&hello[10..42], nonce]);
        let streams = u16::from(self.script.byte() % 4);
        let facts: &[u8] = match way {
            3 => self.script.bytes(),
            4 => &[11, 0, 0, 0, 0, 1, 232, 3, 0, 0],
            _ => &[11, 0, 0, 0, 0, 0, 232, 3, 0, 0],
        };
        let session = [way; 16];
        let welcome = [&proof, &session[..], &streams.to_le_bytes(), facts].concat();
        drop(socket.write(&frame(FrameKind::Welcome, 0, &welcome), MOMENT));
        self.carry(streams.into());
    }

    /// Lets the replica's connections come, and says things over them.
    fn carry(&mut self, streams: usize) {
        let mut sockets: Vec<(SimulatedSocket, u64)> = Vec::new();
        for _ in 0..streams {
            let Some(socket) = self.listener.accept(MOMENT) else {
                return;
            };
            let Some((FrameKind::Attach, attach)) = hear(&socket) else {
                return;
            };
            let attached = frame(FrameKind::Attached, 0, &[]);
            drop(socket.write(&attached, MOMENT));
            let mut number = [0; 8];
            number.copy_from_slice(&attach[28..36]);
            sockets.push((socket, u64::from_le_bytes(number)));
        }
        while !self.script.is_over() && !sockets.is_empty() {
            let way = self.script.byte();
            let stream = usize::from(way / 8) % sockets.len();
            let (socket, number) = &mut sockets[stream];
            let bytes = match way % 8 {
                0 => break,
                1 => {
                    // It may be anything.
                    self.cut.insert(stream);
                    self.script.bytes().to_vec()
                }
                2 => {
                    self.cut.insert(stream);
                    let (kind, number) = (self.script.kind(), self.script.number());
                    frame(kind, number, self.script.bytes())
                }
                3 => {
                    *number += 1;
                    self.cut.insert(stream);
                    frame(FrameKind::Cut, *number, &self.script.number().to_le_bytes())
                }
                _ => {
                    *number += 1;
                    let kind = FrameKind::ALL[usize::from(self.script.byte()) % 6];
                    frame(kind, *number, self.script.bytes())
                }
            };
            drop(socket.write(&bytes, MOMENT));
        }
        self.sim.sleep(MOMENT);
        self.has_shown |= streams > 0 && (0..streams).all(|stream| self.cut.contains(&stream));
        if !self.has_shown {
            assert_eq!(contents(self.copy), self.before, "shown before a cut");
        }
    }
}
