//! What the kernel refuses is replaced, reported once and shown in the mode.
//!
//! One test only: it lowers a limit of the whole process.

#![expect(
    clippy::unwrap_used,
    reason = "a failure outside a test function fails the test too"
)]

use std::fs::{self, File};
use std::io::Write;
use std::os::fd::AsRawFd;
use std::path::Path;
use std::sync::{Arc, Mutex};

use aligned_io::{
    AlignedWriter, Backend, BackendChoice, Direct, Failure, Faults, Operation, WriteError,
    WriterOptions,
};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tempfile::TempDir;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Metadata, Subscriber, span, subscriber};

/// Collects the messages of warnings.
#[derive(Clone, Default)]
struct Warnings(Arc<Mutex<Vec<String>>>);

impl Subscriber for Warnings {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= Level::WARN
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut message = Message(String::new());
        event.record(&mut message);
        self.0.lock().unwrap().push(message.0);
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

struct Message(String);

impl Visit for Message {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        if field.name() == "message" {
            self.0 = format!("{value:?}");
        }
    }
}

/// Runs `create` and says what it warned of.
fn with_warnings<T>(create: impl FnOnce() -> T) -> (T, Vec<String>) {
    let warnings = Warnings::default();
    let created = subscriber::with_default(warnings.clone(), create);
    let messages = warnings.0.lock().unwrap().clone();
    (created, messages)
}

/// Creates a writer while the process may open two more files: its directory and its file. The
/// ring would be the third.
fn create_without_ring(path: &Path, options: &WriterOptions) -> Result<AlignedWriter, WriteError> {
    let next = File::open("/dev/null").unwrap().as_raw_fd();
    let before = getrlimit(Resource::Nofile);
    let lowered = Rlimit {
        current: Some(u64::try_from(next).unwrap() + 2),
        ..before
    };
    setrlimit(Resource::Nofile, lowered).unwrap();
    let created = options.create(path);
    setrlimit(Resource::Nofile, before).unwrap();
    created
}

fn publish_and_check(mut writer: AlignedWriter, path: &Path) {
    writer.write_all(&[9; 12_345]).unwrap();
    // A temporary name that is removed after it was renamed would warn too.
    let (published, warnings) = with_warnings(|| writer.publish());
    assert_eq!(published.unwrap().bytes, 12_345);
    assert_eq!(warnings, Vec::<String>::new());
    assert_eq!(fs::read(path).unwrap(), [9; 12_345]);
}

#[test]
fn every_refusal_has_its_fallback_and_one_warning() {
    let directory = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let path = directory.path().join("file");
    let auto = WriterOptions::default();

    // Only direct writes go through a ring; and where they are refused there is one more warning.
    let direct = WriterOptions {
        direct: Direct::Require,
        ..auto.clone()
    };
    let is_direct = direct.create(&path).is_ok();
    let (writer, warnings) = with_warnings(|| create_without_ring(&path, &auto).unwrap());
    let fallback = if is_direct {
        Backend::Threads
    } else {
        Backend::Pwrite
    };
    assert_eq!(writer.mode().backend, fallback);
    assert_eq!(writer.mode().direct, is_direct);
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    let refused = if is_direct {
        "io_uring is refused"
    } else {
        "O_DIRECT is refused"
    };
    assert!(warnings[0].starts_with(refused), "{warnings:?}");
    publish_and_check(writer, &path);

    let forced = WriterOptions {
        backend: BackendChoice::IoUring,
        ..auto.clone()
    };
    let error = create_without_ring(&path, &forced).unwrap_err();
    assert!(
        matches!(
            error,
            WriteError::Io {
                operation: Operation::SetUpRing,
                ..
            }
        ),
        "{error:?}"
    );

    let faults = Faults {
        failure: Some(Failure::Direct),
        ..Faults::default()
    };
    let (writer, warnings) = with_warnings(|| auto.create_faulty(&path, &faults).unwrap());
    assert!(!writer.mode().direct);
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(
        warnings[0].starts_with("O_DIRECT is refused"),
        "{warnings:?}"
    );
    publish_and_check(writer, &path);

    let plain = WriterOptions {
        backend: BackendChoice::Pwrite,
        direct: Direct::Never,
        ..auto
    };
    let (writer, warnings) = with_warnings(|| plain.create(&path).unwrap());
    assert_eq!(writer.mode().to_string(), "pwrite, buffered");
    assert_eq!(warnings, Vec::<String>::new());
    publish_and_check(writer, &path);
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
}
