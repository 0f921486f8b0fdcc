//! How a shard ended, for those who hold an answer to come and no way into its mailbox.

use crate::mailbox::End;
use crate::sync::Mutex;

/// Written once, when the shard's mailbox ends.
#[derive(Debug)]
pub(crate) struct Fate(Mutex<Option<End>>);

impl Fate {
    pub(crate) fn new() -> Self {
        Self(Mutex::new(None))
    }

    /// The first end is the one that stays.
    pub(crate) fn seal(&self, end: &End) {
        self.0.lock().get_or_insert_with(|| end.clone());
    }

    /// How the shard ended. Messages are dropped after their mailbox has ended, so whoever finds an
    /// answer lost finds the end here.
    pub(crate) fn end(&self) -> Option<End> {
        self.0.lock().clone()
    }
}
