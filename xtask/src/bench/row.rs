//! One line of the table: our figure, the peers', and what the design asks for.

use serde_json::{Value, json};

use crate::bench::sample::Sample;

/// One measured quantity. Less is better in every row that has peers or an upper bound.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) name: String,
    pub(crate) unit: String,
    pub(crate) ours: Sample,
    pub(crate) peers: Vec<PeerFigure>,
    pub(crate) goal: Goal,
}

/// What a peer did at the same, or why it has no figure.
#[derive(Clone, Debug)]
pub(crate) struct PeerFigure {
    /// Its name and version.
    pub(crate) name: String,
    pub(crate) figure: Result<Sample, String>,
}

/// What the design asks of a row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Goal {
    /// So many times better than the best peer.
    Times(f64),
    /// Not more than this, in the row's unit.
    AtMost(f64),
    /// Not less than this, in the row's unit.
    AtLeast(f64),
    /// Nothing: the row is there to be seen.
    Nothing,
}

impl Row {
    /// The peer with the least median.
    pub(crate) fn best_peer(&self) -> Option<(&str, &Sample)> {
        let measured = self.peers.iter().filter_map(|peer| {
            let sample = peer.figure.as_ref().ok()?;
            Some((peer.name.as_str(), sample, sample.median()?))
        });
        let best = measured.min_by(|one, other| one.2.total_cmp(&other.2))?;
        Some((best.0, best.1))
    }

    /// How many times better than the best peer.
    pub(crate) fn ratio(&self) -> Option<f64> {
        Some(self.best_peer()?.1.median()? / self.ours.median()?)
    }

    /// True if the goal is reached; nothing without a goal, or a peer to compare with.
    pub(crate) fn reached(&self) -> Option<bool> {
        match self.goal {
            Goal::Times(times) => self.ratio().map(|ratio| ratio >= times),
            Goal::AtMost(most) => self.ours.median().map(|median| median <= most),
            Goal::AtLeast(least) => self.ours.median().map(|median| median >= least),
            Goal::Nothing => None,
        }
    }

    /// Digits after the point that the figures deserve.
    pub(crate) fn digits(&self) -> usize {
        match self.ours.median() {
            Some(median) if median >= 100.0 => 0,
            Some(median) if median >= 1.0 => 2,
            _ => 3,
        }
    }

    /// Reads a row as a crate's own bench prints it: the samples as lists, the rest as in
    /// [`json`](Self::json). Nothing if it is no such row.
    pub(crate) fn from_json(value: &Value) -> Option<Self> {
        let peers = match &value["peers"] {
            Value::Null => Vec::new(),
            peers => {
                let peers = peers.as_array()?.iter();
                peers.map(PeerFigure::from_json).collect::<Option<_>>()?
            }
        };
        Some(Self {
            name: value["name"].as_str()?.to_owned(),
            unit: value["unit"].as_str()?.to_owned(),
            ours: Sample::from_json(&value["ours"])?,
            peers,
            goal: Goal::from_json(&value["goal"])?,
        })
    }

    /// The row for programs.
    pub(crate) fn json(&self) -> Value {
        let peers = self.peers.iter().map(|peer| match &peer.figure {
            Ok(sample) => json!({ "name": peer.name, "figure": sample.json() }),
            Err(reason) => json!({ "name": peer.name, "missing": reason }),
        });
        let goal = match self.goal {
            Goal::Times(times) => json!({ "times_the_best_peer": times }),
            Goal::AtMost(most) => json!({ "at_most": most }),
            Goal::AtLeast(least) => json!({ "at_least": least }),
            Goal::Nothing => Value::Null,
        };
        json!({
            "name": self.name,
            "unit": self.unit,
            "ours": self.ours.json(),
            "peers": peers.collect::<Vec<_>>(),
            "best_peer": self.best_peer().map(|(name, _)| name),
            "ratio": self.ratio(),
            "goal": goal,
            "reached": self.reached(),
        })
    }
}

impl PeerFigure {
    fn from_json(value: &Value) -> Option<Self> {
        let figure = match value["missing"].as_str() {
            Some(reason) => Err(reason.to_owned()),
            None => Ok(Sample::from_json(&value["figure"])?),
        };
        Some(Self {
            name: value["name"].as_str()?.to_owned(),
            figure,
        })
    }
}

impl Goal {
    fn from_json(value: &Value) -> Option<Self> {
        let Some(goal) = value.as_object() else {
            return value.is_null().then_some(Self::Nothing);
        };
        let (name, bound) = goal.iter().next()?;
        let bound = bound.as_f64()?;
        match name.as_str() {
            "times_the_best_peer" => Some(Self::Times(bound)),
            "at_most" => Some(Self::AtMost(bound)),
            "at_least" => Some(Self::AtLeast(bound)),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(goal: Goal) -> Row {
        let peer = |name: &str, figure| PeerFigure {
            name: name.to_owned(),
            figure,
        };
        Row {
            name: "save".to_owned(),
            unit: "s".to_owned(),
            ours: Sample::from([0.1, 0.2, 0.3]),
            peers: vec![
                peer("slow", Ok(Sample::from([2.0]))),
                peer("absent", Err("not fetched".to_owned())),
                peer("fast", Ok(Sample::from([1.0, 0.5, 1.5]))),
            ],
            goal,
        }
    }

    #[test]
    fn the_best_peer_is_the_one_with_the_least_median() {
        let row = row(Goal::Times(5.0));
        assert_eq!(row.best_peer().unwrap().0, "fast");
        assert_eq!(row.ratio(), Some(5.0));
        assert_eq!(row.reached(), Some(true));
    }

    #[test]
    fn a_bound_needs_no_peer() {
        let mut row = row(Goal::AtMost(0.15));
        row.peers.clear();
        assert_eq!(row.ratio(), None);
        assert_eq!(row.reached(), Some(false));
    }

    #[test]
    fn a_rate_must_not_be_less_than_its_bound() {
        assert_eq!(row(Goal::AtLeast(0.15)).reached(), Some(true));
        assert_eq!(row(Goal::AtLeast(0.25)).reached(), Some(false));
    }

    #[test]
    fn without_any_peer_a_ratio_is_neither_reached_nor_missed() {
        let mut row = row(Goal::Times(5.0));
        row.peers.retain(|peer| peer.figure.is_err());
        assert_eq!(row.reached(), None);
    }

    #[test]
    fn a_printed_row_is_read_as_it_was_meant() {
        let line = json!({
            "name": "get", "unit": "ns", "ours": [3, 1.5, 2],
            "peers": [{ "name": "other", "figure": [4.0] }, { "name": "gone", "missing": "why" }],
            "goal": { "times_the_best_peer": 1.5 },
        });
        let row = Row::from_json(&line).unwrap();
        assert_eq!((row.name.as_str(), row.unit.as_str()), ("get", "ns"));
        assert_eq!(row.ratio(), Some(2.0));
        assert_eq!(row.reached(), Some(true));
        assert_eq!(row.peers[1].figure, Err("why".to_owned()));
        let alone = json!({ "name": "cut", "unit": "us", "ours": [7] });
        assert_eq!(Row::from_json(&alone).unwrap().goal, Goal::Nothing);
    }

    #[test]
    fn what_is_no_row_is_not_read() {
        for line in [
            json!({}),
            json!({ "name": "get", "unit": "ns", "ours": [] }),
            json!({ "name": "get", "unit": "ns", "ours": ["1"] }),
            json!({ "name": "get", "unit": "ns", "ours": [1], "goal": { "about": 1.0 } }),
            json!({ "name": "get", "unit": "ns", "ours": [1], "peers": [{ "name": "x" }] }),
        ] {
            assert!(Row::from_json(&line).is_none(), "{line}");
        }
    }

    #[test]
    fn a_missing_peer_is_told_in_the_file() {
        let peers = row(Goal::Times(5.0)).json()["peers"].clone();
        assert_eq!(
            peers[1],
            json!({ "name": "absent", "missing": "not fetched" })
        );
    }
}
