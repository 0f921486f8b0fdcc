//! The parts of the bench, each short enough to have a machine to itself.

use crate::bench::options::Plan;
use crate::bench::part::{self, Part};
use crate::bench::row::Row;
use crate::bench::snapshot::data::{COLLECTIONS, DataSet, HUGE, LARGE, MIDDLE, QUICK, SMALL};
use crate::bench::snapshot::{against, scaling, writers};
use crate::failure::Failure;
use crate::workspace::Workspace;

#[derive(Debug)]
enum Measures {
    /// Saving against the servers, and the memory that keys take.
    Saving(DataSet),
    /// Loading against the servers.
    Loading(DataSet),
    /// One shard beside two.
    Scaling(DataSet),
    /// What writers feel: as fast as they can, or so many operations a second.
    Writers(DataSet, Option<u32>),
}

/// Operations a second that leave both cores time.
const BELOW_SATURATION: u32 = 20_000;

/// All parts of both extents.
const PARTS: [Part<Measures>; 17] = [
    Part::quick("quick-save", Measures::Saving(QUICK)),
    Part::quick("quick-load", Measures::Loading(QUICK)),
    Part::quick("quick-writers", Measures::Writers(QUICK, None)),
    Part::quick(
        "quick-paced-writers",
        Measures::Writers(QUICK, Some(BELOW_SATURATION)),
    ),
    Part::full("save-16", Measures::Saving(SMALL)),
    Part::full("load-16", Measures::Loading(SMALL)),
    Part::full("save-100", Measures::Saving(MIDDLE)),
    Part::full("load-100", Measures::Loading(MIDDLE)),
    Part::full("save-1k", Measures::Saving(LARGE)),
    Part::full("load-1k", Measures::Loading(LARGE)),
    Part::full("save-100k", Measures::Saving(HUGE)),
    Part::full("load-100k", Measures::Loading(HUGE)),
    Part::full("save-mixed", Measures::Saving(COLLECTIONS)),
    Part::full("load-mixed", Measures::Loading(COLLECTIONS)),
    Part::full("scaling", Measures::Scaling(MIDDLE)),
    Part::full("writers", Measures::Writers(MIDDLE, None)),
    Part::full(
        "paced-writers",
        Measures::Writers(MIDDLE, Some(BELOW_SATURATION)),
    ),
];

/// Runs the bench.
///
/// # Errors
///
/// [`Failure`] when a part is named that the extent does not have, or when a server or our program
/// cannot do its part.
pub(crate) fn run(workspace: &Workspace, plan: &Plan) -> Result<Vec<Row>, Failure> {
    part::rows(
        &PARTS,
        workspace,
        plan,
        |forkless, measures, folder| match measures {
            Measures::Saving(set) => against::saving(workspace, forkless, set, folder),
            Measures::Loading(set) => against::loading(workspace, forkless, set, folder),
            Measures::Scaling(set) => scaling::rows(workspace, forkless, set, folder),
            Measures::Writers(set, rate) => writers::rows(forkless, set, *rate, folder),
        },
    )
}
