//! All the rows.

use aligned_io::{BackendChoice, Direct, Pages, ReaderOptions, WriterOptions};
use serde_json::{Value, json};

use crate::reads::{read, read_std};
use crate::row::{Peer, Row};
use crate::scale::{Scale, size};
use crate::shape::{Shape, shapes};
use crate::writes::{write, write_as_fio, write_in_place, write_small, write_std};

pub(crate) fn rows(is_quick: bool) -> Vec<Row> {
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
    rows.push(pages_row(is_quick));
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

/// The row that shows what huge pages are for.
fn pages_row(is_quick: bool) -> Row {
    let scale = Scale::shaped(is_quick);
    let bytes = scale.file_bytes;
    let shape = Shape {
        block_bytes: 1 << 20,
        depth: 4,
        backend: BackendChoice::IoUring,
        direct: Direct::Require,
    };
    let with = |pages| ReaderOptions {
        pages,
        ..shape.reader()
    };
    let (huge, small) = (with(Pages::Huge), with(Pages::Small));
    Row {
        name: format!("read {}, {}, huge pages", size(bytes), shape.name()),
        scale,
        goal: Value::Null,
        ours: Box::new(move |path| read(&huge, path, bytes)),
        peers: vec![Peer {
            name: "small pages",
            run: Box::new(move |path| read(&small, path, bytes)),
        }],
        cpu: None,
    }
}
