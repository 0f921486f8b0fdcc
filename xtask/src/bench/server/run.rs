//! The parts of the bench.

use crate::bench::options::Plan;
use crate::bench::part::{self, Part};
use crate::bench::row::Row;
use crate::bench::server::turns::{self, Requests};
use crate::failure::Failure;
use crate::workspace::Workspace;

const PARTS: [Part<Requests>; 4] = [
    Part::quick(
        "quick-pipeline",
        Requests {
            count: 500_000,
            pipeline: 16,
        },
    ),
    Part::quick(
        "quick-single",
        Requests {
            count: 100_000,
            pipeline: 1,
        },
    ),
    Part::full(
        "pipeline",
        Requests {
            count: 4_000_000,
            pipeline: 16,
        },
    ),
    Part::full(
        "single",
        Requests {
            count: 300_000,
            pipeline: 1,
        },
    ),
];

/// Runs the bench.
///
/// # Errors
///
/// [`Failure`] when a part is named that the extent does not have, or when a server or our program
/// cannot do its part.
pub(crate) fn run(workspace: &Workspace, plan: &Plan) -> Result<Vec<Row>, Failure> {
    part::rows(&PARTS, workspace, plan, |forkless, requests, folder| {
        turns::rows(workspace, forkless, *requests, folder)
    })
}
