//! The files that the rules look at, read once.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::failure::Failure;
use crate::tidy::Finding;

/// Every `.rs`, `.md` and `Cargo.toml` of a folder, and the names of all its other files.
///
/// Hidden folders and `target` folders are left out: they are not written by hand.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    /// Path from the root, with `/` between folders, and the text if it is one of ours.
    files: BTreeMap<String, String>,
}

/// One file of a [`Tree`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct File<'a> {
    pub(crate) path: &'a str,
    pub(crate) text: &'a str,
}

impl Tree {
    /// Reads the files below `root`.
    ///
    /// # Errors
    ///
    /// [`Failure::File`] for what cannot be read or is not UTF-8.
    pub(crate) fn read(root: &Path) -> Result<Self, Failure> {
        let mut tree = Self::default();
        tree.read_folder(root, "")?;
        Ok(tree)
    }

    fn read_folder(&mut self, folder: &Path, prefix: &str) -> Result<(), Failure> {
        for entry in fs::read_dir(folder).map_err(Failure::file(folder))? {
            let entry = entry.map_err(Failure::file(folder))?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let kind = entry.file_type().map_err(Failure::file(&entry.path()))?;
            let path = format!("{prefix}{name}");
            if kind.is_dir() {
                if !name.starts_with('.') && name != "target" {
                    self.read_folder(&entry.path(), &format!("{path}/"))?;
                }
            } else if is_ours(&name) {
                let text = fs::read_to_string(entry.path());
                self.files
                    .insert(path, text.map_err(Failure::file(&entry.path()))?);
            } else {
                self.files.insert(path, String::new());
            }
        }
        Ok(())
    }

    /// How many files there are.
    pub(crate) fn len(&self) -> usize {
        self.files.len()
    }

    /// The files whose name ends with `ending`, in order of their paths.
    pub(crate) fn ending<'a>(&'a self, ending: &'a str) -> impl Iterator<Item = File<'a>> {
        self.files
            .iter()
            .filter(move |(path, _)| path.ends_with(ending))
            .map(|(path, text)| File { path, text })
    }

    /// The text of one file.
    pub(crate) fn text(&self, path: &str) -> Option<&str> {
        self.files.get(path).map(String::as_str)
    }

    /// True if `path` is a file or a folder with files.
    pub(crate) fn holds(&self, path: &str) -> bool {
        let folder = format!("{}/", path.trim_end_matches('/'));
        path.is_empty()
            || self.files.contains_key(path)
            || self.files.keys().any(|file| file.starts_with(&folder))
    }
}

#[cfg(test)]
impl<const N: usize> From<[(&str, &str); N]> for Tree {
    fn from(files: [(&str, &str); N]) -> Self {
        let files = files.map(|(path, text)| (path.to_owned(), text.to_owned()));
        Self {
            files: BTreeMap::from(files),
        }
    }
}

impl File<'_> {
    /// A finding in this file; lines count from 1.
    pub(crate) fn finding(&self, line: usize, what: impl Into<String>) -> Finding {
        Finding {
            path: self.path.to_owned(),
            line,
            what: what.into(),
        }
    }

    /// The lines with their numbers, from 1.
    pub(crate) fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text
            .lines()
            .enumerate()
            .map(|(index, line)| (index + 1, line))
    }

    /// The last part of the path.
    pub(crate) fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or(self.path)
    }
}

fn is_ours(name: &str) -> bool {
    let extension = Path::new(name).extension();
    extension == Some("rs".as_ref()) || extension == Some("md".as_ref()) || name == "Cargo.toml"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn builds_and_hidden_folders_are_left_out() {
        let root = tempfile::tempdir().unwrap();
        for path in ["a/src", "target/debug", ".git", "a/fuzz/target"] {
            fs::create_dir_all(root.path().join(path)).unwrap();
            fs::write(root.path().join(path).join("x.rs"), "//! X.\n").unwrap();
        }
        let tree = Tree::read(root.path()).unwrap();
        assert_eq!(
            tree.ending(".rs").map(|file| file.path).collect::<Vec<_>>(),
            ["a/src/x.rs"]
        );
    }

    #[test]
    fn only_our_own_kinds_of_files_are_read() {
        let root = tempfile::tempdir().unwrap();
        fs::write(root.path().join("dump.rdb"), [0xff, 0xfe]).unwrap();
        let tree = Tree::read(root.path()).unwrap();
        assert!(tree.holds("dump.rdb"));
    }

    #[test]
    fn folders_are_held_as_their_files_are() {
        let tree = Tree::from([("docs/rdb.md", "")]);
        assert!(tree.holds("docs") && tree.holds("docs/") && tree.holds("docs/rdb.md"));
        assert!(!tree.holds("doc") && !tree.holds("docs/dash.md"));
    }
}
