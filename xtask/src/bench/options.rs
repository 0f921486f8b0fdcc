//! The command's options, the list of benches, and one run of them.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::bench::figures;
use crate::bench::machine::Machine;
use crate::bench::page;
use crate::bench::report::{self, Part, Report};
use crate::bench::row::Row;
use crate::bench::{replication, server, snapshot};
use crate::failure::Failure;
use crate::workspace::Workspace;

/// Measure the budgets of the design, side by side with their peers in the same run.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Which benches to run; all of them when none is named.
    #[arg(value_name = "NAME", value_parser = BENCHES.map(|bench| bench.name))]
    names: Vec<String>,
    /// Only these parts of the benches, by the names that the benches give them, those of quick
    /// parts with `--quick`; the rows of other parts stay as they are.
    #[arg(long = "part", value_name = "PART")]
    parts: Vec<String>,
    /// Smaller data.
    #[arg(long)]
    quick: bool,
    /// Measure nothing: write the page and its pictures from the figures that there are.
    #[arg(long, conflicts_with_all = ["names", "parts", "quick", "compare"])]
    page: bool,
    /// Print the change of every row since this earlier result.
    #[arg(long, value_name = "BASE.json")]
    compare: Option<PathBuf>,
}

/// One bench: gives the rows it measured.
pub(crate) struct Bench {
    pub(crate) name: &'static str,
    /// What it measures, for the page.
    pub(crate) about: &'static str,
    measures: Measures,
}

/// What a bench measures, and so who does it.
enum Measures {
    /// Whole programs, ours and the real servers.
    Programs(fn(&Workspace, &Plan) -> Result<Vec<Row>, Failure>),
    /// One crate: its own bench `figures` does it.
    Crate(&'static str),
}

/// All benches, in the order of the page.
pub(crate) const BENCHES: [Bench; 10] = [
    Bench {
        name: "snapshot",
        about: "Whole programs: saving, loading, memory, and what writers feel meanwhile.",
        measures: Measures::Programs(snapshot::run),
    },
    Bench {
        name: "replication",
        about: "A master and a replica over loopback: bringing the replica in sync, under writes.",
        measures: Measures::Programs(replication::run),
    },
    Bench {
        name: "server",
        about: "`forkless serve`: what `redis-benchmark` gets out of it.",
        measures: Measures::Programs(server::run),
    },
    Bench {
        name: "pipeline",
        about: "Where the nanoseconds of a save go. Each stage includes those before it.",
        measures: Measures::Crate("snapshot"),
    },
    Bench {
        name: "rdb",
        about: "`rdb-format`: the codec.",
        measures: Measures::Crate("rdb-format"),
    },
    Bench {
        name: "table",
        about: "`dash-table`: the hash table.",
        measures: Measures::Crate("dash-table"),
    },
    Bench {
        name: "runtime",
        about: "`shard-runtime`: messages, cuts, tasks.",
        measures: Measures::Crate("shard-runtime"),
    },
    Bench {
        name: "io",
        about: "`aligned-io`: files.",
        measures: Measures::Crate("aligned-io"),
    },
    Bench {
        name: "epaxos-store",
        about: "`epaxos-store`: what an EPaxos replica must not lose.",
        measures: Measures::Crate("epaxos-store"),
    },
    Bench {
        name: "values",
        about: "Values that are written to while they are saved, and the memory that saving takes.",
        measures: Measures::Crate("forkless"),
    },
];

impl Bench {
    fn run(&self, workspace: &Workspace, plan: &Plan) -> Result<Vec<Row>, Failure> {
        match self.measures {
            Measures::Programs(run) => run(workspace, plan),
            Measures::Crate(package) => figures::run(workspace, package, plan),
        }
    }
}

/// What to measure of a bench.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) extent: Extent,
    /// Its parts; all of them if none is named.
    pub(crate) parts: Vec<String>,
}

/// How much to measure.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Extent {
    /// A million keys: a minute or two.
    Quick,
    /// The sizes that the design names.
    Full,
}

impl Extent {
    /// As the option is called, and as it stands in the file.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Quick => "quick",
            Self::Full => "full",
        }
    }
}

/// Runs the command: prints a table, and writes `docs/measurements/latest.json` and the page
/// beside it.
///
/// # Errors
///
/// [`Failure`] when something to measure cannot run, or a result cannot be written.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<(), Failure> {
    let folder = workspace.root().join("docs/measurements");
    let file = folder.join("latest.json");
    if options.page {
        return write_page(&folder, &report::read(&file)?);
    }
    // Read first: a wrong file should not be found out after minutes, and it may be the very
    // file that is written below.
    let base = options.compare.as_deref().map(report::read).transpose()?;
    let plan = Plan {
        extent: if options.quick {
            Extent::Quick
        } else {
            Extent::Full
        },
        parts: options.parts.clone(),
    };
    let chosen = BENCHES.iter().filter(|bench| {
        options.names.is_empty() || options.names.iter().any(|name| name == bench.name)
    });
    let mut parts = Vec::new();
    for bench in chosen {
        parts.push(Part {
            bench: bench.name,
            rows: bench.run(workspace, &plan)?,
        });
    }
    let report = Report {
        plan,
        machine: Machine::of(workspace.target())?,
        parts,
    };
    println!("\n{}", report.table());
    if let Some(base) = base {
        println!("{}", report.changes(&base));
    }
    fs::create_dir_all(&folder).map_err(Failure::file(&folder))?;
    let earlier = if file.exists() {
        Some(report::read(&file)?)
    } else {
        None
    };
    let result = report.json(earlier.as_ref());
    fs::write(&file, format!("{result:#}\n")).map_err(Failure::file(&file))?;
    println!("written to docs/measurements/latest.json");
    write_page(&folder, &result)
}

/// Writes the page of `result` and its pictures into `folder`.
fn write_page(folder: &Path, result: &Value) -> Result<(), Failure> {
    let page = page::page(result);
    let mut files = page.pictures;
    files.push(("README.md", page.text));
    for (name, text) in files {
        let path = folder.join(name);
        fs::write(&path, text).map_err(Failure::file(&path))?;
    }
    println!("written to docs/measurements/README.md");
    Ok(())
}
