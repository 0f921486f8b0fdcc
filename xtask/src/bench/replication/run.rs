//! The parts of the bench.

use crate::bench::options::Plan;
use crate::bench::part::{self, Part};
use crate::bench::replication::load::Load;
use crate::bench::replication::turns;
use crate::bench::row::Row;
use crate::failure::Failure;
use crate::workspace::Workspace;

/// Keys and values of the full extent, written to by as many as leave both cores time.
const FULL: Load = Load {
    keys: 5_000_000,
    value_bytes: 100,
    writes_per_s: 20_000,
};

const QUICK: Load = Load {
    keys: 1_000_000,
    ..FULL
};

const PARTS: [Part<Load>; 2] = [Part::quick("quick-sync", QUICK), Part::full("sync", FULL)];

/// Runs the bench.
///
/// # Errors
///
/// [`Failure`] when a part is named that the extent does not have, or when a server or our program
/// cannot do its part.
pub(crate) fn run(workspace: &Workspace, plan: &Plan) -> Result<Vec<Row>, Failure> {
    part::rows(&PARTS, workspace, plan, |forkless, load, folder| {
        turns::rows(workspace, forkless, load, folder)
    })
}
