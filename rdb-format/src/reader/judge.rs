//! What limits and strictness forbid.

use super::{Reader, Step};
use crate::error::DecodeError;
use crate::object::Part;
use crate::options::{Limits, Strictness};
use crate::source::Source;
use crate::value_type::Family;

impl<S: Source> Reader<S> {
    /// Fails if a limit or strictness forbids a step.
    #[cold]
    pub(super) fn forbid(&mut self, step: Step) -> Result<(), DecodeError> {
        let offset = self.input.position();
        let limits = self.options.limits;
        let within = |what, amount, limit| Limits::check(offset, what, amount, limit);
        limits.check_total(offset)?;
        match step {
            Step::Key => {
                let key_bytes = self.input.text(self.first).len() as u64;
                within("bytes in a key", key_bytes, limits.key_bytes_max)?;
                self.judged = 0;
                self.names.clear();
            }
            Step::Element(_) | Step::Stream(_) | Step::Raw => {
                self.judged = self.judged.saturating_add(1);
                within("elements in a value", self.judged, limits.elements_max)?;
                let value_bytes = offset.saturating_sub(self.head.offset);
                within("bytes in a value", value_bytes, limits.value_bytes_max)?;
            }
            _ => {}
        }
        if self.options.strictness == Strictness::Strict {
            if let Some(warning) = self.warnings.first() {
                return Err(DecodeError::Strict { warning: *warning });
            }
            if let Step::Element(part) = step
                && let Some(name) = self.unique_name(part)
                && !self.names.insert(name)
            {
                return Err(DecodeError::Duplicate { offset });
            }
        }
        Ok(())
    }

    /// What of an element must not occur twice in its value.
    fn unique_name(&self, part: Part) -> Option<Vec<u8>> {
        let parts = self.walk.parts();
        match (part, self.head.value_type.family()) {
            (_, Family::List) => None,
            (Part::Indexed, _) => Some(parts.index.to_be_bytes().to_vec()),
            _ => Some(self.input.text(parts.first).to_vec()),
        }
    }
}
