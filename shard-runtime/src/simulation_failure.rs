//! Why a simulation did not come to its end.

use crate::trace::Trace;
use std::fmt;

/// A run that went wrong: its message has the seed, the cause, and the trace up to it.
///
/// Its `Debug` is its message, so that `unwrap` in a test prints lines that can be read.
#[derive(Clone, thiserror::Error)]
#[error("seed {seed}: {cause}\n{trace}")]
pub struct SimulationFailure {
    /// The seed that does it again.
    pub seed: u64,
    /// What went wrong.
    pub cause: SimulationCause,
    /// What happened before.
    pub trace: Trace,
}

/// What went wrong in a simulation.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SimulationCause {
    /// The main function panicked.
    Panicked {
        /// The message of the panic.
        message: String,
    },
    /// Everybody who has not ended waits, and nobody is left to end the waits.
    Stalled {
        /// Each with its name, and where it waits: file and line.
        waiting: Vec<(String, String)>,
    },
    /// The run took more steps than allowed.
    Endless {
        /// How many it took.
        steps: u64,
    },
}

impl fmt::Display for SimulationCause {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Panicked { message } => write!(formatter, "main panicked: {message}"),
            Self::Stalled { waiting } => {
                formatter.write_str("nobody can go on")?;
                for (name, place) in waiting {
                    write!(formatter, "; {name} waits at {place}")?;
                }
                Ok(())
            }
            Self::Endless { steps } => write!(formatter, "no end after {steps} steps"),
        }
    }
}

impl fmt::Debug for SimulationFailure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}
