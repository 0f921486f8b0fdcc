//! Writing and reading one file, front to back, in turns with fio and with `std`: one row of JSON
//! per figure on stdout, times in seconds.
//!
//! `cargo bench -p aligned-io --bench figures` writes 1 GiB each time beside fio and 4 GiB beside
//! `std`, `-- --quick` 256 MiB. `ALIGNED_IO_BENCH_DIR` chooses the disk; otherwise the build
//! directory's is measured. Rows whose names hold the words after the options are measured, all if
//! there are none.
//!
//! Beside fio, our time runs from the first byte to the end of the fsync of the file, and every
//! byte is copied once, from a slice of 128 KiB. fio's is the one it reports: its writes and its
//! final fsync, and nothing is copied into its buffers; one row of ours does without copies too.
//! Both have the file preallocated before.
//! Beside `std`, our time runs from creating the writer, without preallocation, to the fsync of the
//! directory. What creating and publishing alone take is a row of its own.
//!
//! 2026-11-21, 2 virtual cores of an AMD EPYC on a shared host, ext4, Linux 6.18; nothing else ran
//! in the machine. Times a peer's, medians of 7 rounds taken in pairs, 1 GiB each (4 GiB and 3
//! rounds beside `std`). One row's own rounds differ by up to half, and by more through the page
//! cache; the disk gave 1.1 to 2.2 GiB/s to fio.
//!
//! | | times as fast as fio |
//! |---|---|
//! | write, 64 KiB x 4, `io_uring`, `O_DIRECT` | 0.93 |
//! | write, 64 KiB x 16, `io_uring`, `O_DIRECT` | 1.22 |
//! | write, 256 KiB x 16, `io_uring`, `O_DIRECT` | 0.89, 0.90 |
//! | write, 1 MiB x 1, `io_uring`, `O_DIRECT` | 0.99 |
//! | write, 1 MiB x 4, `io_uring`, `O_DIRECT` | 1.13 |
//! | write, 1 MiB x 16, `io_uring`, `O_DIRECT` | 0.97 |
//! | write, 256 KiB x 16, threads, `O_DIRECT`, beside libaio | 0.94 |
//! | write, 1 MiB, `pwrite`, `O_DIRECT` | 0.88 |
//! | write, 64 KiB, `pwrite`, page cache | 1.77 |
//! | write, 1 MiB, `pwrite`, page cache | 1.48 |
//! | read, 256 KiB x 16, `io_uring`, `O_DIRECT` | 0.94 |
//! | read, 1 MiB x 4, `io_uring`, `O_DIRECT` | 0.84, 0.89 |
//! | write 4 GiB as it comes, beside `std` | 2.1 |
//!
//! Before each turn the old file is removed and its removal is synced, as a disk that is told of
//! freed blocks is busy with that for a while.

#![expect(clippy::unwrap_used, reason = "a benchmark stops at the first failure")]

use std::fs::{self, File};
use std::hint::black_box;
use std::io::{BufRead, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use aligned_io::{AlignedWriter, BackendChoice, Direct, ReaderOptions, WriterOptions};
use rustix::time::{ClockId, clock_gettime};
use serde_json::{Value, json};
use tempfile::TempDir;

/// What an encoder hands over at once.
const SLICE_BYTES: usize = 128 << 10;
const MIB: u64 = 1 << 20;

/// How often each figure is taken, and of how many bytes.
#[derive(Clone, Copy)]
struct Scale {
    rounds: usize,
    file_bytes: u64,
    is_quick: bool,
}

impl Scale {
    /// Of the rows beside fio.
    fn shaped(is_quick: bool) -> Self {
        Self {
            rounds: if is_quick { 5 } else { 7 },
            file_bytes: if is_quick { 256 * MIB } else { 1024 * MIB },
            is_quick,
        }
    }

    /// Of the rows beside `std`, which gets as much as does not fit the page cache's patience.
    fn plain(is_quick: bool) -> Self {
        Self {
            rounds: if is_quick { 5 } else { 3 },
            file_bytes: if is_quick { 256 * MIB } else { 4096 * MIB },
            is_quick,
        }
    }
}

/// Seconds on the clock, and seconds of all cores together.
#[derive(Clone, Copy)]
struct Time {
    wall: f64,
    cpu: f64,
}

/// One row: a way to do it, against others.
struct Row {
    name: String,
    scale: Scale,
    goal: Value,
    ours: Box<dyn Fn(&Path) -> Time>,
    peers: Vec<Peer>,
    /// The row with the processor's time beside it, if there is one.
    cpu: Option<String>,
}

struct Peer {
    name: &'static str,
    run: Box<dyn Fn(&Path) -> Time>,
}

/// The shape of the transfers.
#[derive(Clone, Copy)]
struct Shape {
    block_bytes: usize,
    depth: usize,
    backend: BackendChoice,
    direct: Direct,
}

impl Shape {
    fn name(self) -> String {
        let backend = match self.backend {
            BackendChoice::IoUring => "io_uring",
            BackendChoice::Threads => "threads",
            BackendChoice::Pwrite => "pwrite",
            _ => "auto",
        };
        let caching = match self.direct {
            Direct::Never => "buffered",
            _ => "O_DIRECT",
        };
        let kib = self.block_bytes >> 10;
        format!("{kib} KiB x {}, {backend}, {caching}", self.depth)
    }

    fn writer(self, preallocate_bytes: u64) -> WriterOptions {
        WriterOptions {
            block_bytes: self.block_bytes,
            depth: self.depth,
            backend: self.backend,
            direct: self.direct,
            preallocate_bytes,
            ..WriterOptions::default()
        }
    }

    fn reader(self) -> ReaderOptions {
        ReaderOptions {
            block_bytes: self.block_bytes,
            depth: self.depth,
            backend: self.backend,
            direct: self.direct,
            ..ReaderOptions::default()
        }
    }

    /// fio doing the same. Where we have threads, it has the kernel's own asynchronous I/O.
    fn fio(self, direction: &'static str, file_bytes: u64) -> Peer {
        let engine = match (self.backend, self.direct) {
            (BackendChoice::Threads, Direct::Require) => "libaio",
            (BackendChoice::IoUring, _) => "io_uring",
            _ => "psync",
        };
        let mut arguments = vec![
            "--name=figure".to_owned(),
            format!("--rw={direction}"),
            format!("--bs={}", self.block_bytes),
            format!("--size={file_bytes}"),
            format!("--ioengine={engine}"),
            format!("--iodepth={}", self.depth),
            format!("--direct={}", u8::from(self.direct == Direct::Require)),
            "--fallocate=native".to_owned(),
            "--output-format=json".to_owned(),
        ];
        if direction == "write" {
            arguments.push("--end_fsync=1".to_owned());
        }
        if engine == "io_uring" {
            arguments.push("--fixedbufs=1".to_owned());
        }
        Peer {
            name: "fio 3",
            run: Box::new(move |path| fio(direction, path, &arguments)),
        }
    }
}

fn fio(direction: &str, path: &Path, arguments: &[String]) -> Time {
    let output = Command::new("fio")
        .args(arguments)
        .arg(format!("--filename={}", path.display()))
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    // Some versions say more before the object.
    let start = output.stdout.iter().position(|&byte| byte == b'{').unwrap();
    let report: Value = serde_json::from_slice(&output.stdout[start..]).unwrap();
    let job = &report["jobs"][0];
    let wall = job[direction]["runtime"].as_f64().unwrap() / 1000.0;
    let percent = job["usr_cpu"].as_f64().unwrap() + job["sys_cpu"].as_f64().unwrap();
    Time {
        wall,
        cpu: wall * percent / 100.0,
    }
}

fn timed(work: impl FnOnce()) -> Time {
    let cpu = || {
        let now = clock_gettime(ClockId::ProcessCPUTime);
        seconds(now.tv_sec, now.tv_nsec)
    };
    let (start, cpu_before) = (Instant::now(), cpu());
    work();
    Time {
        wall: start.elapsed().as_secs_f64(),
        cpu: cpu() - cpu_before,
    }
}

#[expect(clippy::cast_precision_loss, reason = "seconds of a process")]
fn seconds(whole: i64, nanoseconds: i64) -> f64 {
    whole as f64 + nanoseconds as f64 / 1e9
}

fn fill(sink: &mut impl Write, bytes: u64, mut each: impl FnMut()) {
    let slice: Vec<u8> = (0..SLICE_BYTES)
        .map(|index| (index % 251).to_le_bytes()[0])
        .collect();
    for _ in 0..bytes / SLICE_BYTES as u64 {
        sink.write_all(black_box(&slice)).unwrap();
        each();
    }
}

fn write(options: &WriterOptions, path: &Path, bytes: u64) -> Time {
    timed(|| {
        let mut writer = options.create(path).unwrap();
        fill(&mut writer, bytes, || {});
        assert_eq!(writer.publish().unwrap().bytes, bytes);
    })
}

/// As fio does: the file is there, and preallocated, when the clock starts; it is durable when the
/// clock stops, and only then given its name.
fn write_as_fio(options: &WriterOptions, path: &Path, bytes: u64) -> Time {
    let mut writer = options.create(path).unwrap();
    let mut finished = None;
    let time = timed(|| {
        fill(&mut writer, bytes, || {});
        finished = Some(writer.finish().unwrap());
    });
    assert_eq!(finished.unwrap().publish().unwrap().bytes, bytes);
    time
}

/// As fio does with its bytes too: nothing is copied, and a few bytes of each sector are changed.
fn write_in_place(options: &WriterOptions, path: &Path, bytes: u64) -> Time {
    const SECTOR_BYTES: usize = 512;
    let mut writer = options.create(path).unwrap();
    let mut finished = None;
    let time = timed(|| {
        while writer.position() < bytes {
            let position = writer.position().to_le_bytes();
            let filled = writer.fill(|space| {
                for sector in space.chunks_mut(SECTOR_BYTES) {
                    sector[..position.len()].copy_from_slice(&position);
                }
                space.len()
            });
            filled.unwrap();
        }
        finished = Some(writer.finish().unwrap());
    });
    assert_eq!(finished.unwrap().publish().unwrap().bytes, bytes);
    time
}

fn write_small(path: &Path) -> Time {
    timed(|| {
        let mut writer = WriterOptions::default().create(path).unwrap();
        writer.write_all(&[7; 4096]).unwrap();
        writer.publish().unwrap();
    })
}

fn write_std(path: &Path, bytes: u64) -> Time {
    timed(|| {
        let mut writer = BufWriter::with_capacity(1 << 20, File::create(path).unwrap());
        fill(&mut writer, bytes, || {});
        writer.into_inner().unwrap().sync_all().unwrap();
    })
}

fn read(options: &ReaderOptions, path: &Path, bytes: u64) -> Time {
    forget(path);
    timed(|| {
        let mut reader = options.open(path).unwrap();
        let mut total = 0;
        loop {
            let count = black_box(reader.fill_buf().unwrap()).len();
            if count == 0 {
                break;
            }
            reader.consume(count);
            total += count as u64;
        }
        assert_eq!(total, bytes);
    })
}

fn read_std(path: &Path, bytes: u64) -> Time {
    forget(path);
    timed(|| {
        let mut file = File::open(path).unwrap();
        let mut block = vec![0; 1 << 20];
        let mut total = 0;
        loop {
            let count = file.read(&mut block).unwrap();
            if count == 0 {
                break;
            }
            total += black_box(&block[..count]).len() as u64;
        }
        assert_eq!(total, bytes);
    })
}

/// Drops the file from the page cache, as fio does before it reads.
fn forget(path: &Path) {
    let file = File::open(path).unwrap();
    rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::DontNeed).unwrap();
}

fn has_fio() -> bool {
    let version = Command::new("fio").arg("--version").output();
    version.is_ok_and(|output| output.status.success())
}

/// The shapes that are measured: the first ones only when it has to be quick.
fn shapes(is_quick: bool) -> Vec<Shape> {
    let shape = |kib: usize, depth, backend, direct| Shape {
        block_bytes: kib << 10,
        depth,
        backend,
        direct,
    };
    let ring = |kib, depth| shape(kib, depth, BackendChoice::IoUring, Direct::Require);
    let threads = |kib, depth| shape(kib, depth, BackendChoice::Threads, Direct::Require);
    let pwrite = |kib, direct| shape(kib, 1, BackendChoice::Pwrite, direct);
    let mut shapes = vec![
        ring(1024, 4),
        ring(256, 16),
        threads(256, 16),
        pwrite(1024, Direct::Never),
    ];
    if !is_quick {
        for kib in [64, 256, 1024] {
            let depths = [1, 4, 16].into_iter().map(|depth| ring(kib, depth));
            shapes.extend(
                depths.filter(|shape| !matches!((kib, shape.depth), (1024, 4) | (256, 16))),
            );
        }
        shapes.extend([
            threads(1024, 4),
            pwrite(64, Direct::Never),
            pwrite(256, Direct::Never),
            pwrite(64, Direct::Require),
            pwrite(1024, Direct::Require),
            shape(256, 16, BackendChoice::IoUring, Direct::Never),
        ]);
    }
    shapes
}

fn rows(is_quick: bool) -> Vec<Row> {
    let scale = Scale::shaped(is_quick);
    let bytes = scale.file_bytes;
    let mut rows = Vec::new();
    for shape in shapes(is_quick) {
        let (writer, reader) = (shape.writer(bytes), shape.reader());
        let name = shape.name();
        rows.push(Row {
            name: format!("write {}, {name}", size(bytes)),
            scale,
            goal: json!({"times_the_best_peer": 0.9}),
            ours: Box::new(move |path| write_as_fio(&writer, path, bytes)),
            peers: vec![shape.fio("write", bytes)],
            cpu: Some(format!("CPU to write 1 GiB, {name}")),
        });
        rows.push(Row {
            name: format!("read {}, {name}", size(bytes)),
            scale,
            goal: json!({"times_the_best_peer": 0.9}),
            ours: Box::new(move |path| read(&reader, path, bytes)),
            peers: vec![shape.fio("read", bytes)],
            cpu: Some(format!("CPU to read 1 GiB, {name}")),
        });
    }
    rows.push(in_place_row(is_quick));
    let scale = Scale::plain(is_quick);
    let (bytes, size) = (scale.file_bytes, size(scale.file_bytes));
    rows.push(Row {
        name: "create, write 4 KiB and publish".to_owned(),
        scale: Scale {
            rounds: 15,
            ..scale
        },
        goal: Value::Null,
        ours: Box::new(write_small),
        peers: Vec::new(),
        cpu: None,
    });
    let writer = WriterOptions::default();
    rows.push(Row {
        name: format!("write {size}, as it comes"),
        scale,
        // What the page cache swallows at once says nothing of the disk.
        goal: if scale.is_quick {
            Value::Null
        } else {
            json!({"times_the_best_peer": 4.0})
        },
        ours: Box::new(move |path| write(&writer, path, bytes)),
        peers: vec![Peer {
            name: "std: File, BufWriter, sync_all",
            run: Box::new(move |path| write_std(path, bytes)),
        }],
        cpu: None,
    });
    let reader = ReaderOptions::default();
    rows.push(Row {
        name: format!("read {size}, as it comes"),
        scale,
        goal: Value::Null,
        ours: Box::new(move |path| read(&reader, path, bytes)),
        peers: vec![Peer {
            name: "std: File, 1 MiB at a time",
            run: Box::new(move |path| read_std(path, bytes)),
        }],
        cpu: None,
    });
    rows
}

/// The row without copies, which fio does without too.
fn in_place_row(is_quick: bool) -> Row {
    let scale = Scale::shaped(is_quick);
    let bytes = scale.file_bytes;
    let shape = Shape {
        block_bytes: 256 << 10,
        depth: 16,
        backend: BackendChoice::IoUring,
        direct: Direct::Require,
    };
    let writer = shape.writer(bytes);
    let name = format!("{}, filled in place", shape.name());
    Row {
        name: format!("write {}, {name}", size(bytes)),
        scale,
        goal: json!({"times_the_best_peer": 0.97}),
        ours: Box::new(move |path| write_in_place(&writer, path, bytes)),
        peers: vec![shape.fio("write", bytes)],
        cpu: Some(format!("CPU to write 1 GiB, {name}")),
    }
}

fn size(bytes: u64) -> String {
    if bytes >= 1 << 30 {
        format!("{} GiB", bytes >> 30)
    } else {
        format!("{} MiB", bytes / MIB)
    }
}

/// Measures one row in turns, every round in the other order.
fn measure(row: &Row, directory: &Path, has_fio: bool) {
    let scale = row.scale;
    let is_read = row.name.starts_with("read");
    let mut ours = Vec::new();
    let mut peers: Vec<Vec<Time>> = row.peers.iter().map(|_| Vec::new()).collect();
    let path = directory.join("file");
    if is_read {
        write(&WriterOptions::default(), &path, scale.file_bytes);
    }
    let fresh = || {
        if !is_read {
            let _ = fs::remove_file(&path);
            rustix::fs::syncfs(File::open(directory).unwrap()).unwrap();
        }
    };
    let is_missing = |peer: &Peer| peer.name.starts_with("fio") && !has_fio;
    // The first round of all warms up, and does not count.
    for round in 0..=scale.rounds {
        let mut turns: Vec<usize> = (0..=row.peers.len()).collect();
        if round % 2 == 1 {
            turns.reverse();
        }
        for turn in turns {
            let peer = turn.checked_sub(1);
            if peer.is_some_and(|peer| is_missing(&row.peers[peer])) {
                continue;
            }
            fresh();
            let time = match peer {
                None => (row.ours)(&path),
                Some(peer) => (row.peers[peer].run)(&path),
            };
            if round == 0 {
                continue;
            }
            match peer {
                None => ours.push(time),
                Some(peer) => peers[peer].push(time),
            }
        }
    }
    let _ = fs::remove_file(&path);
    let report = |figure: fn(&Time) -> f64, scale: f64| {
        let figures = |times: &[Time]| -> Vec<f64> {
            times.iter().map(|time| figure(time) / scale).collect()
        };
        let peer = |(peer, times): (&Peer, &Vec<Time>)| {
            if is_missing(peer) {
                json!({"name": peer.name, "missing": "not installed"})
            } else {
                json!({"name": peer.name, "figure": figures(times)})
            }
        };
        let peers: Vec<Value> = row.peers.iter().zip(&peers).map(peer).collect();
        (figures(&ours), peers)
    };
    let (figures, others) = report(|time| time.wall, 1.0);
    print(&row.name, "s", &figures, &others, &row.goal);
    if let Some(name) = &row.cpu {
        #[expect(clippy::cast_precision_loss, reason = "a few GiB")]
        let gib = scale.file_bytes as f64 / f64::from(1 << 30);
        let (figures, others) = report(|time| time.cpu, gib);
        print(name, "s", &figures, &others, &Value::Null);
    }
}

#[expect(clippy::print_stdout, reason = "the rows are what this program is for")]
fn print(name: &str, unit: &str, ours: &[f64], peers: &[Value], goal: &Value) {
    let mut row = json!({"name": name, "unit": unit, "ours": ours, "peers": peers});
    if !goal.is_null() {
        row["goal"] = goal.clone();
    }
    println!("{row}");
}

/// What the process holds in memory, in bytes.
fn resident_bytes() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let kib = line.unwrap().split_whitespace().nth(1).unwrap();
    kib.parse::<u64>().unwrap() << 10
}

/// What a writer with the options of its own adds to the memory of the process, at most.
fn memory(directory: &Path) {
    let path = directory.join("file");
    let run = || -> u64 {
        let before = resident_bytes();
        let mut most = before;
        let mut writer: AlignedWriter = WriterOptions::default().create(&path).unwrap();
        fill(&mut writer, 64 * MIB, || most = most.max(resident_bytes()));
        writer.publish().unwrap();
        most - before
    };
    // The second run shows what the first one left in the allocator as nothing: take the first.
    #[expect(clippy::cast_precision_loss, reason = "a few MiB")]
    let mib = run() as f64 / MIB as f64;
    fs::remove_file(&path).unwrap();
    print(
        "memory of a writer",
        "MiB",
        &[mib],
        &[],
        &json!({"at_most": 8.0}),
    );
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let is_quick = arguments.iter().any(|argument| argument == "--quick");
    let words: Vec<&String> = arguments
        .iter()
        .filter(|argument| !argument.starts_with("--"))
        .collect();
    let chosen = std::env::var_os("ALIGNED_IO_BENCH_DIR").map(PathBuf::from);
    let root = chosen.unwrap_or_else(|| PathBuf::from(env!("CARGO_TARGET_TMPDIR")));
    let directory = TempDir::new_in(&root).unwrap();
    let statistics = rustix::fs::statvfs(directory.path()).unwrap();
    let free = statistics.f_bavail * statistics.f_frsize;
    assert!(
        free > 3 * Scale::plain(is_quick).file_bytes,
        "{}: {free} bytes free are too few",
        root.display()
    );
    let has_fio = has_fio();
    let is_chosen = |name: &str| words.iter().all(|word| name.contains(word.as_str()));
    if is_chosen("memory of a writer") {
        memory(directory.path());
    }
    for row in rows(is_quick) {
        if is_chosen(&row.name) {
            measure(&row, directory.path(), has_fio);
        }
    }
}
