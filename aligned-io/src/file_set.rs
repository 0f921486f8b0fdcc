//! A file set that stands on the disk: the files that one manifest names.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::error::WriteError;
use crate::manifest::{Manifest, Member};
use crate::member_reader::MemberReader;
use crate::read_error::ReadError;
use crate::reader_options::ReaderOptions;
use crate::set_place::SetPlace;

/// Several files that were committed together, and what their manifest says of them.
///
/// Written by a [`FileSetWriter`](crate::FileSetWriter), whose description has an example.
/// A set that is superseded by a newer one is removed; who finds a file missing opens the set
/// anew.
#[derive(Debug)]
pub struct FileSet {
    place: Arc<SetPlace>,
    manifest: Manifest,
}

impl FileSet {
    pub(crate) fn new(place: Arc<SetPlace>, manifest: Manifest) -> Self {
        Self { place, manifest }
    }

    /// Reads the manifest of the set at `path`: of the set `dump` that is `dump.manifest`. The
    /// files it names are not looked at.
    ///
    /// # Errors
    ///
    /// [`ReadError::Open`], of kind `NotFound` where no set was ever committed;
    /// [`ReadError::NoManifest`], [`ReadError::ManifestVersion`] and [`ReadError::Checksum`] for a
    /// manifest that cannot be believed.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, ReadError> {
        let path = path.as_ref();
        let place = SetPlace::open(path, None).map_err(|error| ReadError::Open {
            path: path.to_path_buf(),
            source: error.into(),
        })?;
        let manifest = place.read_manifest()?.ok_or_else(|| ReadError::Open {
            path: place.path_of(&place.manifest_name()),
            source: std::io::ErrorKind::NotFound.into(),
        })?;
        Ok(Self::new(Arc::new(place), manifest))
    }

    /// What the manifest says.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Where the files are, in the order of [`Manifest::members`].
    pub fn members(&self) -> impl Iterator<Item = (&Member, PathBuf)> {
        let generation = self.manifest.generation();
        self.manifest.members().iter().map(move |member| {
            let name = self.place.member_name(generation, &member.name);
            (member, self.place.path_of(&name))
        })
    }

    /// Opens one file of the set, to be read to its end, which only the file that the manifest
    /// names has.
    ///
    /// # Errors
    ///
    /// [`ReadError::Length`] when the file is not as long as `member` says, and those of
    /// [`ReaderOptions::open`]. Reading comes to [`ReadError::Checksum`] when the content is
    /// another one.
    ///
    /// # Example
    ///
    /// ```
    /// use std::io::{Read, Write};
    /// use aligned_io::{FileSetWriter, ReaderOptions, WriterOptions};
    ///
    /// let directory = tempfile::tempdir()?;
    /// let writer = FileSetWriter::begin(directory.path().join("dump"))?;
    /// let mut file = writer.create("0", &WriterOptions::default())?;
    /// file.write_all(b"content")?;
    /// let set = writer.commit(vec![file.finish()?], "")?;
    ///
    /// let member = &set.manifest().members()[0];
    /// let mut content = String::new();
    /// set.reader(member, &ReaderOptions::default())?.read_to_string(&mut content)?;
    /// assert_eq!(content, "content");
    ///
    /// let (_, path) = set.members().next().unwrap();
    /// std::fs::write(path, b"contend")?;
    /// assert!(set.reader(member, &ReaderOptions::default())?.verify().is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn reader(
        &self,
        member: &Member,
        options: &ReaderOptions,
    ) -> Result<MemberReader, ReadError> {
        let generation = self.manifest.generation();
        let name = self.place.member_name(generation, &member.name);
        MemberReader::new(options.open(self.place.path_of(&name))?, member)
    }
}

/// Removes what killed writers of the set at `path` left behind; returns how many files.
///
/// Nothing that the manifest names is removed, no file of a writer that lives, and nothing whose
/// name does not start as those of this set do (`dump.g0000000017.`). A new
/// [`FileSetWriter`](crate::FileSetWriter) does the same.
///
/// # Errors
///
/// [`WriteError::Busy`] while somebody writes the set, [`WriteError::Manifest`] when the manifest
/// cannot be believed, so that nothing is removed, and [`WriteError::Io`].
pub fn remove_set_leftovers(path: impl AsRef<Path>) -> Result<usize, WriteError> {
    let place = SetPlace::open(path.as_ref(), None)?;
    let _lock = place.lock()?;
    Ok(place.recover()?.removed)
}

/// Removes the set at `path`, whatever state it is in: its manifest first, then its files and what
/// killed writers left of it; returns how many files. Nothing of it is left after a success, a
/// power cut included.
///
/// # Errors
///
/// [`WriteError::Busy`] while somebody writes the set, and [`WriteError::Io`]. Without its manifest
/// it is a set no more; files that are left then are removed by the next call, or by the next
/// [`FileSetWriter`](crate::FileSetWriter).
///
/// # Example
///
/// ```
/// use aligned_io::{FileSetWriter, WriterOptions};
///
/// let directory = tempfile::tempdir()?;
/// let path = directory.path().join("dump");
/// let writer = FileSetWriter::begin(&path)?;
/// let file = writer.create("0", &WriterOptions::default())?;
/// writer.commit(vec![file.finish()?], "")?;
///
/// assert_eq!(aligned_io::remove_set(&path)?, 2, "the file and the manifest");
/// assert_eq!(std::fs::read_dir(&directory)?.count(), 0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn remove_set(path: impl AsRef<Path>) -> Result<usize, WriteError> {
    let place = SetPlace::open(path.as_ref(), None)?;
    let _lock = place.lock()?;
    place.remove()
}
