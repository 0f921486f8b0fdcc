//! What limits and strictness forbid.

use super::{Reader, Step};
use crate::error::DecodeError;
use crate::object::Part;
use crate::options::{Limits, Strictness};
use crate::source::Source;
use crate::value_type::Family;

/// Space for names above this many is given back with the next key.
const NAMES_KEPT: usize = 16 * 1024;

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
                self.names.shrink_to(NAMES_KEPT);
            }
            Step::Element(_) | Step::Stream(_) | Step::Raw => {
                // A piece of a raw value is no element: how many there are is up to the reader.
                let elements = u64::from(!matches!(step, Step::Raw));
                self.judged = self.judged.saturating_add(elements);
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
            (_, Family::List | Family::String) | (Part::Packed(_), _) => None,
            (Part::Indexed, _) => Some(parts.index.to_be_bytes().to_vec()),
            _ => Some(self.input.text(parts.first).to_vec()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::NAMES_KEPT;
    use crate::encoder::Encoder;
    use crate::encodings::Encodings;
    use crate::event::Event;
    use crate::object::Value;
    use crate::options::{ReadOptions, Strictness};
    use crate::reader::Reader;
    use crate::target::{Compression, Target};

    #[test]
    fn names_are_held_only_of_what_has_them_and_only_for_one_value() {
        let members = (0..4 * NAMES_KEPT).map(|number| number.to_string().into_bytes());
        let values = [
            Value::Set(members.collect()),
            Value::String(b"no name".to_vec()),
            Value::List(vec![b"none either".to_vec()]),
        ];
        let mut file = Vec::new();
        let encoder = Encoder::new(Target::Redis5, Compression::None);
        let mut encoder = encoder.with_encodings(Encodings::PLAIN);
        encoder.header(&mut file);
        for value in &values {
            encoder.entry(&mut file, b"key", None, value).unwrap();
        }
        encoder.end(&mut file, None);
        let mut reader = Reader::from_slice(&file).with_options(ReadOptions {
            strictness: Strictness::Strict,
            ..ReadOptions::default()
        });
        let mut held = Vec::new();
        while let Some(event) = reader.next_event().unwrap() {
            if matches!(event, Event::KeyEnd { .. }) {
                held.push((reader.names.len(), reader.names.capacity()));
            }
        }
        assert_eq!(held[0].0, 4 * NAMES_KEPT);
        for (names, capacity) in &held[1..] {
            assert_eq!(*names, 0);
            assert!(*capacity <= 2 * NAMES_KEPT, "{capacity}");
        }
    }
}
