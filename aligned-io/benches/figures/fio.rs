//! fio, which does the same.

use std::path::Path;
use std::process::{Command, Stdio};

use aligned_io::{BackendChoice, Direct};
use serde_json::Value;

use crate::row::Peer;
use crate::shape::Shape;
use crate::time::Time;

impl Shape {
    /// fio doing the same. Where we have threads, it has the kernel's own asynchronous I/O.
    pub(crate) fn fio(self, direction: &'static str, file_bytes: u64) -> Peer {
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
            run: Box::new(move |path| run(direction, path, &arguments)),
        }
    }
}

fn run(direction: &str, path: &Path, arguments: &[String]) -> Time {
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

pub(crate) fn is_installed() -> bool {
    let version = Command::new("fio").arg("--version").output();
    version.is_ok_and(|output| output.status.success())
}
