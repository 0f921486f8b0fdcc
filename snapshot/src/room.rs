//! Room that a shard's table is given before its keys come, as far as the file can be believed.

/// A file is believed to hold up to so many times the keys that have come.
const TRUST: usize = 16;

/// How many keys come to one shard, and for how many it has been given room.
#[derive(Debug, Default)]
pub(crate) struct Room {
    come: usize,
    expected: usize,
    made: usize,
}

impl Room {
    /// So many keys will come, as the file says.
    pub(crate) fn expect(&mut self, keys: usize) {
        self.expected = keys;
    }

    /// How many keys will come in all, as the file says.
    pub(crate) fn expected(&self) -> usize {
        self.expected
    }

    /// So many more keys are about to come: how many the table should be told to make room for
    /// beside those it has, if it should be told at all.
    ///
    /// Each step is believed only when the one before is a quarter full, so that there are few,
    /// and a file that lies has to bring a sixteenth of what it promises.
    pub(crate) fn make(&mut self, keys: usize) -> Option<usize> {
        let had = self.come;
        self.come = had.saturating_add(keys);
        let believed = self.expected.min(self.come.saturating_mul(TRUST));
        if believed <= self.made || self.come < self.made / 4 {
            return None;
        }
        self.made = believed;
        believed.checked_sub(had).filter(|room| *room > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_is_made_in_few_steps_and_never_for_more_than_was_promised() {
        let mut room = Room::default();
        room.expect(1_000_000);
        let mut steps = Vec::new();
        for come in (0..1_000_000).step_by(1000) {
            if let Some(more) = room.make(1000) {
                assert!(come + more <= 1_000_000, "{come} and {more} more");
                assert!(come + more <= TRUST * (come + 1000));
                steps.push(come + more);
            }
        }
        assert!(steps.is_sorted() && steps.len() <= 6, "{steps:?}");
        assert_eq!(steps.last(), Some(&1_000_000));
    }

    #[test]
    fn lie_takes_no_more_than_what_has_come_justifies() {
        let mut room = Room::default();
        room.expect(usize::MAX);
        assert_eq!(room.make(100), Some(1600));
        assert_eq!(room.make(100), None, "there is room");
    }

    #[test]
    fn without_a_promise_no_room_is_made() {
        assert_eq!(Room::default().make(1000), None);
    }
}
