//! How a snapshot's budget is divided: buffers first, then half of the rest for what is on its
//! way, and half for copies.

use aligned_io::WriterOptions;
use shard_runtime::ChannelConfig;

use crate::sync::SHRINK;

/// What the system gives memory in, where it gives large pages.
const HUGE_PAGE_BYTES: usize = (2 << 20) / SHRINK;

/// A block of a file is no less, in bytes, and else no more than this part of a sink's budget.
const BLOCK_BYTES_MIN: usize = 64 << 10;
const BLOCKS_OF_BUDGET: usize = 64;

/// The shares of a snapshot with so many producers and sinks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Division {
    /// What may be on its way to each sink.
    pub(super) channel: ChannelConfig,
    /// What live values may copy, in all, in bytes.
    pub(super) copied_bytes: usize,
}

impl Division {
    /// Divides `budget_bytes`. Buffers leave the rest no less than a quarter.
    pub(super) fn new(
        budget_bytes: usize,
        file: &WriterOptions,
        (producers, sinks): (usize, usize),
    ) -> Self {
        let sinks = sinks.max(1);
        let file = for_each(budget_bytes, file, sinks);
        // An allocator that has large pages takes one more for each thread that encodes, and for
        // blobs.
        let sink = buffers_bytes(&file) + 2 * HUGE_PAGE_BYTES;
        let fixed = sinks * sink + producers * HUGE_PAGE_BYTES;
        let rest = budget_bytes - fixed.min(budget_bytes / 4 * 3);
        let capacity_bytes = rest / 2 / sinks;
        Self {
            channel: ChannelConfig {
                capacity_bytes,
                reserved_bytes: capacity_bytes / 4 * 3,
            },
            copied_bytes: rest / 2,
        }
    }
}

/// How each of so many files is written: as `file` says, in smaller blocks if the budget is small.
pub(super) fn for_each(budget_bytes: usize, file: &WriterOptions, sinks: usize) -> WriterOptions {
    let mut file = file.clone();
    let sinks = sinks.max(1);
    file.preallocate_bytes /= sinks as u64;
    while file.block_bytes > budget_bytes / sinks / BLOCKS_OF_BUDGET
        && file.block_bytes >= 2 * BLOCK_BYTES_MIN
        && file.block_bytes.is_multiple_of(2 * BLOCK_BYTES_MIN)
    {
        file.block_bytes /= 2;
    }
    file
}

/// What the buffers of one file take, in bytes.
pub(super) fn buffers_bytes(file: &WriterOptions) -> usize {
    let bytes = file.block_bytes * (file.depth + 1) / SHRINK;
    bytes.next_multiple_of(HUGE_PAGE_BYTES)
}

#[cfg(all(test, not(feature = "sim")))]
mod tests {
    use super::*;

    const MIB: usize = 1 << 20;

    #[test]
    fn buffers_and_shares_are_no_more_than_the_budget() {
        for (budget_mib, producers, sinks) in [(64, 2, 1), (64, 2, 2), (64, 4, 4), (16, 2, 1)] {
            let budget_bytes = budget_mib * MIB;
            let file = WriterOptions::default();
            let division = Division::new(budget_bytes, &file, (producers, sinks));
            let file = for_each(budget_bytes, &file, sinks);
            let buffers = sinks * buffers_bytes(&file);
            let shares = sinks * division.channel.capacity_bytes + division.copied_bytes;
            assert!(buffers + shares <= budget_bytes, "{division:?}");
            assert!(shares >= budget_bytes / 4, "{division:?}");
        }
    }

    #[test]
    fn small_budget_leaves_room_beside_small_blocks() {
        let file = WriterOptions::default();
        let blocks = |budget_bytes, sinks| for_each(budget_bytes, &file, sinks).block_bytes;
        assert_eq!(blocks(64 * MIB, 1), MIB);
        assert_eq!(blocks(16 * MIB, 1), MIB / 4);
        assert_eq!(blocks(64 * MIB, 16), MIB / 16);
        assert_eq!(blocks(1, 1), BLOCK_BYTES_MIN);
    }

    #[test]
    fn block_that_cannot_be_halved_stays() {
        let file = WriterOptions {
            block_bytes: 3 * BLOCK_BYTES_MIN,
            ..WriterOptions::default()
        };
        assert_eq!(for_each(0, &file, 1), file);
    }
}
