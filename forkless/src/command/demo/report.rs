//! The report: what is printed, and what is left in the folder.

use std::fs;
use std::ops::Range;
use std::path::Path;

use indicatif::{HumanBytes, HumanCount};
use serde_json::{Value, json};

use crate::arguments::Demo;
use crate::command::demo::live::Live;
use crate::command::demo::measure::{Clock, Latency, to_f64};
use crate::command::demo::picture::{self, Timeline};
use crate::command::demo::workload::Plan;
use crate::error::CommandError;
use crate::output::Output;

/// Steps of the picture's latency curves.
const PICTURE_STEPS: u32 = 160;

/// What a run came to.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) plan: Plan,
    pub(crate) shards: usize,
    pub(crate) live: Live,
    /// Keys of the file found equal to the state at the cut: all of them.
    pub(crate) verified: u64,
}

impl Outcome {
    fn before_ms(&self) -> Range<f64> {
        0.0..self.live.snapshot_ms.start
    }

    fn latency(&self, clock: Clock, range_ms: &Range<f64>) -> Latency {
        self.live.samples.latency(clock, range_ms)
    }

    fn seconds(&self) -> f64 {
        self.live.report.duration.as_secs_f64()
    }

    fn megabytes_per_second(&self) -> f64 {
        to_f64(self.live.report.bytes) / 1e6 / self.seconds()
    }

    fn extra_memory_bytes(&self) -> u64 {
        self.live.memory.growth_bytes(&self.live.snapshot_ms)
    }

    /// Writes `report.json` and `report.svg` into `folder`.
    pub(crate) fn write_files(&self, folder: &Path, arguments: &Demo) -> Result<(), CommandError> {
        let json = format!("{:#}\n", self.json(arguments));
        let svg = picture::draw(&self.timeline(arguments))?;
        for (name, text) in [("report.json", json), ("report.svg", svg)] {
            let path = folder.join(name);
            fs::write(&path, text).map_err(|source| CommandError::Write { path, source })?;
        }
        Ok(())
    }

    /// Prints the table, and the JSON line if it was asked for.
    pub(crate) fn print(&self, arguments: &Demo, output: &mut Output) -> Result<(), CommandError> {
        let report = &self.live.report;
        let mib = |bytes: u64| format!("{:.1} MiB", to_f64(bytes) / f64::from(1 << 20));
        let ms = |duration: std::time::Duration| duration.as_secs_f64() * 1e3;
        let mode = report.parts[0].mode;
        let mode = mode.map_or_else(String::new, |mode| mode.to_string());
        output.line(format!(
            "{:<24}{}",
            "keys at the cut",
            HumanCount(report.keys)
        ))?;
        output.line(format!(
            "{:<24}{}, {}, RDB version 9, CRC64 {:016x}",
            "file",
            arguments.out.join("dump.rdb").display(),
            HumanBytes(report.bytes),
            report.parts[0].crc64,
        ))?;
        output.line(format!(
            "{:<24}{:.3} s, {:.0} MB/s ({:.1} ms of it sync and rename; {mode})",
            "snapshot",
            self.seconds(),
            self.megabytes_per_second(),
            ms(report.publish),
        ))?;
        output.line(format!(
            "{:<24}no shard stopped for more than {:.0} us; taken after {:.0} us",
            "cut, all shards",
            ms(report.cut_pause) * 1e3,
            ms(report.cut_wait) * 1e3,
        ))?;
        output.line(format!(
            "{:<24}{} in flight of a budget of {}, at most {} of fixed buffers",
            "snapshot's memory",
            mib(report.budget_bytes_used as u64),
            mib(arguments.snapshot_budget as u64),
            mib(report.fixed_bytes as u64),
        ))?;
        output.line(format!(
            "{:<24}{} (resident memory, snapshot and all else)",
            "extra memory at peak",
            mib(self.extra_memory_bytes()),
        ))?;
        self.print_latencies(output)?;
        output.line(format!(
            "\nverified: {} keys equal the state at the cut, key by key; {} reads were right",
            HumanCount(self.verified),
            HumanCount(self.live.reads),
        ))?;
        output.json(|| self.json(arguments))
    }

    fn print_latencies(&self, output: &mut Output) -> Result<(), CommandError> {
        output.line(format!(
            "\n{:<24}{:>9}{:>9}{:>9}{:>11}{:>12}",
            "write latency, us", "p50", "p99", "p99.9", "max", "writes/s"
        ))?;
        let during = &self.live.snapshot_ms;
        for (name, clock, range_ms) in [
            ("at the writer, before", Clock::RoundTrip, &self.before_ms()),
            ("at the writer, during", Clock::RoundTrip, during),
            ("on the shard, before", Clock::OnShard, &self.before_ms()),
            ("on the shard, during", Clock::OnShard, during),
            ("processor, before", Clock::Processor, &self.before_ms()),
            ("processor, during", Clock::Processor, during),
        ] {
            let latency = self.latency(clock, range_ms);
            output.line(format!(
                "  {name:<22}{:>9.1}{:>9.1}{:>9.1}{:>11.1}{:>12.0}",
                latency.p50_us,
                latency.p99_us,
                latency.p999_us,
                latency.max_us,
                latency.writes_per_s,
            ))?;
        }
        Ok(())
    }

    fn json(&self, arguments: &Demo) -> Value {
        let report = &self.live.report;
        let latencies = |clock| {
            json!({
                "before": self.latency(clock, &self.before_ms()).json(),
                "during": self.latency(clock, &self.live.snapshot_ms).json(),
            })
        };
        json!({
            "keys": report.keys,
            "bytes": report.bytes,
            "seconds": self.seconds(),
            "megabytes_per_second": self.megabytes_per_second(),
            "extra_memory_bytes": self.extra_memory_bytes(),
            "budget_bytes": arguments.snapshot_budget,
            "budget_bytes_used": report.budget_bytes_used,
            "fixed_bytes": report.fixed_bytes,
            "write_latency_us": latencies(Clock::RoundTrip),
            "shard_write_latency_us": latencies(Clock::OnShard),
            "shard_write_processor_us": latencies(Clock::Processor),
            "cut_pause_us": report.cut_pause.as_secs_f64() * 1e6,
            "cut_wait_us": report.cut_wait.as_secs_f64() * 1e6,
            "publish_seconds": report.publish.as_secs_f64(),
            "crc64": format!("{:016x}", report.parts[0].crc64),
            "verified_keys": self.verified,
            "reads": self.live.reads,
            "shards": self.shards,
            "writers": self.plan.writers,
            "rate_per_s": arguments.rate,
            "value_bytes": self.plan.value_bytes,
            "seed": self.plan.seed,
            "mode": report.parts[0].mode.map(|mode| mode.to_string()),
        })
    }

    fn timeline(&self, arguments: &Demo) -> Timeline {
        let report = &self.live.report;
        Timeline {
            title: format!(
                "{} keys × {} B, {} shards, {} writers",
                HumanCount(report.keys),
                self.plan.value_bytes,
                self.shards,
                self.plan.writers,
            ),
            subtitle: format!(
                "snapshot of {} in {:.2} s while the writes went on, equal to the cut key by key",
                HumanBytes(report.bytes),
                self.seconds(),
            ),
            snapshot_ms: self.live.snapshot_ms.clone(),
            end_ms: self.live.end_ms,
            latency: self.live.samples.timeline(self.live.end_ms, PICTURE_STEPS),
            memory: self.live.memory.samples.clone(),
            budget_bytes: arguments.snapshot_budget as u64,
        }
    }
}
