//! What an open cut costs a write.

use std::hint::black_box;

use dash_table::{Bucket, Cursor, Cut, DashTable, Observer, Traversal};

use crate::clock::Moment;
use crate::entry::Entry;
use crate::map::Hasher;
use crate::operation::Choice;

/// What the table's cuts stand at when the writes begin.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum State {
    /// No cut is open.
    None,
    /// A cut is open, and every bucket is still to be delivered to it.
    AllPending,
    /// A cut is open, and every bucket has been delivered to it.
    NonePending,
}

impl State {
    pub(crate) const ALL: [Self; 3] = [Self::None, Self::AllPending, Self::NonePending];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::None => "observed, no cut open",
            Self::AllPending => "cut open, all pending",
            Self::NonePending => "cut open, none pending",
        }
    }
}

/// Reads each entry that is delivered.
#[derive(Default)]
struct Reader {
    sum: u64,
    entries: usize,
}

impl<E: Entry> Observer<E::Key, Of<E>> for Reader {
    fn deliver(&mut self, _: Cut, bucket: Bucket<'_, E::Key, Of<E>>) {
        self.entries += bucket.len();
        for (_, value) in bucket.iter() {
            self.sum = self.sum.wrapping_add(E::number(&value.0));
        }
    }
}

/// A value that says which entry it belongs to.
struct Of<E: Entry>(E::Value);

/// Nanoseconds for each overwrite.
pub(crate) fn overwrite<E: Entry>(size: u64, state: State, choice: &Choice<E>) -> f64 {
    let mut table: DashTable<E::Key, Of<E>, Hasher, Reader> =
        DashTable::with_hasher_and_observer(Hasher::default(), Reader::default());
    for index in 0..size {
        table.insert(E::key(index), Of(E::value(index)));
    }
    if state != State::None {
        let cut = table.cut();
        if state == State::NonePending {
            let mut cursor = Cursor::start();
            while table.traverse(cut, &mut cursor, 1_000) == Traversal::More {}
        }
    }
    let start = Moment::now();
    let mut calls = 0.0;
    for (key, number) in choice.keys() {
        black_box(table.insert(key.clone(), Of(E::value(number))));
        calls += 1.0;
    }
    let spent = start.nanoseconds();
    assert_eq!(
        table.observer().entries > 0,
        state != State::None,
        "what was pending has been delivered"
    );
    black_box(table.observer().sum);
    spent / calls
}
