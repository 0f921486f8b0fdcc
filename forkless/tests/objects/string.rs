//! A string is bytes that more can be put behind.

use forkless::Object;
use rdb_format::Value as Owned;

use crate::history::{Action, Model, bytes, text};

impl Model for Vec<u8> {
    fn filled(items: u16) -> Self {
        vec![b'a'; usize::from(items) * 4]
    }

    fn object(&self) -> Object {
        Object::String(text(self))
    }

    fn owned(&self) -> Owned {
        Owned::String(self.clone())
    }

    fn apply(&mut self, object: &mut Object, action: Action, _: usize) {
        match action {
            Action::Put { key, len } => {
                let Object::String(text) = object else {
                    unreachable!()
                };
                let more = bytes(key, len);
                text.append(&more);
                self.extend(more);
            }
            // Another string takes its place.
            Action::TakeMany { key, .. } => {
                *self = bytes(key, usize::from(key));
                *object = self.object();
            }
            Action::Take { .. } | Action::First | Action::Last | Action::Freeze => {}
        }
        assert_eq!(object.as_string(), Some(self.as_slice()));
    }
}
