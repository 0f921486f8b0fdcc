//! The command's options, the list of benches, and one run of them.

use std::fs;
use std::path::PathBuf;

use crate::bench::figures;
use crate::bench::machine::Machine;
use crate::bench::report::{self, Part, Report};
use crate::bench::row::Row;
use crate::bench::snapshot;
use crate::failure::Failure;
use crate::workspace::Workspace;

/// Measure the budgets of the design, side by side with their peers in the same run.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Which benches to run; all of them when none is named.
    #[arg(value_name = "NAME", value_parser = BENCHES.map(|bench| bench.name))]
    names: Vec<String>,
    /// Smaller data.
    #[arg(long)]
    quick: bool,
    /// Print the change of every row since this earlier result.
    #[arg(long, value_name = "BASE.json")]
    compare: Option<PathBuf>,
}

/// One bench: gives the rows it measured.
struct Bench {
    name: &'static str,
    measures: Measures,
}

/// What a bench measures, and so who does it.
enum Measures {
    /// Whole programs, ours and the real servers.
    Programs,
    /// One crate: its own bench `figures` does it.
    Crate(&'static str),
}

const BENCHES: [Bench; 5] = [
    Bench {
        name: "snapshot",
        measures: Measures::Programs,
    },
    Bench {
        name: "rdb",
        measures: Measures::Crate("rdb-format"),
    },
    Bench {
        name: "table",
        measures: Measures::Crate("dash-table"),
    },
    Bench {
        name: "runtime",
        measures: Measures::Crate("shard-runtime"),
    },
    Bench {
        name: "io",
        measures: Measures::Crate("aligned-io"),
    },
];

impl Bench {
    fn run(&self, workspace: &Workspace, extent: Extent) -> Result<Vec<Row>, Failure> {
        match self.measures {
            Measures::Programs => snapshot::run(workspace, extent),
            Measures::Crate(package) => figures::run(workspace, package, extent),
        }
    }
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

/// Runs the command: prints a table and writes `docs/measurements/latest.json`.
///
/// # Errors
///
/// [`Failure`] when something to measure cannot run, or a result cannot be written.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<(), Failure> {
    // Read first: a wrong file should not be found out after minutes, and it may be the very
    // file that is written below.
    let base = options.compare.as_deref().map(report::read).transpose()?;
    let extent = if options.quick {
        Extent::Quick
    } else {
        Extent::Full
    };
    let chosen = BENCHES.iter().filter(|bench| {
        options.names.is_empty() || options.names.iter().any(|name| name == bench.name)
    });
    let mut parts = Vec::new();
    for bench in chosen {
        parts.push(Part {
            bench: bench.name,
            rows: bench.run(workspace, extent)?,
        });
    }
    let report = Report {
        extent,
        machine: Machine::of(workspace.target())?,
        parts,
    };
    println!("\n{}", report.table());
    if let Some(base) = base {
        println!("{}", report.changes(&base));
    }
    let folder = workspace.root().join("docs/measurements");
    fs::create_dir_all(&folder).map_err(Failure::file(&folder))?;
    let file = folder.join("latest.json");
    let earlier = if file.exists() {
        Some(report::read(&file)?)
    } else {
        None
    };
    let text = format!("{:#}\n", report.json(earlier.as_ref()));
    fs::write(&file, text).map_err(Failure::file(&file))?;
    println!("written to docs/measurements/latest.json");
    Ok(())
}
