//! Passes values that this crate cannot take apart, but whose end it can find.

use super::{array, hash_expiry, module};
use crate::error::DecodeError;
use crate::event::Dialect;
use crate::input::Input;
use crate::source::Source;
use crate::value_type::ValueType;

/// Whether the end of a value of this type can be found without taking it apart.
pub(crate) const fn skippable(value_type: ValueType) -> bool {
    matches!(
        value_type,
        ValueType::Module
            | ValueType::HashExpiryPreview
            | ValueType::HashListpackExpiryPreview
            | ValueType::HashExpiry
            | ValueType::HashListpackExpiry
            | ValueType::Array
    )
}

/// Passes the body of a skippable value, in constant memory.
pub(crate) fn skip<S: Source>(
    value_type: ValueType,
    dialect: Dialect,
    input: &mut Input<S>,
) -> Result<(), DecodeError> {
    let passed = module::skip(value_type, input)?
        || hash_expiry::skip(value_type, dialect, input)?
        || array::skip(value_type, input)?;
    assert!(
        passed,
        "a type that is called skippable has no family to skip it"
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{skip, skippable};
    use crate::event::Dialect;
    use crate::input::Input;
    use crate::object::Layout;
    use crate::source::SliceSource;
    use crate::value_type::ValueType;

    #[test]
    fn every_type_is_read_or_skipped_or_neither() {
        let zeros = [0; 64];
        for value_type in (0..=255).filter_map(|number| ValueType::try_from(number).ok()) {
            assert!(
                !skippable(value_type) || Layout::of(value_type).is_none(),
                "{value_type}"
            );
            if skippable(value_type) {
                let mut input = Input::new(SliceSource::new(&zeros));
                assert!(
                    skip(value_type, Dialect::Redis, &mut input).is_ok(),
                    "{value_type}"
                );
            }
        }
    }
}
