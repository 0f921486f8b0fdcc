//! A figure taken several times.

use serde_json::{Value, json};

/// A figure taken several times: its median and how far it went.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Sample {
    /// In ascending order.
    figures: Vec<f64>,
}

impl Sample {
    /// Adds one figure.
    pub(crate) fn add(&mut self, figure: f64) {
        let place = self.figures.partition_point(|other| *other < figure);
        self.figures.insert(place, figure);
    }

    /// Reads a list of figures; nothing if it is empty or holds anything else.
    pub(crate) fn from_json(value: &Value) -> Option<Self> {
        let mut sample = Self::default();
        for figure in value.as_array()? {
            sample.add(figure.as_f64()?);
        }
        (!sample.figures.is_empty()).then_some(sample)
    }

    /// The figure in the middle, or the mean of the two there; nothing of an empty sample.
    pub(crate) fn median(&self) -> Option<f64> {
        let middle = self.figures.len() / 2;
        let upper = *self.figures.get(middle)?;
        if self.figures.len() % 2 == 1 {
            return Some(upper);
        }
        Some(f64::midpoint(self.figures[middle - 1], upper))
    }

    /// `median (min..max)`, with `digits` after the point.
    pub(crate) fn text(&self, digits: usize) -> String {
        match (self.median(), self.figures.first(), self.figures.last()) {
            (Some(median), Some(min), Some(max)) => {
                format!("{median:.digits$} ({min:.digits$}..{max:.digits$})")
            }
            _ => "-".to_owned(),
        }
    }

    /// `{"median":..,"min":..,"max":..,"rounds":..}`.
    pub(crate) fn json(&self) -> Value {
        json!({
            "median": self.median(),
            "min": self.figures.first(),
            "max": self.figures.last(),
            "rounds": self.figures.len(),
        })
    }
}

#[cfg(test)]
impl<const N: usize> From<[f64; N]> for Sample {
    fn from(figures: [f64; N]) -> Self {
        let mut sample = Self::default();
        for figure in figures {
            sample.add(figure);
        }
        sample
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_stands_in_the_middle_whatever_the_order() {
        assert_eq!(Sample::from([3.0, 1.0, 2.0]).median(), Some(2.0));
        assert_eq!(Sample::from([4.0, 1.0, 2.0, 3.0]).median(), Some(2.5));
        assert_eq!(Sample::default().median(), None);
    }

    #[test]
    fn the_text_shows_the_range() {
        assert_eq!(Sample::from([0.5, 0.25, 1.0]).text(2), "0.50 (0.25..1.00)");
        assert_eq!(Sample::default().text(2), "-");
    }
}
