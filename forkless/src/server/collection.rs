//! What the server asks of every type that has elements.

use crate::object::{Hash, List, Object, Set, SortedSet};

/// A type with elements: a key of it comes with the first, and goes with the last.
pub(crate) trait Collection: Default {
    /// The object's value, if it is of this type.
    fn of(object: &Object) -> Option<&Self>;

    /// As [`of`](Self::of), to change.
    fn of_mut(object: &mut Object) -> Option<&mut Self>;

    /// A value of this type without elements.
    fn new_object() -> Object;

    /// How many elements.
    fn size(&self) -> usize;
}

macro_rules! collection {
    ($type:ident) => {
        impl Collection for $type {
            fn of(object: &Object) -> Option<&Self> {
                match object.lasting() {
                    Object::$type(value) => Some(value),
                    _ => None,
                }
            }

            fn of_mut(object: &mut Object) -> Option<&mut Self> {
                match object.lasting_mut() {
                    Object::$type(value) => Some(value),
                    _ => None,
                }
            }

            fn new_object() -> Object {
                Object::$type(Box::default())
            }

            fn size(&self) -> usize {
                self.len()
            }
        }
    };
}

collection!(List);
collection!(Set);
collection!(Hash);
collection!(SortedSet);
