//! The shared secret, and what proves that somebody knows it.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// A number that nobody can foresee.
pub(super) type Nonce = [u8; 32];

/// A proof: HMAC-SHA-256.
pub(super) type Proof = [u8; 32];

/// A key for HMAC-SHA-256: the shared secret, or one that a handshake has made of it.
#[derive(Clone)]
pub(super) struct Secret(Vec<u8>);

impl Secret {
    pub(super) fn new(bytes: &[u8]) -> Self {
        Self(bytes.to_vec())
    }

    /// Proves that one knows the secret, for this purpose and about these `parts`, each of which
    /// has one length only.
    pub(super) fn prove(&self, purpose: &str, parts: &[&[u8]]) -> Proof {
        self.mac(purpose, parts).finalize().into_bytes().into()
    }

    /// Whether a proof is right; takes as long whatever is wrong with it.
    pub(super) fn verifies(&self, purpose: &str, parts: &[&[u8]], proof: &Proof) -> bool {
        self.mac(purpose, parts).verify_slice(proof).is_ok()
    }

    /// The secret of one handshake, which none of those who listen can know.
    pub(super) fn of_handshake(&self, replica: &Nonce, master: &Nonce) -> Self {
        Self(self.prove("forkless key", &[replica, master]).to_vec())
    }

    fn mac(&self, purpose: &str, parts: &[&[u8]]) -> Hmac<Sha256> {
        let mac = Hmac::<Sha256>::new_from_slice(&self.0);
        let Ok(mut mac) = mac else {
            unreachable!("a key of any length will do");
        };
        mac.update(purpose.as_bytes());
        mac.update(&[0]);
        for part in parts {
            mac.update(part);
        }
        mac
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// Fills an array with what nobody can foresee.
///
/// In a simulation the seed decides.
pub(super) fn random<const N: usize>() -> std::io::Result<[u8; N]> {
    let mut bytes = [0; N];
    #[cfg(feature = "sim")]
    if let Some(simulation) = shard_runtime::SimulationHandle::current() {
        for part in bytes.chunks_mut(8) {
            part.copy_from_slice(&simulation.random().to_le_bytes()[..part.len()]);
        }
        return Ok(bytes);
    }
    getrandom::fill(&mut bytes).map_err(|error| std::io::Error::other(error.to_string()))?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proof_is_the_published_one_and_holds_for_one_purpose() {
        let secret = Secret::new(b"key");
        let proof = secret.prove("one", &[b"a", b"b"]);
        assert!(secret.verifies("one", &[b"ab"], &proof));
        assert!(!secret.verifies("two", &[b"ab"], &proof));
        assert!(!Secret::new(b"kex").verifies("one", &[b"ab"], &proof));
        // RFC 4231, case 1, without purpose: its key, and "Hi There".
        let mut mac = Hmac::<Sha256>::new_from_slice(&[0x0b; 20]).unwrap();
        mac.update(b"Hi There");
        let tag: Proof = mac.finalize().into_bytes().into();
        assert_eq!(tag[..4], [0xb0, 0x34, 0x4c, 0x61]);
    }
}
