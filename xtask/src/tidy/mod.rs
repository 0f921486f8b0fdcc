//! `cargo xtask tidy`: the rules of `docs/style.md` that no lint can check.

mod finding;
mod manifests;
mod prose;
mod sources;
mod tree;

pub(crate) use crate::tidy::finding::Finding;

use std::path::Path;

use crate::failure::Failure;
use crate::tidy::tree::Tree;
use crate::workspace::Workspace;

/// Check layers, headings, file lengths, names, links and where `unsafe` may be.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {}

/// Runs the command.
///
/// # Errors
///
/// [`Failure::Untidy`] with every finding at once.
pub(crate) fn run(workspace: &Workspace, _options: &Options) -> Result<(), Failure> {
    check(workspace.root())
}

/// Looks at every file below `root`.
///
/// # Errors
///
/// [`Failure::Untidy`] with every finding at once, [`Failure::File`] for what cannot be read.
pub(crate) fn check(root: &Path) -> Result<(), Failure> {
    let tree = Tree::read(root)?;
    let rules = [sources::findings, manifests::findings, prose::findings];
    let mut findings = rules
        .iter()
        .flat_map(|rule| rule(&tree))
        .collect::<Vec<_>>();
    findings.sort();
    if findings.is_empty() {
        println!("{} files are tidy", tree.len());
        Ok(())
    } else {
        Err(Failure::Untidy { findings })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_workspace_is_tidy() {
        let workspace = Workspace::find().unwrap();
        if let Err(failure) = check(workspace.root()) {
            panic!("\n{failure}");
        }
    }

    #[test]
    fn all_findings_come_at_once_and_in_order() {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(root.path().join("a/src")).unwrap();
        std::fs::write(root.path().join("b.md"), "[gone](nowhere.md)\n").unwrap();
        std::fs::write(root.path().join("a/src/lib.rs"), "pub mod a;\n").unwrap();
        let Err(Failure::Untidy { findings }) = check(root.path()) else {
            panic!("an untidy tree passed");
        };
        let lines = findings.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(
            lines,
            [
                "a/src/lib.rs:1: `pub mod` in lib.rs; export the items by name",
                "a/src/lib.rs:1: the file does not open with a `//!` sentence",
                "b.md:1: the link leads nowhere: nowhere.md",
            ]
        );
    }
}
