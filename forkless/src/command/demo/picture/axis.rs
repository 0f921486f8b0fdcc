//! Axes: which values a panel shows, where its marks stand, and how numbers are written.

use std::ops::Range;

/// The values along one side of a panel.
#[derive(Debug)]
pub(crate) struct Axis {
    // Invariant: finite, and `start < end`; both already placed by `form`.
    range: Range<f64>,
    form: Form,
    marks: Vec<Mark>,
}

/// A value with a grid line and a label.
#[derive(Debug)]
pub(crate) struct Mark {
    /// Where it stands, in the values of [`Axis::range`].
    pub(crate) place: f64,
    /// The value in words.
    pub(crate) label: String,
}

#[derive(Clone, Copy, Debug)]
enum Form {
    Linear,
    Logarithmic,
}

/// The finest latency on a logarithmic axis, in microseconds: the clocks resolve no more.
const FINEST_US: f64 = 0.001;
/// Spreads wider than this, in decades, have marks at powers of ten alone.
const FINE_DECADES: f64 = 2.2;

impl Axis {
    /// Shows `values` exactly, with about `intervals` steps between marks.
    pub(crate) fn exact(values: Range<f64>, intervals: f64, label: fn(f64) -> String) -> Self {
        assert!(
            values.start < values.end,
            "an axis shows more than one value"
        );
        let step = round_step((values.end - values.start) / intervals);
        let first = (values.start / step).ceil();
        let marks = std::iter::successors(Some(first), |count| Some(count + 1.0))
            .map(|count| count * step)
            .take_while(|at| *at <= values.end + step * 1e-6)
            .map(|place| Mark {
                place,
                label: label(place),
            })
            .collect();
        Self {
            range: values,
            form: Form::Linear,
            marks,
        }
    }

    /// Shows `values` and as much more as it takes to begin and end at marks.
    pub(crate) fn rounded(values: Range<f64>, intervals: f64, label: fn(f64) -> String) -> Self {
        let step = round_step((values.end - values.start) / intervals);
        let low = (values.start / step).floor() * step;
        let high = (values.end / step).ceil() * step;
        Self::exact(low..high, (high - low) / step, label)
    }

    /// Shows latencies in microseconds by their logarithm; a decade at least.
    pub(crate) fn of_latencies(us: Range<f64>) -> Self {
        let fastest = us.start.max(FINEST_US);
        let slowest = us.end.max(fastest * 10.0);
        let decades = Self::decades(fastest, slowest);
        let steps = decades.flat_map(|ten| [1.0, 2.0, 5.0].map(|step| step * ten));
        let steps: Vec<f64> = steps.collect();
        let low = steps
            .iter()
            .rfind(|us| **us <= fastest * 1.001)
            .map_or(fastest, |us| *us);
        let high = steps
            .iter()
            .find(|us| **us >= slowest * 0.999)
            .map_or(slowest, |us| *us);

        let marked: Vec<f64> = if (high / low).log10() < FINE_DECADES {
            steps
        } else {
            Self::decades(fastest, slowest).collect()
        };
        let marks = marked
            .into_iter()
            .filter(|us| (low * 0.999..=high * 1.001).contains(us))
            .map(|us| Mark {
                place: us.log10(),
                label: duration(us),
            })
            .collect();
        Self {
            range: low.log10()..high.log10(),
            form: Form::Logarithmic,
            marks,
        }
    }

    /// The powers of ten from below `low` to above `high`.
    fn decades(low: f64, high: f64) -> impl Iterator<Item = f64> {
        let last = high.log10().ceil();
        std::iter::successors(Some(low.log10().floor()), |ten| Some(ten + 1.0))
            .take_while(move |ten| *ten <= last)
            .map(|ten| 10_f64.powf(ten))
    }

    /// Where `value` stands within [`Axis::range`]; at its nearest end when it lies outside.
    pub(crate) fn place(&self, value: f64) -> f64 {
        let place = match self.form {
            Form::Linear => value,
            Form::Logarithmic => value.max(FINEST_US).log10(),
        };
        place.clamp(self.range.start, self.range.end)
    }

    pub(crate) fn range(&self) -> Range<f64> {
        self.range.clone()
    }

    pub(crate) fn marks(&self) -> &[Mark] {
        &self.marks
    }
}

/// The smallest of 1, 2, 5, 10, 20, 50, ... that is no smaller than `step`.
fn round_step(step: f64) -> f64 {
    let ten = 10_f64.powf(step.log10().floor());
    let factor = [1.0, 2.0, 5.0]
        .into_iter()
        .find(|factor| factor * ten >= step * 0.999_999);
    factor.unwrap_or(10.0) * ten
}

/// A number to three digits, without idle zeros.
pub(crate) fn number(value: f64) -> String {
    let size = value.abs();
    // So many decimals that three digits are seen, but no more than nine.
    let mut scales = (0..9).map(|decimals| 10_f64.powi(decimals));
    let decimals = scales.position(|scale| size * scale >= 99.95).unwrap_or(9);
    let digits = format!("{size:.decimals$}");
    let digits = if decimals == 0 {
        &digits
    } else {
        digits.trim_end_matches('0')
    };
    let digits = digits.trim_end_matches('.');
    if value < 0.0 && digits != "0" {
        format!("\u{2212}{digits}")
    } else {
        digits.to_owned()
    }
}

/// A duration given in microseconds, in the unit that suits it.
pub(crate) fn duration(us: f64) -> String {
    if us < 0.9995 {
        format!("{} ns", number(us * 1e3))
    } else if us < 999.5 {
        format!("{} \u{b5}s", number(us))
    } else if us < 999_500.0 {
        format!("{} ms", number(us / 1e3))
    } else {
        format!("{} s", number(us / 1e6))
    }
}

/// A count per second, in thousands or millions where it is large.
pub(crate) fn rate(per_s: f64) -> String {
    if per_s < 999.5 {
        number(per_s)
    } else if per_s < 999_500.0 {
        format!("{} k", number(per_s / 1e3))
    } else {
        format!("{} M", number(per_s / 1e6))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(axis: &Axis) -> Vec<&str> {
        axis.marks()
            .iter()
            .map(|mark| mark.label.as_str())
            .collect()
    }

    #[test]
    fn numbers_keep_three_digits() {
        let written: Vec<String> = [
            0.0, 0.5, 2.0, 1.234, 12.34, 123.4, 1200.0, 0.002, -3.5, -1e-12,
        ]
        .map(number)
        .into();
        let expected = [
            "0",
            "0.5",
            "2",
            "1.23",
            "12.3",
            "123",
            "1200",
            "0.002",
            "\u{2212}3.5",
            "0",
        ];
        assert_eq!(written, expected);
    }

    #[test]
    fn durations_change_unit_where_the_rounded_number_does() {
        let written: Vec<String> = [0.25, 0.9996, 999.4, 999.6, 20_000.0, 999_600.0]
            .map(duration)
            .into();
        assert_eq!(
            written,
            ["250 ns", "1 \u{b5}s", "999 \u{b5}s", "1 ms", "20 ms", "1 s"]
        );
    }

    #[test]
    fn rates_are_written_short() {
        assert_eq!(
            [0.0, 500.0, 250e3, 1.2e6].map(rate),
            ["0", "500", "250 k", "1.2 M"]
        );
    }

    #[test]
    fn rounded_axis_ends_at_marks() {
        let axis = Axis::rounded(-3.0..64.0, 4.0, number);
        assert_eq!(axis.range(), -20.0..80.0);
        assert_eq!(labels(&axis), ["\u{2212}20", "0", "20", "40", "60", "80"]);
    }

    #[test]
    fn exact_axis_marks_its_last_value_despite_rounding() {
        let axis = Axis::exact(0.0..0.3, 3.0, number);
        assert_eq!(labels(&axis), ["0", "0.1", "0.2", "0.3"]);
    }

    #[test]
    fn wide_latencies_are_marked_by_decades() {
        let axis = Axis::of_latencies(3.0..20_000.0);
        let expected = ["10 \u{b5}s", "100 \u{b5}s", "1 ms", "10 ms"];
        assert_eq!(labels(&axis), expected);
    }

    #[test]
    fn narrow_latencies_are_marked_within_the_decade() {
        let axis = Axis::of_latencies(4.0..4.0);
        assert_eq!(
            labels(&axis),
            [
                "2 \u{b5}s",
                "5 \u{b5}s",
                "10 \u{b5}s",
                "20 \u{b5}s",
                "50 \u{b5}s"
            ]
        );
    }

    #[test]
    fn values_beyond_the_axis_stand_at_its_end() {
        let axis = Axis::of_latencies(10.0..100.0);
        assert!(axis.place(0.0) <= axis.place(10.0));
        assert!((axis.place(1e9) - 2.0).abs() < 1e-9);
    }
}
