//! The program being measured, asked for its own figures.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::failure::Failure;
use crate::program;
use crate::workspace::Workspace;

/// The built program.
#[derive(Debug)]
pub(crate) struct Forkless {
    binary: PathBuf,
}

/// What `forkless save` says of itself.
#[derive(Debug, PartialEq)]
pub(crate) struct Saved {
    pub(crate) load_seconds: f64,
    pub(crate) save_seconds: f64,
    /// Resident memory that came with the data, in bytes.
    pub(crate) store_bytes: f64,
}

/// What `forkless demo` says of itself.
#[derive(Debug, PartialEq)]
pub(crate) struct Demonstrated {
    /// Writes as the shard's thread sees them.
    pub(crate) shard: Writes,
    /// The same, without what that thread waited for a core.
    pub(crate) processor: Writes,
    /// Writes as a writer waits for them, its way to the shard and back included.
    pub(crate) writer: Writes,
    /// How long the snapshot took.
    pub(crate) seconds: f64,
    pub(crate) extra_memory_bytes: f64,
    pub(crate) budget_bytes: f64,
}

/// How long single writes took, and how many there were, before and during the snapshot.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Writes {
    pub(crate) p999_before_us: f64,
    pub(crate) p999_during_us: f64,
    pub(crate) longest_before_us: f64,
    pub(crate) longest_during_us: f64,
    pub(crate) per_s_before: f64,
    pub(crate) per_s_during: f64,
}

impl Forkless {
    /// Builds the program, so that no build is measured later.
    ///
    /// # Errors
    ///
    /// [`Failure::Exit`] when it does not build.
    pub(crate) fn build(workspace: &Workspace) -> Result<Self, Failure> {
        program::show(&mut workspace.cargo(&["build", "--release", "--package", "forkless"]))?;
        Ok(Self {
            binary: workspace.target().join("release/forkless"),
        })
    }

    /// Where it is.
    pub(crate) fn binary(&self) -> &Path {
        &self.binary
    }

    /// Loads `input` into `shards` shards and saves them to `output`.
    ///
    /// # Errors
    ///
    /// [`Failure`] when the program fails, lacks a figure, or has not all of `keys`.
    pub(crate) fn save(
        &self,
        input: &Path,
        output: &Path,
        shards: u32,
        keys: u64,
    ) -> Result<Saved, Failure> {
        let mut command = Command::new(&self.binary);
        command.arg("save").arg(input).arg(output);
        command.args(["--shards", &shards.to_string(), "--json"]);
        let answer = Answer::of(&mut command)?;
        answer.expect("/keys", keys)?;
        Ok(Saved {
            load_seconds: answer.figure("/load_seconds")?,
            save_seconds: answer.figure("/save_seconds")?,
            store_bytes: answer.figure("/resident_bytes_loaded")?
                - answer.figure("/resident_bytes_empty")?,
        })
    }

    /// Takes a snapshot of an embedded store while it is written to, into the folder `out`: as
    /// fast as the writers can, or with `rate` operations a second.
    ///
    /// # Errors
    ///
    /// As [`Forkless::save`].
    pub(crate) fn demo(
        &self,
        out: &Path,
        keys: u64,
        value_bytes: u64,
        rate: Option<u32>,
    ) -> Result<Demonstrated, Failure> {
        let mut command = Command::new(&self.binary);
        command.args(["demo", "--keys", &keys.to_string()]);
        command
            .args(["--value-bytes", &value_bytes.to_string(), "--json", "--out"])
            .arg(out);
        if let Some(rate) = rate {
            command.args(["--rate", &rate.to_string()]);
        }
        let answer = Answer::of(&mut command)?;
        Ok(Demonstrated {
            shard: answer.writes("/shard_write_latency_us")?,
            processor: answer.writes("/shard_write_processor_us")?,
            writer: answer.writes("/write_latency_us")?,
            seconds: answer.figure("/seconds")?,
            extra_memory_bytes: answer.figure("/extra_memory_bytes")?,
            budget_bytes: answer.figure("/budget_bytes")?,
        })
    }
}

/// The JSON object on the last line of what a command prints.
struct Answer {
    from: String,
    object: Value,
}

impl Answer {
    fn of(command: &mut Command) -> Result<Self, Failure> {
        let from = format!(
            "forkless {}",
            program::line(command).split(' ').nth(1).unwrap_or("")
        );
        let said = program::output(command)?;
        let last = said.lines().last().unwrap_or_default();
        match serde_json::from_str(last) {
            Ok(object) => Ok(Self { from, object }),
            Err(_) => Err(Failure::Unexpected {
                from,
                said: format!("no JSON: {last}"),
            }),
        }
    }

    fn figure(&self, pointer: &str) -> Result<f64, Failure> {
        let figure = self.object.pointer(pointer).and_then(Value::as_f64);
        figure.ok_or_else(|| self.unexpected(format!("no number at {pointer}")))
    }

    fn writes(&self, pointer: &str) -> Result<Writes, Failure> {
        let of = |name: &str| self.figure(&format!("{pointer}/{name}"));
        Ok(Writes {
            p999_before_us: of("before/p999")?,
            p999_during_us: of("during/p999")?,
            longest_before_us: of("before/max")?,
            longest_during_us: of("during/max")?,
            per_s_before: of("before/writes_per_s")?,
            per_s_during: of("during/writes_per_s")?,
        })
    }

    fn expect(&self, pointer: &str, count: u64) -> Result<(), Failure> {
        match self.object.pointer(pointer).and_then(Value::as_u64) {
            Some(found) if found == count => Ok(()),
            found => Err(self.unexpected(format!("{pointer} is {found:?}, not {count}"))),
        }
    }

    fn unexpected(&self, said: String) -> Failure {
        Failure::Unexpected {
            from: self.from.clone(),
            said,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use tempfile::TempDir;

    use super::*;

    impl Forkless {
        /// A shell script in `folder` that stands in for the program.
        pub(crate) fn standing_in(folder: &Path, script: &str) -> Self {
            let binary = folder.join("forkless");
            program::write_script(&binary, script);
            Self { binary }
        }
    }

    /// A program that prints `lines` whatever it is asked.
    fn standing_in(lines: &str) -> (TempDir, Forkless) {
        let folder = tempfile::tempdir().unwrap();
        let forkless = Forkless::standing_in(folder.path(), &format!("cat <<'END'\n{lines}\nEND"));
        (folder, forkless)
    }

    fn save(forkless: &Forkless) -> Result<Saved, Failure> {
        forkless.save(Path::new("in.rdb"), Path::new("out.rdb"), 2, 1000)
    }

    #[test]
    fn figures_stand_on_the_last_line() {
        let (_folder, forkless) = standing_in(
            "loading\n{\"load_seconds\":0.5,\"save_seconds\":0.25,\"keys\":1000,\
             \"resident_bytes_empty\":10,\"resident_bytes_loaded\":90}",
        );
        assert_eq!(
            save(&forkless).unwrap(),
            Saved {
                load_seconds: 0.5,
                save_seconds: 0.25,
                store_bytes: 80.0,
            }
        );
    }

    #[test]
    fn a_save_of_fewer_keys_is_no_result() {
        let (_folder, forkless) =
            standing_in("{\"load_seconds\":0.5,\"save_seconds\":0.25,\"keys\":999}");
        let refused = save(&forkless).unwrap_err().to_string();
        assert_eq!(
            refused,
            "unexpected from forkless save: /keys is Some(999), not 1000"
        );
    }

    #[test]
    fn a_missing_figure_is_named() {
        let (_folder, forkless) = standing_in("{\"keys\":1000,\"load_seconds\":1}");
        let refused = save(&forkless).unwrap_err().to_string();
        assert_eq!(
            refused,
            "unexpected from forkless save: no number at /save_seconds"
        );
        let (_folder, forkless) = standing_in("done");
        let refused = save(&forkless).unwrap_err().to_string();
        assert_eq!(refused, "unexpected from forkless save: no JSON: done");
    }

    #[test]
    fn latency_is_told_before_and_during() {
        let answer = json!({
            "seconds": 0.5,
            "extra_memory_bytes": 10,
            "budget_bytes": 20,
            "shard_write_latency_us": {
                "before": { "p50": 1, "p99": 2, "p999": 4, "max": 9, "writes_per_s": 8 },
                "during": { "p50": 1, "p99": 3, "p999": 6, "max": 300, "writes_per_s": 6 },
            },
            "shard_write_processor_us": {
                "before": { "p50": 1, "p99": 2, "p999": 3, "max": 5, "writes_per_s": 8 },
                "during": { "p50": 1, "p99": 3, "p999": 4, "max": 7, "writes_per_s": 6 },
            },
            "write_latency_us": {
                "before": { "p50": 1, "p99": 2, "p999": 10, "max": 90, "writes_per_s": 8 },
                "during": { "p50": 1, "p99": 3, "p999": 20, "max": 900, "writes_per_s": 6 },
            },
        });
        let (_folder, forkless) = standing_in(&answer.to_string());
        assert_eq!(
            forkless.demo(Path::new("out"), 1, 1, None).unwrap(),
            Demonstrated {
                shard: Writes {
                    p999_before_us: 4.0,
                    p999_during_us: 6.0,
                    longest_before_us: 9.0,
                    longest_during_us: 300.0,
                    per_s_before: 8.0,
                    per_s_during: 6.0,
                },
                processor: Writes {
                    p999_before_us: 3.0,
                    p999_during_us: 4.0,
                    longest_before_us: 5.0,
                    longest_during_us: 7.0,
                    per_s_before: 8.0,
                    per_s_during: 6.0,
                },
                writer: Writes {
                    p999_before_us: 10.0,
                    p999_during_us: 20.0,
                    longest_before_us: 90.0,
                    longest_during_us: 900.0,
                    per_s_before: 8.0,
                    per_s_during: 6.0,
                },
                seconds: 0.5,
                extra_memory_bytes: 10.0,
                budget_bytes: 20.0,
            }
        );
    }
}
