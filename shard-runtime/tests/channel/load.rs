//! A message that weighs what it says, and the bounds of a channel for such.

use shard_runtime::{ChannelConfig, TrySendError, Weighted};

/// Number `number` of a producer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Load {
    pub(crate) producer: usize,
    pub(crate) number: usize,
    pub(crate) weight: usize,
}

impl Weighted for Load {
    fn weight_bytes(&self) -> usize {
        self.weight
    }
}

pub(crate) fn load(weight: usize) -> Load {
    Load {
        producer: 0,
        number: 0,
        weight,
    }
}

pub(crate) fn bounds(capacity_bytes: usize, reserved_bytes: usize) -> ChannelConfig {
    ChannelConfig {
        capacity_bytes,
        reserved_bytes,
    }
}

pub(crate) fn is_full(result: &Result<(), TrySendError<Load>>) -> bool {
    matches!(result, Err(TrySendError::Full(_)))
}
