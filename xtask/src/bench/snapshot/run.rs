//! The parts of the bench, each short enough to have a machine to itself.

use tempfile::TempDir;

use crate::bench::forkless::Forkless;
use crate::bench::options::{Extent, Plan};
use crate::bench::row::Row;
use crate::bench::snapshot::data::{COLLECTIONS, DataSet, HUGE, LARGE, MIDDLE, QUICK, SMALL};
use crate::bench::snapshot::{against, scaling, writers};
use crate::failure::Failure;
use crate::workspace::Workspace;

/// A part, and its name on the command line.
#[derive(Debug)]
struct Part {
    name: &'static str,
    extent: Extent,
    measures: Measures,
}

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

const fn full(name: &'static str, measures: Measures) -> Part {
    Part {
        name,
        extent: Extent::Full,
        measures,
    }
}

const fn quick(name: &'static str, measures: Measures) -> Part {
    Part {
        name,
        extent: Extent::Quick,
        measures,
    }
}

/// All parts of both extents.
const PARTS: [Part; 17] = [
    quick("quick-save", Measures::Saving(QUICK)),
    quick("quick-load", Measures::Loading(QUICK)),
    quick("quick-writers", Measures::Writers(QUICK, None)),
    quick(
        "quick-paced-writers",
        Measures::Writers(QUICK, Some(BELOW_SATURATION)),
    ),
    full("save-16", Measures::Saving(SMALL)),
    full("load-16", Measures::Loading(SMALL)),
    full("save-100", Measures::Saving(MIDDLE)),
    full("load-100", Measures::Loading(MIDDLE)),
    full("save-1k", Measures::Saving(LARGE)),
    full("load-1k", Measures::Loading(LARGE)),
    full("save-100k", Measures::Saving(HUGE)),
    full("load-100k", Measures::Loading(HUGE)),
    full("save-mixed", Measures::Saving(COLLECTIONS)),
    full("load-mixed", Measures::Loading(COLLECTIONS)),
    full("scaling", Measures::Scaling(MIDDLE)),
    full("writers", Measures::Writers(MIDDLE, None)),
    full(
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
    refuse_strangers(plan)?;
    let parts = PARTS.iter().filter(|part| part.is_meant(plan));
    let forkless = Forkless::build(workspace)?;
    let mut rows = Vec::new();
    for part in parts {
        eprintln!("{}", part.name);
        let folder = folder_on_disk(workspace)?;
        let folder = folder.path();
        rows.extend(match part.measures {
            Measures::Saving(set) => against::saving(workspace, &forkless, &set, folder)?,
            Measures::Loading(set) => against::loading(workspace, &forkless, &set, folder)?,
            Measures::Scaling(set) => scaling::rows(workspace, &forkless, &set, folder)?,
            Measures::Writers(set, rate) => writers::rows(&forkless, &set, rate, folder)?,
        });
    }
    Ok(rows)
}

impl Part {
    fn is_meant(&self, plan: &Plan) -> bool {
        let mut named = plan.parts.iter();
        self.extent == plan.extent && (plan.parts.is_empty() || named.any(|part| part == self.name))
    }
}

/// Fails if a part is named that is not there: its rows would be missing, and nobody told.
fn refuse_strangers(plan: &Plan) -> Result<(), Failure> {
    let known = PARTS.iter().filter(|part| part.extent == plan.extent);
    let known = known.map(|part| part.name).collect::<Vec<_>>();
    let named = plan.parts.iter().map(String::as_str);
    let strangers = named.filter(|part| !known.contains(part));
    let strangers = strangers.collect::<Vec<_>>();
    if strangers.is_empty() {
        return Ok(());
    }
    Err(Failure::Unexpected {
        from: "--part".to_owned(),
        said: format!(
            "{}; the {} bench has {}",
            strangers.join(", "),
            plan.extent.name(),
            known.join(", ")
        ),
    })
}

/// A folder below the target folder: the same disk for everyone, and not a filesystem in memory.
///
/// Each part has its own, because a server loads the file that it finds when it starts.
fn folder_on_disk(workspace: &Workspace) -> Result<TempDir, Failure> {
    let target = workspace.target();
    tempfile::tempdir_in(target).map_err(Failure::file(target))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(extent: Extent, parts: &[&str]) -> Plan {
        Plan {
            extent,
            parts: parts.iter().map(|part| (*part).to_owned()).collect(),
        }
    }

    fn meant(plan: &Plan) -> Vec<&'static str> {
        let parts = PARTS.iter().filter(|part| part.is_meant(plan));
        parts.map(|part| part.name).collect()
    }

    #[test]
    fn a_part_is_run_by_its_name_or_with_all_of_its_extent() {
        let named = plan(Extent::Full, &["writers", "save-16"]);
        assert_eq!(meant(&named), ["save-16", "writers"]);
        let quick = meant(&plan(Extent::Quick, &[]));
        let full = meant(&plan(Extent::Full, &[]));
        assert!(!quick.is_empty() && quick.iter().all(|part| !full.contains(part)));
        assert_eq!(quick.len() + full.len(), PARTS.len());
    }

    #[test]
    fn a_part_that_is_not_there_is_told_with_those_that_are() {
        let workspace = Workspace::find().unwrap();
        // Also beside one that is, and where it is a part of the other extent.
        for (parts, stranger) in [
            (&["save-17"][..], "save-17; "),
            (&["save-16", "save-17"], "save-17; "),
            (&["quick-save"], "quick-save; "),
        ] {
            let refused = run(&workspace, &plan(Extent::Full, parts)).unwrap_err();
            let said = refused.to_string();
            let (before, there) = said.split_once(stranger).unwrap();
            assert!(!before.contains("save-16"), "{said}");
            assert!(
                there.contains("save-16") && !there.contains("quick-save"),
                "{said}"
            );
        }
    }
}
