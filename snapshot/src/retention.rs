//! How many old snapshots stay, and for how long.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use aligned_io::WriteError;

use crate::name::NamePattern;

/// What follows the name of a set in the name of its manifest.
const MANIFEST: &str = ".manifest";

/// What stands around the name of a set in the name of its lock.
const LOCK: (&str, &str) = (".", ".lock");

/// Which snapshots of a series stay: the newest ones, and those that are not old enough.
///
/// The age of a snapshot is what its name tells; copying or touching a file changes nothing.
/// What has another name is never looked at.
///
/// ```
/// use std::time::{Duration, SystemTime};
/// use snapshot::{NamePattern, Retention};
///
/// let folder = tempfile::tempdir()?;
/// let pattern: NamePattern = "dump-%Y-%m-%d.rdb".parse()?;
/// for day in 1..=9 {
///     std::fs::write(folder.path().join(format!("dump-2026-11-0{day}.rdb")), "")?;
/// }
/// let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_794_268_800); // 2026-11-10
/// let retention = Retention::new().keep(2).keep_for(Duration::from_secs(4 * 86_400));
/// let removed = retention.apply(folder.path(), &pattern, now)?;
/// // From the sixth on they are younger than four days, or as old.
/// assert_eq!(removed.len(), 5);
/// assert!(removed[0].ends_with("dump-2026-11-01.rdb"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Retention {
    newest: Option<NonZeroUsize>,
    age: Option<Duration>,
}

/// Why an old snapshot was not removed. Those before it, which are older, are gone.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RetentionError {
    /// Names that do not tell their day say nothing about which of them is old.
    #[error("names without a date do not tell which snapshot is old")]
    NoDate,
    /// The folder could not be read, or a snapshot not be removed.
    #[error("{}", path.display())]
    Io {
        /// The folder or the snapshot.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A set of files could not be removed.
    #[error(transparent)]
    Set(#[from] WriteError),
}

/// One snapshot of the series.
#[derive(Debug)]
struct Found {
    time: SystemTime,
    path: PathBuf,
    kind: Kind,
    /// Whether it was published: the name of a set may be left without its manifest.
    is_whole: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// One RDB file.
    File,
    /// A set of files: the path is that of the set, which no file has.
    Set,
    /// A folder with sets of files in it.
    Folder,
}

impl Retention {
    /// Removes nothing, before it is told what stays.
    pub fn new() -> Self {
        Self::default()
    }

    /// The `newest` snapshots stay, however old; 0 leaves it to [`keep_for`](Self::keep_for).
    #[must_use]
    pub fn keep(mut self, newest: usize) -> Self {
        self.newest = NonZeroUsize::new(newest);
        self
    }

    /// Snapshots up to this age stay, however many.
    #[must_use]
    pub fn keep_for(mut self, age: Duration) -> Self {
        self.age = Some(age);
        self
    }

    /// Removes the snapshots in `folder` whose names are of this `pattern` and that no rule keeps,
    /// the oldest first: files, sets of files, and folders that hold sets and nothing else. Tells
    /// which. The newest snapshot of all stays whatever the rules say.
    ///
    /// What saves of the series that failed or were killed have left behind goes too, once it is
    /// older than what stays, and temporary files of writers that are dead at once; none of it
    /// counts as a snapshot.
    ///
    /// # Errors
    ///
    /// [`RetentionError::NoDate`] for a pattern that [tells no time](NamePattern::tells_time), and
    /// whatever stands against reading or removing.
    pub fn apply(
        &self,
        folder: &Path,
        pattern: &NamePattern,
        now: SystemTime,
    ) -> Result<Vec<PathBuf>, RetentionError> {
        if !pattern.tells_time() {
            return Err(RetentionError::NoDate);
        }
        if self.newest.is_none() && self.age.is_none() {
            return Ok(Vec::new());
        }
        let is_of_series = |name: &OsStr| name.to_str().and_then(|name| pattern.time_of(name));
        aligned_io::remove_leftovers_in(folder, |name| is_of_series(name).is_some())?;
        let mut series = series(folder, pattern)?;
        let newest = self.newest.map_or(1, NonZeroUsize::get);
        let whole = (0..series.len())
            .rev()
            .filter(|&index| series[index].is_whole);
        let first_kept = whole.take(newest).last();
        series.truncate(first_kept.unwrap_or(0));
        series.retain(|found| !self.is_young(found.time, now));
        let remove = |found: Found| {
            found.remove()?;
            Ok(found.path)
        };
        series.into_iter().map(remove).collect()
    }

    fn is_young(&self, time: SystemTime, now: SystemTime) -> bool {
        // A time to come is young.
        let age = now.duration_since(time).unwrap_or_default();
        self.age.is_some_and(|limit| age <= limit)
    }
}

impl Found {
    fn remove(&self) -> Result<(), RetentionError> {
        let failed = |source| RetentionError::Io {
            path: self.path.clone(),
            source,
        };
        match self.kind {
            Kind::File => fs::remove_file(&self.path).map_err(failed),
            Kind::Set => {
                aligned_io::remove_set(&self.path)?;
                Ok(())
            }
            Kind::Folder => {
                for set in sets_in(&self.path).map_err(failed)? {
                    aligned_io::remove_set(self.path.join(set))?;
                }
                // Only an empty one goes: what else is in it is not ours.
                fs::remove_dir(&self.path).map_err(failed)
            }
        }
    }
}

/// The set that a file belongs to, if its name is that of a set's manifest or lock.
fn set_of(name: &str) -> Option<&str> {
    let locked = || name.strip_prefix(LOCK.0)?.strip_suffix(LOCK.1);
    name.strip_suffix(MANIFEST).or_else(locked)
}

/// The sets in a folder, whole or not.
fn sets_in(folder: &Path) -> io::Result<BTreeSet<String>> {
    let mut sets = BTreeSet::new();
    for entry in fs::read_dir(folder)? {
        let name = entry?.file_name();
        sets.extend(name.to_str().and_then(set_of).map(str::to_owned));
    }
    Ok(sets)
}

/// Whether a folder holds a set that was published.
fn has_manifest(folder: &Path) -> io::Result<bool> {
    for entry in fs::read_dir(folder)? {
        if entry?.file_name().to_string_lossy().ends_with(MANIFEST) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The snapshots in `folder` whose names are of this pattern, the oldest first.
fn series(folder: &Path, pattern: &NamePattern) -> Result<Vec<Found>, RetentionError> {
    let failed = |source| RetentionError::Io {
        path: folder.to_path_buf(),
        source,
    };
    let mut series = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name();
        let Some(name) = name.to_str() else { continue };
        let kind = entry.file_type().map_err(failed)?;
        let (name, kind) = match set_of(name) {
            Some(set) if kind.is_file() => (set, Kind::Set),
            _ if kind.is_file() => (name, Kind::File),
            _ if kind.is_dir() => (name, Kind::Folder),
            _ => continue,
        };
        let Some(time) = pattern.time_of(name) else {
            continue;
        };
        let path = folder.join(name);
        let is_whole = match kind {
            Kind::File => true,
            Kind::Set => folder.join(format!("{name}{MANIFEST}")).exists(),
            Kind::Folder => has_manifest(&path).map_err(failed)?,
        };
        series.push(Found {
            time,
            path,
            kind,
            is_whole,
        });
    }
    series.sort_by(|a, b| (a.time, &a.path).cmp(&(b.time, &b.path)));
    // A set shows by its manifest and by its lock.
    series.dedup_by(|a, b| a.path == b.path && a.kind == b.kind);
    Ok(series)
}

#[cfg(test)]
mod tests {
    use aligned_io::{FileSetWriter, WriterOptions};

    use super::*;

    const DAY: Duration = Duration::from_hours(24);

    fn pattern() -> NamePattern {
        "dump-%Y%m%d".parse().unwrap()
    }

    /// The last day of November 2026, at noon.
    fn now() -> SystemTime {
        pattern().time_of("dump-20261130").unwrap() + DAY / 2
    }

    /// A folder with a file for each of these days of November, and some that are none of ours.
    fn folder(days: &[u32]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for day in days {
            fs::write(folder.path().join(format!("dump-202611{day:02}")), "x").unwrap();
        }
        for other in ["dump", "dump-20261101.bak", "notes-20261101"] {
            fs::write(folder.path().join(other), "x").unwrap();
        }
        folder
    }

    fn removed(retention: Retention, folder: &tempfile::TempDir) -> Vec<String> {
        let removed = retention.apply(folder.path(), &pattern(), now()).unwrap();
        let name = |path: PathBuf| path.file_name().unwrap().to_str().unwrap().to_owned();
        removed.into_iter().map(name).collect()
    }

    #[test]
    fn either_rule_keeps() {
        let days = [3, 9, 20, 28, 29];
        assert_eq!(removed(Retention::new(), &folder(&days)), [""; 0]);
        let newest = Retention::new().keep(3);
        let first = ["dump-20261103", "dump-20261109"];
        assert_eq!(removed(newest, &folder(&days)), first);
        let young = Retention::new().keep_for(5 * DAY);
        let old = ["dump-20261103", "dump-20261109", "dump-20261120"];
        assert_eq!(removed(young, &folder(&days)), old);
        assert_eq!(removed(young.keep(3), &folder(&days)), first);
        assert_eq!(
            removed(newest.keep_for(25 * DAY), &folder(&days)),
            first[..1]
        );
    }

    #[test]
    fn newest_stays_however_old_and_others_are_never_touched() {
        let folder = folder(&[1, 2]);
        let retention = Retention::new().keep_for(DAY);
        assert_eq!(removed(retention, &folder), ["dump-20261101"]);
        assert_eq!(removed(retention, &folder), [""; 0]);
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 4);
    }

    #[test]
    fn sets_go_whole_and_folders_when_nothing_else_is_in_them() {
        let folder = folder(&[]);
        let write_set = |path: &Path| {
            let set = FileSetWriter::begin(path).unwrap();
            let member = set.create("0.rdb", &WriterOptions::default()).unwrap();
            set.commit(vec![member.finish().unwrap()], "").unwrap();
        };
        write_set(&folder.path().join("dump-20261101"));
        for (day, other) in [("02", None), ("03", Some("mine.txt")), ("04", None)] {
            let inner = folder.path().join(format!("dump-202611{day}"));
            fs::create_dir(&inner).unwrap();
            write_set(&inner.join("dump"));
            if let Some(name) = other {
                fs::write(inner.join(name), "x").unwrap();
            }
        }
        let retention = Retention::new().keep(1);
        let error = retention
            .apply(folder.path(), &pattern(), now())
            .unwrap_err();
        match error {
            RetentionError::Io { path, source } => {
                assert!(path.ends_with("dump-20261103"), "{path:?}");
                assert_eq!(source.kind(), io::ErrorKind::DirectoryNotEmpty);
            }
            other => panic!("{other}"),
        }
        let mut left: Vec<_> = fs::read_dir(&folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        left.sort();
        let ours = ["dump-20261103", "dump-20261104"];
        assert_eq!(
            left,
            [
                "dump",
                "dump-20261101.bak",
                ours[0],
                ours[1],
                "notes-20261101"
            ]
        );
        let mine = folder.path().join("dump-20261103/mine.txt");
        assert!(mine.exists());
    }

    #[test]
    fn what_failed_saves_left_counts_for_nothing_and_goes() {
        let folder = folder(&[1, 9]);
        let path = |name: &str| folder.path().join(name);
        // A folder with a set that never was, a set that never was, and a dead writer's file.
        fs::create_dir(path("dump-20261105")).unwrap();
        drop(FileSetWriter::begin(path("dump-20261105/dump")).unwrap());
        fs::write(path("dump-20261105/.dump.lock"), "").unwrap();
        fs::write(path(".dump-20261107.lock"), "").unwrap();
        fs::write(path(".dump-20261120.4194305-0.forkless-tmp"), "half").unwrap();
        fs::write(path(".dump-20261129.lock"), "").unwrap();
        let retention = Retention::new().keep(2);
        assert_eq!(removed(retention, &folder), [""; 0]);
        assert!(!path(".dump-20261120.4194305-0.forkless-tmp").exists());
        let gone = ["dump-20261101", "dump-20261105", "dump-20261107"];
        assert_eq!(removed(Retention::new().keep(1), &folder), gone);
        assert!(path("dump-20261109").exists());
        assert!(
            path(".dump-20261129.lock").exists(),
            "somebody may be saving"
        );
        assert!(!path(".dump-20261107.lock").exists());
    }

    #[test]
    fn names_without_a_date_remove_nothing() {
        let folder = folder(&[1]);
        let hourly = "dump-%H".parse().unwrap();
        let error = Retention::new()
            .keep(1)
            .apply(folder.path(), &hourly, now());
        assert!(matches!(error, Err(RetentionError::NoDate)));
    }
}
