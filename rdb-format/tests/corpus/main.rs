//! Public files of many servers, found through `FORKLESS_RDB_CORPUS`; skipped when it is unset.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod broken;
mod expected;
mod files;
mod skipped;
mod targets;
mod values;
