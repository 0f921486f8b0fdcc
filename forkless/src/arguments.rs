//! The command line: what can be asked, with names and defaults that are a contract.

mod replicate;
mod serve;
mod usage;

use std::num::{NonZeroU32, NonZeroUsize};
use std::path::PathBuf;

use clap::builder::{PathBufValueParser, TypedValueParser};
use clap::error::ErrorKind;
use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum};
use rdb_format::{Compression, Family, Losses, Target};

pub(crate) use crate::arguments::replicate::Replicate;
pub(crate) use crate::arguments::serve::Serve;
pub(crate) use crate::arguments::usage::{complaint, is_json_wanted};
use crate::series::Series;

/// Point-in-time snapshots of a live sharded store, without fork.
#[derive(Debug, Parser)]
#[command(version, about, propagate_version = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
    /// Log to stderr what is done, and what had to be done without.
    #[arg(long, short, global = true)]
    pub(crate) verbose: bool,
    /// Print one JSON object as the last line: what was done, or the error.
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

impl Arguments {
    /// Those of this process.
    ///
    /// # Errors
    ///
    /// When it was called as it cannot be; and when help or the version was asked for.
    pub(crate) fn of_process() -> Result<Self, clap::Error> {
        let arguments = Self::try_parse()?;
        if let Command::Save(save) = &arguments.command
            && (save.keep.is_some() || save.keep_days.is_some())
            && save.output.dated().is_none()
        {
            let what = "--keep and --keep-days need a name with a date, such as {timestamp}";
            return Err(Self::command().error(ErrorKind::ArgumentConflict, what));
        }
        Ok(arguments)
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Fill a store, write to it all the time, snapshot it in the middle, prove the snapshot.
    Demo(Demo),
    /// Load an RDB file, or a directory of shard files, and save it through the whole pipeline.
    Save(Save),
    /// Verify structure, checksum and manifest of RDB files and directories of shard files.
    Check(Check),
    /// Show what an RDB file holds.
    Inspect(Inspect),
    /// Rewrite an RDB file for another server version, whole or in part.
    Convert(Convert),
    /// Split an RDB file into one for each shard, with a manifest.
    Split(Split),
    /// Merge a directory of shard files into one RDB file.
    Merge(Merge),
    /// Follow a master until all its keys are here, and save them.
    Replicate(Replicate),
    /// Serve RESP clients, from and to a snapshot.
    Serve(Serve),
    /// Inspect, verify, send or rebuild the store of an EPaxos replica.
    #[cfg(feature = "epaxos")]
    #[command(subcommand)]
    Store(StoreCommand),
}

#[cfg(feature = "epaxos")]
#[derive(Debug, Subcommand)]
pub(crate) enum StoreCommand {
    /// Show whose store it is, and how far each replica's instances have come.
    Inspect(StorePath),
    /// Read and check every row.
    Verify(StorePath),
    /// Write the state of the store to a file, for another replica.
    StreamOut(StreamOut),
    /// Rebuild a store from such a file, whole or not at all.
    StreamIn(StreamIn),
}

#[cfg(feature = "epaxos")]
#[derive(Debug, Args)]
pub(crate) struct StorePath {
    /// The store's folder.
    pub(crate) path: PathBuf,
}

#[cfg(feature = "epaxos")]
#[derive(Debug, Args)]
pub(crate) struct StreamOut {
    /// The store's folder.
    pub(crate) store: PathBuf,
    /// The file to write.
    pub(crate) output: PathBuf,
}

#[cfg(feature = "epaxos")]
#[derive(Debug, Args)]
pub(crate) struct StreamIn {
    /// The store's folder; what is there is replaced.
    pub(crate) store: PathBuf,
    /// The file to read.
    pub(crate) input: PathBuf,
    /// The replica that the store belongs to.
    #[arg(long, allow_negative_numbers = true)]
    pub(crate) replica: i64,
}

#[derive(Debug, Args)]
pub(crate) struct Demo {
    /// Keys to fill the store with.
    #[arg(long, default_value_t = 1_000_000)]
    pub(crate) keys: u32,
    /// Bytes in each value.
    #[arg(long, default_value = "100", value_parser = size_bytes)]
    pub(crate) value_bytes: usize,
    /// Shards, each a thread of its own [default: the number of cores].
    #[arg(long)]
    pub(crate) shards: Option<NonZeroUsize>,
    /// Writer threads that go on for the whole run [default: two for each shard].
    #[arg(long)]
    pub(crate) writers: Option<NonZeroUsize>,
    /// Operations per second of all writers together [default: as many as they can].
    #[arg(long, value_name = "PER_SECOND")]
    pub(crate) rate: Option<NonZeroU32>,
    /// Folder for dump.rdb, report.svg and report.json.
    #[arg(long, default_value = "forkless-demo")]
    pub(crate) out: PathBuf,
    /// Seed of everything that is random in the run.
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// Bytes that may be on their way from the shards to the disk.
    #[arg(long, default_value = "64MiB", value_parser = size_bytes)]
    pub(crate) snapshot_budget: usize,
}

#[derive(Debug, Args)]
pub(crate) struct Save {
    /// The RDB file, or directory of shard files, to load.
    #[arg(value_name = "IN")]
    pub(crate) input: PathBuf,
    /// The file, or directory, to write; it appears when it is whole and durable. Its name may
    /// hold the time of the snapshot, in UTC: {timestamp}, or strftime's %Y, %m, %d, %H, %M, %S;
    /// %% is a percent sign.
    #[arg(value_name = "OUT", value_parser = PathBufValueParser::new().try_map(Series::new))]
    pub(crate) output: Series,
    /// One file, or a directory with one for each shard and a manifest.
    #[arg(long, value_enum, default_value_t = Files::Single)]
    pub(crate) files: Files,
    /// When it is written, remove older snapshots of the same series, all but the newest N.
    #[arg(long, value_name = "N")]
    pub(crate) keep: Option<NonZeroUsize>,
    /// When it is written, remove snapshots of the same series that are older than this, but for
    /// those that --keep keeps.
    #[arg(long, value_name = "DAYS")]
    pub(crate) keep_days: Option<u32>,
    /// Shards, each a thread of its own [default: the number of cores].
    #[arg(long)]
    pub(crate) shards: Option<NonZeroUsize>,
    /// RDB version to write: 9 to 14, or 80 for Valkey 9.
    #[arg(long, default_value = "9", value_parser = target)]
    pub(crate) rdb_version: Target,
    /// Compression of strings.
    #[arg(long, value_enum, default_value_t = Compress::None)]
    pub(crate) compress: Compress,
    /// Bytes that may be on their way from the shards to the disk.
    #[arg(long, default_value = "64MiB", value_parser = size_bytes)]
    pub(crate) snapshot_budget: usize,
}

#[derive(Debug, Args)]
pub(crate) struct Check {
    /// RDB files, or directories of shard files, to verify.
    #[arg(value_name = "PATH", required = true)]
    pub(crate) paths: Vec<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Inspect {
    /// The RDB file to read.
    pub(crate) path: PathBuf,
    /// A summary, or one line for each key.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub(crate) format: Format,
    /// Only keys of this database.
    #[arg(long, value_name = "N")]
    pub(crate) db: Option<u32>,
    /// Only keys that match this pattern, as Redis matches them.
    #[arg(long, value_name = "GLOB")]
    pub(crate) key: Option<String>,
    /// Only keys of this type.
    #[arg(long = "type", value_name = "T", value_parser = family)]
    pub(crate) family: Option<Family>,
    /// How many of the biggest keys to show.
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub(crate) top: usize,
}

#[derive(Debug, Args)]
pub(crate) struct Convert {
    /// The RDB file to read.
    #[arg(value_name = "IN")]
    pub(crate) input: PathBuf,
    /// The file to write; it appears when it is whole and durable.
    #[arg(value_name = "OUT")]
    pub(crate) output: PathBuf,
    /// RDB version to write: 9 to 14, or 80 for Valkey 9.
    #[arg(long, value_name = "V", value_parser = target)]
    pub(crate) rdb_version: Target,
    /// Only keys that match this pattern, as Redis matches them.
    #[arg(long, value_name = "GLOB")]
    pub(crate) key: Option<String>,
    /// Only keys of this database.
    #[arg(long, value_name = "N")]
    pub(crate) db: Option<u32>,
    /// Only keys of this type.
    #[arg(long = "type", value_name = "T", value_parser = family)]
    pub(crate) family: Option<Family>,
    /// Leave out what the target cannot hold, and say so, instead of failing.
    #[arg(long)]
    pub(crate) skip_unsupported: bool,
    /// What a key may lose where the target cannot hold all of it.
    #[arg(long, value_enum, default_value_t = AllowLoss::None)]
    pub(crate) allow_loss: AllowLoss,
    /// Write every value anew, its strings compressed or not [default: values stay as stored].
    #[arg(long, value_enum)]
    pub(crate) compress: Option<Compress>,
}

#[derive(Debug, Args)]
pub(crate) struct Split {
    /// The RDB file, or directory of shard files, to read.
    #[arg(value_name = "IN")]
    pub(crate) input: PathBuf,
    /// The directory to write; its files appear together when all are whole and durable.
    #[arg(value_name = "DIR")]
    pub(crate) output: PathBuf,
    /// How many files.
    #[arg(long, value_name = "N", value_parser = file_count)]
    pub(crate) shards: NonZeroUsize,
}

#[derive(Debug, Args)]
pub(crate) struct Merge {
    /// The directory of shard files to read.
    #[arg(value_name = "DIR")]
    pub(crate) input: PathBuf,
    /// The file to write; it appears when it is whole and durable.
    #[arg(value_name = "OUT")]
    pub(crate) output: PathBuf,
}

/// Into how many files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Files {
    /// One.
    Single,
    /// One for each shard.
    PerShard,
}

/// What a key may lose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum AllowLoss {
    /// Nothing.
    None,
    /// Counters and times that only commands like XINFO show.
    Statistics,
    /// Anything, such as the expiry of fields.
    Any,
}

impl From<AllowLoss> for Losses {
    fn from(allow: AllowLoss) -> Self {
        match allow {
            AllowLoss::None => Self::Refuse,
            AllowLoss::Statistics => Self::Statistics,
            AllowLoss::Any => Self::Any,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    Table,
    Jsonl,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Compress {
    None,
    Lzf,
}

impl From<Compress> for Compression {
    fn from(compress: Compress) -> Self {
        match compress {
            Compress::None => Self::None,
            Compress::Lzf => Self::Lzf,
        }
    }
}

fn target(text: &str) -> Result<Target, String> {
    let known = text.parse().ok().and_then(Target::from_rdb_version);
    known.ok_or_else(|| "known versions are 9 to 14 and 80".to_owned())
}

/// The types a key can have.
const FAMILIES: [Family; 8] = [
    Family::String,
    Family::List,
    Family::Set,
    Family::Hash,
    Family::SortedSet,
    Family::Stream,
    Family::Module,
    Family::Array,
];

fn family(text: &str) -> Result<Family, String> {
    let known = FAMILIES.into_iter().find(|family| family.name() == text);
    known.ok_or_else(|| {
        let names: Vec<&str> = FAMILIES.iter().map(|family| family.name()).collect();
        format!("known types are {}", names.join(", "))
    })
}

/// Reads a size: digits and a unit, of 1000 (`kB`, `MB`, `GB`) or 1024 (`KiB`, `MiB`, `GiB`).
fn size_bytes(text: &str) -> Result<usize, String> {
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, unit) = text.split_at(digits);
    let number: usize = number
        .parse()
        .map_err(|_| "a size begins with a number".to_owned())?;
    let factor = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "kb" => 1000,
        "mb" => 1_000_000,
        "gb" => 1_000_000_000,
        "kib" | "k" => 1 << 10,
        "mib" | "m" => 1 << 20,
        "gib" | "g" => 1 << 30,
        _ => return Err("known units are B, kB, MB, GB, KiB, MiB and GiB".to_owned()),
    };
    number
        .checked_mul(factor)
        .ok_or_else(|| "the size is too large".to_owned())
}

/// The most files that are written at once: each has a few MiB of buffers.
const FILES_MAX: usize = 1024;

fn file_count(text: &str) -> Result<NonZeroUsize, String> {
    let count = text.parse::<NonZeroUsize>().ok();
    let count = count.filter(|count| count.get() <= FILES_MAX);
    count.ok_or_else(|| format!("a number from 1 to {FILES_MAX}"))
}

/// As many shards as there are cores, if the user does not say.
pub(crate) fn shards(asked: Option<NonZeroUsize>) -> usize {
    let cores = || std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    asked.map_or_else(cores, NonZeroUsize::get)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn definition_is_sound() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn sizes_know_both_kinds_of_units() {
        assert_eq!(size_bytes("64MiB"), Ok(64 << 20));
        assert_eq!(size_bytes("1GB"), Ok(1_000_000_000));
        assert_eq!(size_bytes("512"), Ok(512));
        assert!(size_bytes("MiB").is_err());
        assert!(size_bytes("1 parsec").is_err());
        assert!(size_bytes("99999999999999999999GB").is_err());
        assert!(size_bytes("18446744073709551615KiB").is_err());
    }
}
