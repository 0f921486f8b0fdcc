//! RocksDB, compiled once for all builds: ten minutes that cargo would spend for each profile.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::failure::Failure;
use crate::program;
use crate::workspace::Workspace;

/// Tells the build script of `librocksdb-sys` where a library is, instead of compiling one.
const FOLDER: &str = "ROCKSDB_LIB_DIR";

const LIBRARY: &str = "librocksdb.a";

/// Compiles RocksDB, unless that was done before or the user names another.
///
/// # Errors
///
/// [`Failure`] when it does not compile or cannot be kept.
pub(crate) fn compile(workspace: &Workspace) -> Result<(), Failure> {
    if std::env::var_os(FOLDER).is_some() {
        return Ok(());
    }
    let folder = folder(workspace)?;
    let kept = folder.join(LIBRARY);
    if kept.is_file() {
        return Ok(());
    }
    println!("compiling RocksDB, once: more than ten minutes on two cores");
    program::show(&mut workspace.cargo(&["build", "--release", "--package", "epaxos-store"]))?;
    let compiled = newest(&workspace.target().join("release/build"))?;
    fs::create_dir_all(&folder).map_err(Failure::file(&folder))?;
    let unfinished = folder.join("unfinished");
    fs::copy(&compiled, &unfinished).map_err(Failure::file(&unfinished))?;
    fs::rename(&unfinished, &kept).map_err(Failure::file(&kept))
}

/// Lets `cargo` link what [`compile`] keeps.
///
/// # Errors
///
/// [`Failure`] when the lock file cannot be read or names no RocksDB.
pub(crate) fn link(workspace: &Workspace, cargo: &mut Command) -> Result<(), Failure> {
    if std::env::var_os(FOLDER).is_none() {
        cargo
            .env(FOLDER, folder(workspace)?)
            .env("ROCKSDB_STATIC", "1");
    }
    Ok(())
}

fn folder(workspace: &Workspace) -> Result<PathBuf, Failure> {
    let lock = workspace.root().join("Cargo.lock");
    let text = fs::read_to_string(&lock).map_err(Failure::file(&lock))?;
    let version = version(&text).ok_or_else(|| Failure::Unexpected {
        from: lock.display().to_string(),
        said: "it names no librocksdb-sys".to_owned(),
    })?;
    Ok(workspace.target().join(format!("rocksdb-{version}")))
}

/// The version of `librocksdb-sys` in a lock file.
fn version(lock: &str) -> Option<&str> {
    let (_, rest) = lock.split_once("name = \"librocksdb-sys\"\nversion = \"")?;
    rest.split('"').next()
}

/// The library that a build script left last.
fn newest(build: &Path) -> Result<PathBuf, Failure> {
    let entries = fs::read_dir(build).map_err(Failure::file(build))?;
    let libraries = entries.filter_map(Result::ok).filter_map(|entry| {
        let library = entry.path().join("out").join(LIBRARY);
        let changed = fs::metadata(&library).ok()?.modified().ok()?;
        Some((changed, library))
    });
    let newest = libraries.max().map(|(_, library)| library);
    newest.ok_or_else(|| Failure::Unexpected {
        from: build.display().to_string(),
        said: format!("no {LIBRARY} after the build"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_that_of_the_lock_file() {
        let lock = "[[package]]\nname = \"librocksdb-sys\"\nversion = \"0.19.0+11.8.1\"\n";
        assert_eq!(version(lock), Some("0.19.0+11.8.1"));
        assert_eq!(version("name = \"rocksdb\"\nversion = \"0.25.0\"\n"), None);
    }

    #[test]
    fn the_library_that_was_built_last_is_taken() {
        let build = tempfile::tempdir().unwrap();
        assert!(newest(build.path()).is_err());
        for name in ["librocksdb-sys-1", "librocksdb-sys-2", "other-3"] {
            fs::create_dir_all(build.path().join(name).join("out")).unwrap();
        }
        let path = |name: &str| build.path().join(name).join("out").join(LIBRARY);
        let old = fs::File::create(path("librocksdb-sys-2")).unwrap();
        let long_ago = std::time::UNIX_EPOCH;
        old.set_modified(long_ago).unwrap();
        fs::write(path("librocksdb-sys-1"), "").unwrap();
        assert_eq!(newest(build.path()).unwrap(), path("librocksdb-sys-1"));
    }
}
