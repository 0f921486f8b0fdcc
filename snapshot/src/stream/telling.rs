//! How streams tell what a value has changed to.

/// How streams tell what a value has changed to, where the value leaves a choice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Telling {
    /// The whole value.
    Whole,
    /// What has changed, if the value knows ([`Value::delta_since`](crate::Value::delta_since)), or
    /// else the whole value. Whoever reads must be able to apply it
    /// ([`FromRdb::apply_delta`](crate::FromRdb::apply_delta)).
    Deltas,
}
