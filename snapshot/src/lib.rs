//! Point-in-time snapshots of a live sharded store, without fork and without waiting writes.
