//! What the server is: a master, or the replica of one.

use crate::server::command::Effect;
use crate::server::refusal::Refusal;
use crate::server::sync::{AtomicU32, Ordering};

/// What the server is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// Clients change its keys.
    Master,
    /// It is to show what its master has, and has not all of it yet: it shows nothing.
    Filling,
    /// It shows what its master had, which alone changes keys.
    Following,
}

/// The role of a server, which may change; a master's at first.
#[derive(Debug, Default)]
pub(crate) struct CurrentRole(AtomicU32);

const MASTER: u32 = 0;
const FILLING: u32 = 1;
const FOLLOWING: u32 = 2;

impl CurrentRole {
    #[inline]
    pub(crate) fn get(&self) -> Role {
        // Relaxed: it changes while the gate is closed, or while all shards stand still.
        match self.0.load(Ordering::Relaxed) {
            MASTER => Role::Master,
            FILLING => Role::Filling,
            _ => Role::Following,
        }
    }

    /// It has a master, and nothing of it yet.
    pub(crate) fn fill(&self) {
        self.0.store(FILLING, Ordering::Relaxed);
    }

    /// All is there that the master had.
    pub(crate) fn follow(&self) {
        // What has been promoted stays a master.
        let filled =
            self.0
                .compare_exchange(FILLING, FOLLOWING, Ordering::Relaxed, Ordering::Relaxed);
        debug_assert_ne!(filled, Err(MASTER), "a master is filled by nobody");
    }

    /// It has no master any more.
    pub(crate) fn promote(&self) {
        self.0.store(MASTER, Ordering::Relaxed);
    }
}

impl Role {
    /// Whether a command of this effect is done.
    #[inline]
    pub(crate) fn admits(self, effect: Effect) -> Result<(), Refusal> {
        match (effect, self) {
            (Effect::Nothing | Effect::Greets, _)
            | (_, Self::Master)
            | (Effect::Reads, Self::Following) => Ok(()),
            (Effect::Reads, Self::Filling) => Err(Refusal::Loading),
            (Effect::Writes, Self::Filling | Self::Following) => Err(Refusal::ReadOnly),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replica_shows_nothing_before_it_has_everything_and_is_never_written_to() {
        let role = CurrentRole::default();
        for effect in [Effect::Reads, Effect::Writes, Effect::Nothing] {
            assert!(role.get().admits(effect).is_ok());
        }
        role.fill();
        let refused = |effect| role.get().admits(effect).unwrap_err().to_string();
        assert!(refused(Effect::Reads).starts_with("LOADING "));
        assert!(refused(Effect::Writes).starts_with("READONLY "));
        role.follow();
        assert!(role.get().admits(Effect::Reads).is_ok());
        assert!(refused(Effect::Writes).starts_with("READONLY "));
        role.follow();
        role.promote();
        assert_eq!(role.get(), Role::Master);
    }
}
