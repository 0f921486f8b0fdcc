//! Where the workspace and its target folder are.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::failure::Failure;

/// The workspace's root folder and the folder its builds go to, both absolute.
#[derive(Debug)]
pub(crate) struct Workspace {
    root: PathBuf,
    target: PathBuf,
}

impl Workspace {
    /// Finds the workspace that this program was started from.
    ///
    /// The target folder is `CARGO_TARGET_DIR` when that is set, else `target` in the root.
    ///
    /// # Errors
    ///
    /// [`Failure::Missing`] outside the workspace.
    pub(crate) fn find() -> Result<Self, Failure> {
        let here = match std::env::var_os("CARGO_MANIFEST_DIR") {
            Some(folder) => PathBuf::from(folder),
            None => std::env::current_dir().map_err(Failure::file(Path::new(".")))?,
        };
        let root = here
            .ancestors()
            .find(|folder| folder.join("xtask/Cargo.toml").is_file())
            .ok_or_else(|| Failure::Missing {
                what: "this folder is in no workspace with an xtask".to_owned(),
                remedy: "start `cargo xtask` inside the repository".to_owned(),
            })?
            .to_path_buf();
        let target = match std::env::var_os("CARGO_TARGET_DIR") {
            Some(folder) => std::path::absolute(&folder).map_err(Failure::file(folder.as_ref()))?,
            None => root.join("target"),
        };
        Ok(Self { root, target })
    }

    /// The folder of the workspace's manifest.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// The folder builds go to; what is measured or fetched goes there too.
    pub(crate) fn target(&self) -> &Path {
        &self.target
    }

    /// Where `setup --servers` puts real servers, one folder each.
    pub(crate) fn servers(&self) -> PathBuf {
        self.target.join("servers")
    }

    /// A new folder below the target folder: the same disk for everyone who is measured, and not a
    /// filesystem in memory.
    ///
    /// Whoever is measured has one of their own, because a server loads the file that it finds
    /// when it starts.
    ///
    /// # Errors
    ///
    /// [`Failure::File`] when there can be none.
    pub(crate) fn folder_on_disk(&self) -> Result<TempDir, Failure> {
        tempfile::tempdir_in(&self.target).map_err(Failure::file(&self.target))
    }

    /// A cargo that runs in the root, without input.
    pub(crate) fn cargo(&self, arguments: &[&str]) -> Command {
        let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut cargo = Command::new(program);
        cargo
            .args(arguments)
            .current_dir(&self.root)
            .stdin(Stdio::null());
        cargo
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_root_holds_the_workspace_manifest() {
        let workspace = Workspace::find().unwrap();
        let manifest = std::fs::read_to_string(workspace.root().join("Cargo.toml")).unwrap();
        assert!(manifest.starts_with("[workspace]"));
        assert!(workspace.target().is_absolute());
    }
}
