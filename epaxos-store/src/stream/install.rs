//! A replica rebuilt from another's stream: files beside the old ones, then a switch.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use rocksdb::{
    Cache, ColumnFamilyDescriptor, DB, IngestExternalFileOptions, Options as EngineOptions,
    SstFileWriter,
};

use crate::codec::Kind;
use crate::database::{Database, Namespace, engine_options, family_options};
use crate::error::StoreError;
use crate::failpoint;
use crate::folder::Folder;
use crate::instance::ReplicaId;
use crate::key::StatusField;
use crate::meta::Meta;
use crate::options::{Durability, Missing, Options};
use crate::snapshot::Snapshot;
use crate::status::raise_status;
use crate::store::Store;
use crate::stream::frame::Family;
use crate::stream::head::{Head, StreamPosition};
use crate::stream::receive::Receiver;
use crate::sync::Arc;
use crate::watermark::Watermarks;

/// Bytes of one file of rows.
const FILE_BYTES: u64 = 64 << 20;

/// A store that is being rebuilt from a stream that another replica [sends].
///
/// Rows go into files beside the store, and nothing of the store changes until all of them have
/// arrived and are found right; then the new files take the place of the old, atomically. A
/// process that ends before leaves the old store, one that ends after leaves the new one.
///
/// What the replica itself stored before is gone then, its votes among them, so the new store is
/// a [learner](Store::is_learner). Its own instance ids go on above all that it or the sender
/// knew of. Snapshots of other namespaces of the same engine cannot be rebuilt.
///
/// [sends]: Snapshot::stream_out
///
/// # Example
///
/// ```
/// use epaxos_store::{Installation, Options, ReplicaId, Store, StreamOptions};
///
/// # let folders = tempfile::tempdir().unwrap();
/// # let (here, there) = (folders.path().join("here"), folders.path().join("there"));
/// let sender = Store::open(&here, &Options::new(ReplicaId(1)))?;
/// sender.engine().set_kv(b"k", b"v")?;
/// let mut stream = Vec::new();
/// sender.snapshot().stream_out(&mut stream, &StreamOptions::default())?;
///
/// let mut installation = Installation::begin(&there, &Options::new(ReplicaId(2)))?;
/// installation.receive(stream.as_slice())?;
/// let store = installation.finish()?;
/// assert_eq!(store.engine().get_kv(b"k")?, Some(b"v".to_vec()));
/// assert!(store.is_learner());
/// # Ok::<(), epaxos_store::StoreError>(())
/// ```
#[derive(Debug)]
pub struct Installation {
    folder: Folder,
    options: Options,
    receiver: Receiver,
    files: BTreeMap<Family, Vec<PathBuf>>,
}

impl Installation {
    /// Prepares to rebuild the store in the folder `path`, which must not be open.
    ///
    /// # Errors
    ///
    /// [`StoreError::InUse`] while it is open, [`StoreError::Io`] when the system fails.
    pub fn begin(path: &Path, options: &Options) -> Result<Self, StoreError> {
        let folder = Folder::open(path, Missing::Create)?;
        let incoming = folder.incoming_path();
        fs::create_dir_all(&incoming).map_err(|error| StoreError::io("make", &incoming, &error))?;
        Ok(Self {
            folder,
            options: options.clone(),
            receiver: Receiver::default(),
            files: BTreeMap::new(),
        })
    }

    /// Takes what arrives, up to the stream's end. When it breaks off, it can go on with another
    /// one that starts [after](crate::StreamOptions::after) the [position](Self::position).
    ///
    /// # Errors
    ///
    /// [`StoreError::Stream`] for a stream that is cut off or damaged, [`StoreError::StreamKind`]
    /// for one that is not the whole state, [`StoreError::Corruption`] for a row that is wrong,
    /// [`StoreError::Io`] and [`StoreError::Engine`] when the system fails.
    pub fn receive(&mut self, from: impl Read) -> Result<(), StoreError> {
        let cache = Cache::new_lru_cache(self.options.cache_bytes);
        let options = family_options(&self.options, &cache);
        let mut writer = FileWriter {
            options: &options,
            folder: self.folder.incoming_path(),
            files: &mut self.files,
            open: None,
        };
        let received = self
            .receiver
            .receive(from, |family, key, value| writer.put(family, key, value));
        // What has arrived stays, whatever came after it.
        writer.close()?;
        let head = received?;
        if head.is_incremental {
            return Err(StoreError::StreamKind {
                found: "what was committed since",
                wanted: "the whole state",
            });
        }
        Ok(())
    }

    /// Where a stream should go on that broke off; none before the first row.
    pub fn position(&self) -> Option<StreamPosition> {
        self.receiver.position()
    }

    /// Lets the new store take the place of the old, and opens it.
    ///
    /// # Errors
    ///
    /// [`StoreError::Stream`] unless the stream has arrived whole; the old store stays then.
    /// Otherwise as [`Store::open`].
    pub fn finish(mut self) -> Result<Store, StoreError> {
        let head = self.receiver.whole().cloned().ok_or(StoreError::Stream {
            offset: 0,
            what: "the stream has not arrived whole",
        })?;
        failpoint::pass("install.received");
        let mut marks = head.marks.clone();
        let own = marks.entry(self.options.replica).or_default();
        if self.folder.has_engine() {
            own.max = own.max.max(old_max(&self.folder, &self.options)?);
        }
        let next = self.folder.next_path();
        self.ingest(&next)?;
        failpoint::pass("install.ingested");
        write_head(&next, &self.options, &head, &marks)?;
        failpoint::pass("install.written");
        self.folder.publish_next()?;
        tracing::info!(sender = head.replica.0, "store rebuilt from another");
        Store::open_folder(self.folder, &self.options)
    }

    /// Makes an engine at `path` and moves the files into it.
    fn ingest(&self, path: &Path) -> Result<(), StoreError> {
        if path.exists() {
            fs::remove_dir_all(path).map_err(|error| StoreError::io("remove", path, &error))?;
        }
        let cache = Cache::new_lru_cache(self.options.cache_bytes);
        let families = Kind::ALL.map(|kind| {
            ColumnFamilyDescriptor::new(kind.name(), family_options(&self.options, &cache))
        });
        // Without transactions: those take no files.
        let engine = DB::open_cf_descriptors(&engine_options(&self.options), path, families)?;
        let mut moving = IngestExternalFileOptions::default();
        moving.set_move_files(true);
        for (family, files) in &self.files {
            let name = family.kind().name();
            let handle = engine.cf_handle(name).ok_or_else(|| StoreError::Engine {
                message: format!("column family {name} is missing"),
            })?;
            engine.ingest_external_file_cf_opts(handle, &moving, files.clone())?;
        }
        Ok(())
    }
}

/// The highest id of its own that the old store knows of.
fn old_max(folder: &Folder, options: &Options) -> Result<Option<u64>, StoreError> {
    let database = Arc::new(Database::open_at(&folder.engine_path(), options)?);
    if database.has_namespaces()? {
        return Err(StoreError::StreamKind {
            found: "one namespace",
            wanted: "all namespaces of the engine",
        });
    }
    let space = Namespace::default();
    let snapshot = Snapshot::take(Arc::clone(&database), space, [0; 16], options.replica);
    let meta = Meta::read(&snapshot.view())?;
    if let Some(meta) = meta.filter(|meta| meta.replica != options.replica) {
        return Err(StoreError::WrongReplica {
            have: meta.replica,
            got: options.replica,
        });
    }
    let trackers = snapshot.trackers()?;
    let max = trackers.get(&options.replica);
    Ok(max.and_then(|tracker| tracker.marks().max))
}

/// Stores whose the new store is, and how far it has come, in the engine at `path`.
fn write_head(
    path: &Path,
    options: &Options,
    head: &Head,
    marks: &BTreeMap<ReplicaId, Watermarks>,
) -> Result<(), StoreError> {
    let database = Arc::new(Database::open_at(path, options)?);
    let meta = Meta {
        is_learner: true,
        ..Meta::new(options.replica)
    };
    let mut entries = Vec::new();
    for (&replica, marks) in marks {
        let fields = [
            (StatusField::Max, marks.max),
            (StatusField::ExecutedUpto, marks.executed_upto),
            (StatusField::PurgedUpto, marks.purged_upto),
            (StatusField::DeletedUpto, marks.deleted_upto),
        ];
        for (field, number) in fields {
            entries.extend(number.map(|number| (replica, field, number)));
        }
    }
    let space = Namespace::default();
    raise_status(&database, space, &entries, Durability::Sync)?;
    meta.write(&database, space)?;
    tracing::debug!(sequence = head.sequence, "watermarks written");
    Ok(())
}

/// Writes rows into files that RocksDB can take as they are.
struct FileWriter<'a> {
    options: &'a EngineOptions,
    folder: PathBuf,
    files: &'a mut BTreeMap<Family, Vec<PathBuf>>,
    open: Option<OpenFile<'a>>,
}

/// A file that has at least one row.
struct OpenFile<'a> {
    writer: SstFileWriter<'a>,
    family: Family,
    path: PathBuf,
}

impl<'a> FileWriter<'a> {
    fn put(&mut self, family: Family, key: &[u8], value: &[u8]) -> Result<(), StoreError> {
        let is_done = self
            .open
            .as_ref()
            .is_some_and(|open| open.family != family || open.writer.file_size() >= FILE_BYTES);
        if is_done {
            self.close()?;
        }
        let open = match self.open.take() {
            Some(open) => open,
            None => self.begin(family)?,
        };
        let open = self.open.insert(open);
        Ok(open.writer.put(key, value)?)
    }

    fn begin(&self, family: Family) -> Result<OpenFile<'a>, StoreError> {
        let number = self.files.values().map(Vec::len).sum::<usize>();
        let path = self.folder.join(format!("{number}.sst"));
        let writer = SstFileWriter::create(self.options);
        writer.open(&path)?;
        Ok(OpenFile {
            writer,
            family,
            path,
        })
    }

    fn close(&mut self) -> Result<(), StoreError> {
        if let Some(mut open) = self.open.take() {
            open.writer.finish()?;
            self.files.entry(open.family).or_default().push(open.path);
        }
        Ok(())
    }
}
