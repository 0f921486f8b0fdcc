//! The parts of a bench, each short enough to have a machine to itself.

use std::path::Path;

use crate::bench::forkless::Forkless;
use crate::bench::options::{Extent, Plan};
use crate::bench::row::Row;
use crate::failure::Failure;
use crate::workspace::Workspace;

/// A part, its name on the command line, and what it measures.
#[derive(Debug)]
pub(crate) struct Part<M> {
    pub(crate) name: &'static str,
    pub(crate) measures: M,
    extent: Extent,
}

impl<M> Part<M> {
    /// One that runs without `--quick`.
    pub(crate) const fn full(name: &'static str, measures: M) -> Self {
        Self {
            name,
            measures,
            extent: Extent::Full,
        }
    }

    /// One that runs with it.
    pub(crate) const fn quick(name: &'static str, measures: M) -> Self {
        Self {
            name,
            measures,
            extent: Extent::Quick,
        }
    }

    fn is_meant(&self, plan: &Plan) -> bool {
        let mut named = plan.parts.iter();
        self.extent == plan.extent && (plan.parts.is_empty() || named.any(|part| part == self.name))
    }
}

/// Those of `parts` that the plan asks for.
///
/// # Errors
///
/// [`Failure::Unexpected`] when a part is named that the extent does not have: its rows would be
/// missing, and nobody told.
fn meant<'a, M>(parts: &'a [Part<M>], plan: &Plan) -> Result<Vec<&'a Part<M>>, Failure> {
    let known = parts.iter().filter(|part| part.extent == plan.extent);
    let known = known.map(|part| part.name).collect::<Vec<_>>();
    let named = plan.parts.iter().map(String::as_str);
    let strangers = named.filter(|part| !known.contains(part));
    let strangers = strangers.collect::<Vec<_>>();
    if strangers.is_empty() {
        return Ok(parts.iter().filter(|part| part.is_meant(plan)).collect());
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

/// What `measure` says of the parts that the plan asks for, each with a folder of its own, because
/// a server loads the file that it finds when it starts.
///
/// # Errors
///
/// As [`meant`], and as `measure`; when our program does not build, or there is no room for a
/// folder.
pub(crate) fn rows<M>(
    parts: &[Part<M>],
    workspace: &Workspace,
    plan: &Plan,
    measure: impl Fn(&Forkless, &M, &Path) -> Result<Vec<Row>, Failure>,
) -> Result<Vec<Row>, Failure> {
    let parts = meant(parts, plan)?;
    let forkless = Forkless::build(workspace)?;
    let mut rows = Vec::new();
    for part in parts {
        eprintln!("{}", part.name);
        let folder = workspace.folder_on_disk()?;
        rows.extend(measure(&forkless, &part.measures, folder.path())?);
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARTS: [Part<u32>; 4] = [
        Part::quick("quick-save", 1),
        Part::full("save-16", 2),
        Part::full("load-16", 3),
        Part::full("writers", 4),
    ];

    fn plan(extent: Extent, parts: &[&str]) -> Plan {
        Plan {
            extent,
            parts: parts.iter().map(|part| (*part).to_owned()).collect(),
        }
    }

    fn measured(plan: &Plan) -> Vec<u32> {
        let parts = meant(&PARTS, plan).unwrap();
        parts.iter().map(|part| part.measures).collect()
    }

    #[test]
    fn a_part_is_run_by_its_name_or_with_all_of_its_extent() {
        assert_eq!(
            measured(&plan(Extent::Full, &["writers", "save-16"])),
            [2, 4]
        );
        assert_eq!(measured(&plan(Extent::Full, &[])), [2, 3, 4]);
        assert_eq!(measured(&plan(Extent::Quick, &[])), [1]);
    }

    #[test]
    fn a_part_that_is_not_there_is_told_with_those_that_are() {
        // Also beside one that is, and where it is a part of the other extent.
        for (parts, stranger) in [
            (&["save-17"][..], "save-17; "),
            (&["save-16", "save-17"], "save-17; "),
            (&["quick-save"], "quick-save; "),
        ] {
            let refused = meant(&PARTS, &plan(Extent::Full, parts)).unwrap_err();
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
