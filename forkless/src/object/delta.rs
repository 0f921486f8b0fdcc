//! Deltas: what has changed in a collection or a string, as a replica is told it.
//!
//! A delta is the time at which the key expires, and steps: see `docs/replication.md`.

use snapshot::Value;

use crate::object::grown::Grown;
use crate::object::hash::Hash;
use crate::object::list::List;
use crate::object::set::Set;
use crate::object::sorted_set::SortedSet;
use crate::object::text::Text;
use crate::object::value::Object;

/// In place of the time at which a key expires that never does.
const NEVER: i64 = i64::MIN;

/// One change of a collection or a string.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Step<'a> {
    /// A field has this value.
    Field(&'a [u8], &'a [u8]),
    /// A member is there.
    Member(&'a [u8]),
    /// A member has this score.
    Score(&'a [u8], f64),
    /// A field or a member is gone.
    Gone(&'a [u8]),
    /// An item was put before the one of this number, or behind all if there are so many.
    Insert(usize, &'a [u8]),
    /// The item of this number is this one now.
    Replace(usize, &'a [u8]),
    /// The item of this number was taken out.
    Remove(usize),
    /// An item was put behind all.
    Push(&'a [u8]),
    /// These bytes were put behind all.
    Append(&'a [u8]),
}

impl<'a> Step<'a> {
    /// Appends the step.
    pub(crate) fn write(self, out: &mut Vec<u8>) {
        match self {
            Self::Field(name, value) => texts(out, 1, &[name, value]),
            Self::Member(member) => texts(out, 2, &[member]),
            Self::Score(member, score) => {
                texts(out, 3, &[member]);
                out.extend_from_slice(&score.to_le_bytes());
            }
            Self::Gone(name) => texts(out, 4, &[name]),
            Self::Insert(index, item) => {
                texts(out, 5, &[item]);
                number(out, index);
            }
            Self::Replace(index, item) => {
                texts(out, 6, &[item]);
                number(out, index);
            }
            Self::Remove(index) => {
                out.push(7);
                number(out, index);
            }
            Self::Push(item) => texts(out, 8, &[item]),
            Self::Append(bytes) => texts(out, 9, &[bytes]),
        }
    }

    /// Takes a step off the front of `input`; `None` if there is none, or it makes no sense.
    pub(crate) fn read(input: &mut &'a [u8]) -> Option<Self> {
        let kind = take(input, 1)?[0];
        let text = |input: &mut &'a [u8]| {
            let bytes = take(input, 4)?.first_chunk()?;
            take(input, usize::try_from(u32::from_le_bytes(*bytes)).ok()?)
        };
        let eight = |input: &mut &'a [u8]| take(input, 8)?.first_chunk::<8>();
        let number = |input: &mut &'a [u8]| {
            let number = eight(input)?;
            usize::try_from(u64::from_le_bytes(*number)).ok()
        };
        Some(match kind {
            1 => Self::Field(text(input)?, text(input)?),
            2 => Self::Member(text(input)?),
            3 => {
                let member = text(input)?;
                let score = f64::from_le_bytes(*eight(input)?);
                // The only ones that are in no order.
                (!score.is_nan()).then_some(Self::Score(member, score))?
            }
            4 => Self::Gone(text(input)?),
            5 | 6 => {
                let item = text(input)?;
                let index = number(input)?;
                if kind == 5 {
                    Self::Insert(index, item)
                } else {
                    Self::Replace(index, item)
                }
            }
            7 => Self::Remove(number(input)?),
            8 => Self::Push(text(input)?),
            9 => Self::Append(text(input)?),
            _ => return None,
        })
    }
}

fn texts(out: &mut Vec<u8>, kind: u8, texts: &[&[u8]]) {
    out.push(kind);
    for text in texts {
        // No text is longer than 512 MiB.
        let bytes = u32::try_from(text.len()).unwrap_or(u32::MAX);
        out.extend_from_slice(&bytes.to_le_bytes());
        out.extend_from_slice(text);
    }
}

fn number(out: &mut Vec<u8>, number: usize) {
    out.extend_from_slice(&(number as u64).to_le_bytes());
}

fn take<'a>(input: &mut &'a [u8], bytes: usize) -> Option<&'a [u8]> {
    let (taken, rest) = input.split_at_checked(bytes)?;
    *input = rest;
    Some(taken)
}

/// A collection or a string that is changed step by step.
trait Stepped {
    /// Does a step; `false` if it is none of a value of this type, or makes no sense.
    fn step(&mut self, step: Step<'_>) -> bool;
}

impl Stepped for Text {
    fn step(&mut self, step: Step<'_>) -> bool {
        let Step::Append(bytes) = step else {
            return false;
        };
        self.append(bytes);
        true
    }
}

impl Stepped for Hash {
    fn step(&mut self, step: Step<'_>) -> bool {
        match step {
            Step::Field(name, value) => drop(self.set(Text::from(name), Text::from(value))),
            Step::Gone(name) => return self.remove(name).is_some(),
            _ => return false,
        }
        true
    }
}

impl Stepped for Set {
    fn step(&mut self, step: Step<'_>) -> bool {
        match step {
            Step::Member(member) => self.insert(Text::from(member)),
            Step::Gone(member) => self.remove(member),
            _ => false,
        }
    }
}

impl Stepped for SortedSet {
    fn step(&mut self, step: Step<'_>) -> bool {
        match step {
            Step::Score(member, score) => {
                self.insert(Text::from(member), score);
                true
            }
            Step::Gone(member) => self.remove(member).is_some(),
            _ => false,
        }
    }
}

impl Stepped for List {
    fn step(&mut self, step: Step<'_>) -> bool {
        match step {
            Step::Insert(index, item) if index <= self.len() => {
                self.insert(index, Text::from(item));
                true
            }
            Step::Push(item) => {
                self.push_back(Text::from(item));
                true
            }
            Step::Replace(index, item) => self.set(index, Text::from(item)).is_some(),
            Step::Remove(index) => self.remove(index).is_some(),
            _ => false,
        }
    }
}

impl Object {
    /// Names the state that the object has now, if it will be able to tell what has changed since.
    pub(super) fn state_name(&self) -> Option<u64> {
        match self.as_kept() {
            Self::String(text) => text.grown().and_then(Grown::mark),
            Self::List(list) => list.log().mark(list.tree().weight_bytes()),
            Self::Set(set) => set.log().mark(set.tree().weight_bytes()),
            Self::Hash(hash) => hash.log().mark(hash.tree().weight_bytes()),
            Self::SortedSet(set) => set.log().mark(set.tree().weight_bytes()),
            _ => None,
        }
    }

    /// Appends a delta since the state had this name; `false` if that is not known, or is longer
    /// than the whole.
    pub(super) fn write_delta(&self, since: u64, out: &mut Vec<u8>) -> bool {
        let start = out.len();
        out.extend_from_slice(&self.expire_at_ms().unwrap_or(NEVER).to_le_bytes());
        let (is_known, weight_bytes) = match self.as_kept() {
            Self::String(text) => {
                let appended = text.grown().and_then(|grown| grown.since(since));
                if let Some(appended) = appended.filter(|bytes| !bytes.is_empty()) {
                    Step::Append(appended).write(out);
                }
                (appended.is_some(), text.as_bytes().len())
            }
            Self::List(list) => (list.log().since(since, out), list.tree().weight_bytes()),
            Self::Set(set) => (set.log().since(since, out), set.tree().weight_bytes()),
            Self::Hash(hash) => (hash.log().since(since, out), hash.tree().weight_bytes()),
            Self::SortedSet(set) => (set.log().since(since, out), set.tree().weight_bytes()),
            _ => (false, 0),
        };
        is_known && out.len() - start < weight_bytes
    }

    /// Does what a delta says; `false` if it makes no sense, or not for this object.
    pub(super) fn read_delta(&mut self, mut delta: &[u8]) -> bool {
        let Some(time) = take(&mut delta, 8).and_then(<[u8]>::first_chunk) else {
            return false;
        };
        let time = i64::from_le_bytes(*time);
        let value: &mut dyn Stepped = match self.lasting_mut() {
            Self::String(text) => text,
            Self::List(list) => &mut **list,
            Self::Set(set) => &mut **set,
            Self::Hash(hash) => &mut **hash,
            Self::SortedSet(set) => &mut **set,
            _ => return false,
        };
        while !delta.is_empty() {
            let step = Step::read(&mut delta);
            if !step.is_some_and(|step| value.step(step)) {
                return false;
            }
        }
        self.expire_at((time != NEVER).then_some(time));
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STEPS: [Step<'_>; 9] = [
        Step::Field(b"name", b"value"),
        Step::Member(b""),
        Step::Score(b"member", -1.5),
        Step::Gone(b"name"),
        Step::Insert(7, b"item"),
        Step::Replace(0, b"other"),
        Step::Remove(1 << 40),
        Step::Push(b"last"),
        Step::Append(b"more"),
    ];

    #[test]
    fn steps_are_read_as_they_were_written_and_never_in_part() {
        let mut all = Vec::new();
        for step in STEPS {
            let mut written = Vec::new();
            step.write(&mut written);
            for end in 0..written.len() {
                assert_eq!(Step::read(&mut &written[..end]), None);
            }
            all.extend(written);
        }
        let mut input = all.as_slice();
        for step in STEPS {
            assert_eq!(Step::read(&mut input), Some(step));
        }
        assert_eq!(Step::read(&mut input), None);
        let mut nan = Vec::new();
        Step::Score(b"member", f64::NAN).write(&mut nan);
        assert_eq!(Step::read(&mut nan.as_slice()), None);
    }

    #[test]
    fn delta_that_makes_no_sense_is_refused() {
        let list = || Object::List(Box::new([Text::from(&b"a"[..])].into_iter().collect()));
        let delta = |step: Step<'_>| {
            let mut delta = NEVER.to_le_bytes().to_vec();
            step.write(&mut delta);
            delta
        };
        assert!(list().read_delta(&delta(Step::Insert(1, b"b"))));
        for step in [
            Step::Insert(2, b"b"),
            Step::Replace(1, b"b"),
            Step::Remove(1),
            Step::Member(b"b"),
        ] {
            assert!(!list().read_delta(&delta(step)), "{step:?}");
        }
        assert!(!list().read_delta(b"short"));
        assert!(!list().read_delta(&[&delta(Step::Push(b"b"))[..], &[9]].concat()));
        let mut text = Object::String(Text::from(&b"text"[..]));
        assert!(!text.read_delta(&delta(Step::Push(b"b"))));
        assert!(text.read_delta(&delta(Step::Append(b"b"))));
        assert_eq!(text.as_string(), Some(&b"textb"[..]));
        assert!(!list().read_delta(&delta(Step::Append(b"b"))));
        let mut set = Object::Set(Box::default());
        assert!(!set.read_delta(&delta(Step::Gone(b"b"))));
    }
}
