//! A disk that forgets what was not synced when its power fails, for tests.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::io::Errno;

use crate::split_mix::SplitMix;
use crate::sync::Mutex;
use crate::unsynced::{Change, Content, NameChange, usize_of};

/// One directory on a disk whose power can fail, in memory beside the real one.
///
/// Every write, cut, fsync and change of a name that goes through it is one step. At the step that
/// was chosen the power fails: that step may or may not have an effect, and from there on
/// everything fails with `EIO`. [`restore`](Self::restore) then makes the real directory what
/// the disk may hold once the power is back:
///
/// - of each file, what its last fsync covered, and of later writes and cuts any subset, each
///   write whole, torn between two sectors, or not at all;
/// - of the names, what the last fsync of the directory covered, and of later changes any subset.
///   Real file systems keep these in order; who is safe here relies on nothing that they do not
///   promise.
///
/// [`restart`](Self::restart) is the milder thing: the process was killed, and nothing is lost,
/// but nothing more is durable either. [`lose_sync`](Self::lose_sync) makes the disk lie, which
/// shows whether a check would find a program that left out that fsync.
///
/// A clone is another handle to the same disk. Give one to [`Faults`](crate::Faults) and create
/// writers with [`create_faulty`](crate::WriterOptions::create_faulty).
#[derive(Clone, Debug)]
pub struct VolatileDisk {
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    path: PathBuf,
    random: SplitMix,
    /// How many steps were taken.
    steps: u64,
    fails_at: Option<u64>,
    is_off: bool,
    /// How many fsyncs were asked for.
    syncs: u64,
    loses_sync: Option<u64>,
    lacks_rename_new: bool,
    /// The files, each by its place in this list, which never changes.
    files: Vec<Content>,
    /// Which file of the list an inode is.
    inodes: BTreeMap<u64, usize>,
    /// The names that survive whatever comes.
    names: BTreeMap<OsString, usize>,
    /// What was changed since the directory was synced, in order.
    changes: Vec<NameChange>,
}

impl VolatileDisk {
    /// Takes over `directory`, in which all files are whole and durable so far. Folders in it are
    /// left alone. `seed` decides what survives.
    ///
    /// # Errors
    ///
    /// When the directory or a file in it cannot be read.
    pub fn new(directory: impl AsRef<Path>, seed: u64) -> io::Result<Self> {
        let mut state = State {
            path: directory.as_ref().to_path_buf(),
            random: SplitMix::new(seed),
            steps: 0,
            fails_at: None,
            is_off: false,
            syncs: 0,
            loses_sync: None,
            lacks_rename_new: false,
            files: Vec::new(),
            inodes: BTreeMap::new(),
            names: BTreeMap::new(),
            changes: Vec::new(),
        };
        for entry in fs::read_dir(&state.path)? {
            let entry = entry?;
            if entry.file_type()?.is_file() {
                let file = state.file(&File::open(entry.path())?)?;
                state.files[file].durable = fs::read(entry.path())?;
                state.names.insert(entry.file_name(), file);
            }
        }
        let state = Arc::new(Mutex::new(state));
        Ok(Self { state })
    }

    /// Has the power fail at step number `step`, counted from 0.
    pub fn fail_at(&self, step: u64) {
        self.state.lock().fails_at = Some(step);
    }

    /// How many steps were taken, the one that failed included.
    pub fn steps(&self) -> u64 {
        self.state.lock().steps
    }

    /// Whether the power has failed.
    pub fn is_off(&self) -> bool {
        self.state.lock().is_off
    }

    /// Makes the real directory what the disk may hold after a power failure right now, and goes
    /// on from there with the power back.
    ///
    /// # Errors
    ///
    /// When the real directory cannot be changed.
    pub fn restore(&self) -> io::Result<()> {
        let state = &mut *self.state.lock();
        for change in std::mem::take(&mut state.changes) {
            if state.random.below(2) == 0 {
                change.apply(&mut state.names);
            }
        }
        for file in &mut state.files {
            file.lose_power(&mut state.random);
        }
        state.show()
    }

    /// Makes the real directory what it is after the process was killed right now, and goes on
    /// from there: everything that was done is there, and may still be lost to a power failure.
    ///
    /// # Errors
    ///
    /// When the real directory cannot be changed.
    pub fn restart(&self) -> io::Result<()> {
        self.state.lock().show()
    }

    /// Has fsync number `sync`, counted from 0, of a file or of the directory, succeed without
    /// any effect.
    pub fn lose_sync(&self, sync: u64) {
        self.state.lock().loses_sync = Some(sync);
    }

    /// Has the file system not know how to rename a file without replacing another one
    /// (`RENAME_NOREPLACE`), as NFS does not: it takes two steps then.
    pub fn forbid_rename_new(&self) {
        self.state.lock().lacks_rename_new = true;
    }

    /// Whether it cannot rename a file without replacing another one.
    pub(crate) fn lacks_rename_new(&self) -> bool {
        self.state.lock().lacks_rename_new
    }

    /// How many fsyncs were asked for.
    pub fn syncs(&self) -> u64 {
        self.state.lock().syncs
    }

    /// A write was handed to the disk.
    pub(crate) fn write(&self, file: &File, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let (offset, bytes) = (usize_of(offset), bytes.to_vec());
        self.change(file, Change::Write { offset, bytes })
    }

    /// A file was cut, or extended with zeros.
    pub(crate) fn cut(&self, file: &File, length: u64) -> io::Result<()> {
        let length = usize_of(length);
        self.change(file, Change::Cut { length })
    }

    /// A file was synced.
    pub(crate) fn sync(&self, file: &File) -> io::Result<()> {
        let state = &mut *self.state.lock();
        let file = state.file(file)?;
        state.step()?;
        if state.is_sync_kept() {
            let content = &mut state.files[file];
            for change in content.pending.drain(..) {
                change.apply(&mut content.durable);
            }
        }
        // The step at which the power fails may have its effect all the same.
        state.outcome()
    }

    fn change(&self, file: &File, change: Change) -> io::Result<()> {
        let state = &mut *self.state.lock();
        let file = state.file(file)?;
        state.step()?;
        state.files[file].pending.push(change);
        state.outcome()
    }
}

/// What becomes of the names: each of these is told after it was done to the real directory.
impl VolatileDisk {
    fn change_name(&self, change: NameChange) -> io::Result<()> {
        let state = &mut *self.state.lock();
        state.step()?;
        state.changes.push(change);
        state.outcome()
    }

    /// An empty file was created.
    pub(crate) fn create(&self, name: &OsStr, file: &File) -> io::Result<()> {
        // The inode may be that of a file that was removed before.
        let file = self.state.lock().new_file(file)?;
        let name = name.to_os_string();
        self.change_name(NameChange::Add { name, file })
    }

    /// A file was given a second name.
    pub(crate) fn link(&self, from: &OsStr, to: &OsStr) -> io::Result<()> {
        let file = self.state.lock().file_named(from)?;
        let name = to.to_os_string();
        self.change_name(NameChange::Add { name, file })
    }

    /// A name was removed.
    pub(crate) fn remove(&self, name: &OsStr) -> io::Result<()> {
        let file = self.state.lock().file_named(name)?;
        let name = name.to_os_string();
        self.change_name(NameChange::Remove { name, file })
    }

    /// A file was renamed, replacing what stood under the new name.
    pub(crate) fn rename(&self, from: &OsStr, to: &OsStr) -> io::Result<()> {
        let file = self.state.lock().file_named(from)?;
        let (from, to) = (from.to_os_string(), to.to_os_string());
        self.change_name(NameChange::Rename { from, to, file })
    }

    /// The directory was synced.
    pub(crate) fn sync_directory(&self) -> io::Result<()> {
        let state = &mut *self.state.lock();
        state.step()?;
        if state.is_sync_kept() {
            state.names = state.seen();
            state.changes.clear();
        }
        state.outcome()
    }
}

impl State {
    /// Counts a step; refuses it when the power is off. At the step at which the power fails, a
    /// coin decides whether it has an effect.
    fn step(&mut self) -> io::Result<()> {
        if self.is_off {
            return Err(Errno::IO.into());
        }
        self.is_off = self.fails_at == Some(self.steps);
        self.steps += 1;
        if self.is_off && self.random.below(2) == 0 {
            return Err(Errno::IO.into());
        }
        Ok(())
    }

    /// Counts an fsync: whether it has an effect.
    fn is_sync_kept(&mut self) -> bool {
        let number = self.syncs;
        self.syncs += 1;
        self.loses_sync != Some(number)
    }

    /// The names as the process sees them.
    fn seen(&self) -> BTreeMap<OsString, usize> {
        let mut names = self.names.clone();
        for change in &self.changes {
            change.apply(&mut names);
        }
        names
    }

    fn file_named(&self, name: &OsStr) -> io::Result<usize> {
        let found = self.seen().get(name).copied();
        found.ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    /// Makes the real directory what the process sees, with the power back.
    fn show(&mut self) -> io::Result<()> {
        for entry in fs::read_dir(&self.path)? {
            let entry = entry?;
            if entry.file_type()?.is_file() {
                fs::remove_file(entry.path())?;
            }
        }
        self.inodes.clear();
        for (name, file) in self.seen() {
            let path = self.path.join(name);
            fs::write(&path, self.files[file].seen())?;
            self.inodes.insert(inode(&File::open(path)?)?, file);
        }
        (self.is_off, self.fails_at) = (false, None);
        Ok(())
    }

    fn outcome(&self) -> io::Result<()> {
        if self.is_off {
            return Err(Errno::IO.into());
        }
        Ok(())
    }

    fn file(&mut self, file: &File) -> io::Result<usize> {
        match self.inodes.get(&inode(file)?) {
            Some(&file) => Ok(file),
            None => self.new_file(file),
        }
    }

    fn new_file(&mut self, file: &File) -> io::Result<usize> {
        let number = self.files.len();
        self.inodes.insert(inode(file)?, number);
        self.files.push(Content::default());
        Ok(number)
    }
}

fn inode(file: &File) -> io::Result<u64> {
    Ok(rustix::fs::fstat(file)?.st_ino)
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    const OLD: &[u8] = b"old";
    const SEEDS: u64 = 100;

    /// A disk with one file `name`, and a new file `temp` beside it, which is written: before,
    /// after or instead of each step the power may fail.
    fn disk(seed: u64) -> (TempDir, VolatileDisk, File) {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("name"), OLD).unwrap();
        let disk = VolatileDisk::new(directory.path(), seed).unwrap();
        let file = File::create(directory.path().join("temp")).unwrap();
        disk.create(OsStr::new("temp"), &file).unwrap();
        disk.write(&file, 0, &[7; 2000]).unwrap();
        (directory, disk, file)
    }

    fn rename(disk: &VolatileDisk) -> io::Result<()> {
        disk.rename(OsStr::new("temp"), OsStr::new("name"))
    }

    /// The different contents of `name` after a power failure, over many seeds.
    fn outcomes(steps: impl Fn(&VolatileDisk, &File)) -> Vec<Vec<u8>> {
        let mut found = Vec::new();
        for seed in 0..SEEDS {
            let (directory, disk, file) = disk(seed);
            steps(&disk, &file);
            disk.restore().unwrap();
            let content = fs::read(directory.path().join("name")).unwrap();
            if !found.contains(&content) {
                found.push(content);
            }
        }
        found
    }

    #[test]
    fn what_was_synced_survives() {
        let found = outcomes(|disk, file| {
            disk.sync(file).unwrap();
            rename(disk).unwrap();
            disk.sync_directory().unwrap();
        });
        assert_eq!(found, [vec![7; 2000]]);
    }

    #[test]
    fn name_that_was_not_synced_is_the_old_file_or_the_new_one() {
        let mut found = outcomes(|disk, file| {
            disk.sync(file).unwrap();
            rename(disk).unwrap();
        });
        found.sort();
        assert_eq!(found, [vec![7; 2000], OLD.to_vec()]);
    }

    #[test]
    fn content_that_was_not_synced_is_lost_in_many_ways() {
        let found = outcomes(|disk, _| {
            rename(disk).unwrap();
            disk.sync_directory().unwrap();
        });
        assert!(found.contains(&vec![7; 2000]));
        assert!(found.contains(&Vec::new()));
        let torn = |content: &Vec<u8>| content.len() == 2000 && content[0] == 0;
        assert!(found.iter().any(torn), "no write was torn");
    }

    #[test]
    fn removed_name_that_was_not_synced_may_come_back() {
        for (synced, outcomes) in [(false, 2), (true, 1)] {
            let mut found = [false; 2];
            for seed in 0..SEEDS {
                let (directory, disk, _file) = disk(seed);
                disk.remove(OsStr::new("name")).unwrap();
                if synced {
                    disk.sync_directory().unwrap();
                }
                disk.restore().unwrap();
                let is_back = directory.path().join("name").exists();
                found[usize::from(is_back)] = true;
            }
            assert!(found[0], "the name never went");
            assert_eq!(found.iter().filter(|&&found| found).count(), outcomes);
        }
    }

    #[test]
    fn power_fails_at_the_step_that_was_chosen_and_stays_off() {
        let (directory, disk, file) = disk(1);
        disk.fail_at(3);
        disk.cut(&file, 1000).unwrap();
        assert!(disk.sync(&file).is_err());
        assert!(disk.is_off());
        assert!(rename(&disk).is_err());
        assert_eq!(disk.steps(), 4);
        disk.restore().unwrap();
        assert_eq!(fs::read(directory.path().join("name")).unwrap(), OLD);
        assert!(!disk.is_off());
    }

    #[test]
    fn writes_and_cuts_add_up_as_they_do_on_a_disk() {
        let (directory, disk, file) = disk(1);
        disk.cut(&file, 10).unwrap();
        disk.write(&file, 12, &[8; 2]).unwrap();
        disk.sync(&file).unwrap();
        rename(&disk).unwrap();
        disk.sync_directory().unwrap();
        disk.restore().unwrap();
        let expected = [[7; 10].as_slice(), &[0; 2], &[8; 2]].concat();
        assert_eq!(fs::read(directory.path().join("name")).unwrap(), expected);
    }
}
