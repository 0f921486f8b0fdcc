//! What both sides of replication say, made of the bytes of an input.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use snapshot::{Frame, FrameKind};

/// The first bytes of whoever connects.
pub(crate) const OPENING: &[u8] = b"FORKREPL\x03\0";

/// Takes what it asks for off the front of an input; zeros behind its end.
#[derive(Debug)]
pub(crate) struct Script<'a>(&'a [u8]);

impl<'a> Script<'a> {
    pub(crate) fn of(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(crate) fn is_over(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn byte(&mut self) -> u8 {
        let (&byte, rest) = self.0.split_first().unwrap_or((&0, &[]));
        self.0 = rest;
        byte
    }

    /// Some bytes, up to 255.
    pub(crate) fn bytes(&mut self) -> &'a [u8] {
        let length = usize::from(self.byte());
        let (bytes, rest) = self.0.split_at(length.min(self.0.len()));
        self.0 = rest;
        bytes
    }

    /// A small number, or any.
    pub(crate) fn number(&mut self) -> u64 {
        match self.byte() {
            255 => {
                let mut number = [0; 8];
                number.fill_with(|| self.byte());
                u64::from_le_bytes(number)
            }
            small => small.into(),
        }
    }

    pub(crate) fn kind(&mut self) -> FrameKind {
        FrameKind::ALL[usize::from(self.byte()) % FrameKind::ALL.len()]
    }
}

/// A whole frame.
pub(crate) fn frame(kind: FrameKind, number: u64, payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    Frame::encode(&mut out, kind, number, payload);
    out
}

/// What proves that one knows `secret`.
pub(crate) fn prove(secret: &[u8], purpose: &str, parts: &[&[u8]]) -> Vec<u8> {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret) else {
        unreachable!("a key of any length will do");
    };
    mac.update(purpose.as_bytes());
    mac.update(&[0]);
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().to_vec()
}

/// The payload of a sound attach.
pub(crate) fn attach(key: &[u8], session: &[u8], stream: u16, number: u64) -> Vec<u8> {
    let subject = [session, &stream.to_le_bytes(), &number.to_le_bytes()].concat();
    let proof = prove(key, "forkless attach", &[&subject]);
    [OPENING, &subject, &proof].concat()
}
