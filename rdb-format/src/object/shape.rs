//! What the entries of a container make up.

/// How entries form elements, and whether they may repeat.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Shape {
    /// Each entry is an element; they may repeat.
    Items,
    /// Each entry is an element; none repeats.
    Members,
    /// Field and value by turns; no field repeats.
    Fields,
    /// Member and score by turns; no member repeats.
    Scores,
    /// Field, value and when the field expires by turns; no field repeats.
    ExpiringFields,
}
