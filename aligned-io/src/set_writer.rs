//! Several files that appear together: the files first, then the manifest that names them.

use std::ffi::OsStr;
use std::path::Path;
use std::sync::Arc;

use crate::access::{BackendChoice, Direct};
use crate::error::WriteError;
use crate::faults::Faults;
use crate::file_set::FileSet;
use crate::manifest::{MEMBERS_MAX, Manifest, is_member_name, is_note};
use crate::member_writer::{FinishedMember, MemberWriter};
use crate::options::WriterOptions;
use crate::publish::Finished;
use crate::set_lock::SetLock;
use crate::set_place::SetPlace;
use crate::temp_name::STEM_BYTES_MAX;
use crate::writer::AlignedWriter;

/// Writes a set of files that replaces the one before it as a whole, or not at all.
///
/// Until [`commit`](Self::commit) the old set stands untouched. Then the files get their names,
/// which are new ones, and the directory is synced; then a manifest that names them takes the
/// place of the old one, and the directory is synced; and then the old set's files are removed.
/// Readers believe the manifest only, so they see the old set or the new one, whole.
///
/// One writer at a time: the set is locked from [`begin`](Self::begin) on. File systems without
/// locks leave that to the application.
///
/// # Example
///
/// ```
/// use std::io::Write;
/// use aligned_io::{FileSet, FileSetWriter, WriterOptions};
///
/// let directory = tempfile::tempdir()?;
/// let path = directory.path().join("dump");
/// let options = WriterOptions::default();
///
/// let set = FileSetWriter::begin(&path)?;
/// let mut finished = Vec::new();
/// for shard in 0..3 {
///     let mut writer = set.create(&format!("{shard}.txt"), &options)?;
///     writeln!(writer, "what shard {shard} holds")?;
///     finished.push(writer.finish()?);
/// }
/// assert!(FileSet::open(&path).is_err());
/// set.commit(finished, "cut 99")?;
///
/// let set = FileSet::open(&path)?;
/// assert_eq!(set.manifest().note(), "cut 99");
/// for (shard, (member, path)) in set.members().enumerate() {
///     assert_eq!(std::fs::read_to_string(path)?, format!("what shard {shard} holds\n"));
///     assert_eq!(member.bytes, 19);
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
#[must_use = "a set that is not committed does not exist"]
pub struct FileSetWriter {
    place: Arc<SetPlace>,
    generation: u32,
    /// What goes wrong, in tests.
    faults: Option<Faults>,
    _lock: SetLock,
}

impl FileSetWriter {
    /// Begins a new set at `path`, whose directory must exist, and removes what killed writers
    /// of earlier ones left behind. `path` is a name only: the set `dump` has its manifest in
    /// `dump.manifest`, and its files in `dump.g0000000017.NAME`, where 17 is its generation.
    ///
    /// # Errors
    ///
    /// [`WriteError::Busy`] while somebody else writes this set, [`WriteError::Manifest`] when the
    /// manifest that stands there cannot be believed, [`WriteError::NoFileName`] and
    /// [`WriteError::Io`].
    pub fn begin(path: impl AsRef<Path>) -> Result<Self, WriteError> {
        Self::begin_with(path.as_ref(), None)
    }

    /// Like [`begin`](Self::begin), on a disk that fails as `faults` say, as do the writers that it
    /// creates.
    ///
    /// # Errors
    ///
    /// Those of [`begin`](Self::begin).
    pub fn begin_faulty(path: impl AsRef<Path>, faults: &Faults) -> Result<Self, WriteError> {
        Self::begin_with(path.as_ref(), Some(faults.clone()))
    }

    fn begin_with(path: &Path, faults: Option<Faults>) -> Result<Self, WriteError> {
        let disk = faults.as_ref().and_then(|faults| faults.disk.as_ref());
        let place = SetPlace::open(path, disk)?;
        let lock = place.lock()?;
        let cleared = place.recover()?;
        if cleared.removed > 0 {
            let files = cleared.removed;
            tracing::info!(files, path = %place.path.display(), "leftovers of a set removed");
        }
        let generation = match cleared.generation {
            None => 1,
            Some(last) => last
                .checked_add(1)
                .ok_or(out_of_range("generation", u32::MAX as usize))?,
        };
        Ok(Self {
            place: Arc::new(place),
            generation,
            faults,
            _lock: lock,
        })
    }

    /// The number that the set will have: larger than that of any set before it.
    pub fn generation(&self) -> u32 {
        self.generation
    }

    /// Creates the file called `name` in this set.
    ///
    /// # Errors
    ///
    /// [`WriteError::MemberName`], and those of [`WriterOptions::create`].
    pub fn create(&self, name: &str, options: &WriterOptions) -> Result<MemberWriter, WriteError> {
        let file_name = self.place.member_name(self.generation, name);
        // A longer name would be shortened while it is temporary, and not be known for ours.
        if !is_member_name(name) || file_name.len() > STEM_BYTES_MAX {
            return Err(WriteError::MemberName {
                path: self.place.path.clone(),
                name: name.to_owned(),
            });
        }
        let writer = self.create_file(&file_name, options)?;
        Ok(MemberWriter::new(writer, Arc::clone(&self.place), name))
    }

    /// Makes `members` the set, with `note` in its manifest: one line of text for the application.
    ///
    /// When this returns, the set is durable. The files of the set before it are gone then, or
    /// their removal failed, which is reported through `tracing` and made up for by the next
    /// writer.
    ///
    /// # Errors
    ///
    /// [`WriteError::Note`], [`WriteError::OutOfRange`] for more than 65536 files,
    /// [`WriteError::ForeignMember`] and [`WriteError::AlreadyExists`] for a file that was begun
    /// elsewhere or twice, [`WriteError::NoSpace`] and [`WriteError::Io`]. The old set stands
    /// then, with one exception: if the last fsync of the directory failed
    /// ([`Operation::SyncDirectory`](crate::Operation::SyncDirectory)), either set may be found
    /// after a power cut, and the files of both are kept.
    pub fn commit(
        self,
        mut members: Vec<FinishedMember>,
        note: &str,
    ) -> Result<FileSet, WriteError> {
        let manifest = self.manifest(&members, note)?;
        for member in &mut members {
            member.place()?;
        }
        let mut file = self.write_manifest(&manifest)?;
        // The names must be durable before a manifest that has them can be.
        self.place.sync()?;
        file.temp.replace()?;
        // The manifest is there. Whatever happens now, what it names must stay.
        for member in &mut members {
            member.keep();
        }
        file.temp.sync_directory()?;
        if let Err(error) = self.place.clear(Some(&manifest)) {
            tracing::warn!(%error, "files of the set before this one could not be removed");
        }
        Ok(FileSet::new(self.place, manifest))
    }

    /// The manifest of `members`.
    fn manifest(&self, members: &[FinishedMember], note: &str) -> Result<Manifest, WriteError> {
        if !is_note(note) {
            return Err(WriteError::Note {
                path: self.place.path.clone(),
                bytes: note.len(),
            });
        }
        if members.len() > MEMBERS_MAX {
            return Err(out_of_range("members", members.len()));
        }
        if let Some(foreign) = members.iter().find(|member| !member.is_of(&self.place)) {
            let path = foreign.path().to_path_buf();
            return Err(WriteError::ForeignMember { path });
        }
        let entries = members.iter().map(FinishedMember::entry).collect();
        Ok(Manifest::new(self.generation, note, entries))
    }

    /// Writes the manifest, durably, under a temporary name.
    fn write_manifest(&self, manifest: &Manifest) -> Result<Finished, WriteError> {
        let options = WriterOptions {
            block_bytes: 64 << 10,
            depth: 1,
            backend: BackendChoice::Pwrite,
            direct: Direct::Never,
            ..WriterOptions::default()
        };
        let mut writer = self.create_file(&self.place.manifest_name(), &options)?;
        writer.accept(&manifest.encode())?;
        writer.finish()
    }

    fn create_file(
        &self,
        name: &OsStr,
        options: &WriterOptions,
    ) -> Result<AlignedWriter, WriteError> {
        let path = self.place.path_of(name);
        match &self.faults {
            None => options.create(path),
            Some(faults) => options.create_faulty(path, faults),
        }
    }
}

fn out_of_range(option: &'static str, value: usize) -> WriteError {
    let max = match option {
        "members" => MEMBERS_MAX,
        _ => u32::MAX as usize - 1,
    };
    WriteError::OutOfRange {
        option,
        value,
        min: 0,
        max,
    }
}
