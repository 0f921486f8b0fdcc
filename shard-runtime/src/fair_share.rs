//! How a shard's time is divided between messages and tasks, while there are enough of both.

use std::time::Duration;

/// Debts are forgotten beyond this many slices, so that one long closure does not hold up the other
/// side for long.
const DEBT_SLICES: i64 = 16;

/// Keeps account of turns: what one side takes beyond its share, the other gets in the next.
#[derive(Clone, Debug)]
pub(crate) struct FairShare {
    /// The longest turn of tasks, in nanoseconds.
    slice_ns: i64,
    /// What tasks get of each hundred parts of the time; 1 to 99.
    tasks_percent: i64,
    /// The time that tasks may take until the shares are even; negative if they took too much.
    owed_ns: i64,
}

impl FairShare {
    pub(crate) fn new(slice: Duration, tasks_percent: u8) -> Self {
        Self {
            slice_ns: nanoseconds(slice),
            tasks_percent: i64::from(tasks_percent.clamp(1, 99)),
            owed_ns: 0,
        }
    }

    /// How long messages may take now, if it is their turn: until tasks are owed a slice.
    pub(crate) fn message_turn(&self) -> Option<Duration> {
        let until_owed_ns = self.slice_ns.saturating_sub(self.owed_ns);
        if until_owed_ns < 0 {
            return None;
        }
        let messages_percent = 100 - self.tasks_percent;
        let turn_ns = i128::from(until_owed_ns) * i128::from(messages_percent)
            / i128::from(self.tasks_percent);
        Some(Duration::from_nanos(
            u64::try_from(turn_ns).unwrap_or(u64::MAX),
        ))
    }

    /// Messages took so long, and more of them wait.
    pub(crate) fn messages_took(&mut self, time: Duration) {
        let earned_ns = i128::from(nanoseconds(time)) * i128::from(self.tasks_percent)
            / i128::from(100 - self.tasks_percent);
        let earned_ns = i64::try_from(earned_ns).unwrap_or(i64::MAX);
        self.set_owed(self.owed_ns.saturating_add(earned_ns));
    }

    /// No message waits: what messages leave is for tasks, and nobody owes anything.
    pub(crate) fn messages_ran_out(&mut self) {
        self.owed_ns = self.slice_ns;
    }

    /// How long tasks may work now, if it is their turn.
    pub(crate) fn task_turn(&self) -> Option<Duration> {
        let turn_ns = u64::try_from(self.owed_ns.min(self.slice_ns)).ok()?;
        Some(Duration::from_nanos(turn_ns))
    }

    /// Tasks took so long, and more of them can run.
    pub(crate) fn tasks_took(&mut self, time: Duration) {
        self.set_owed(self.owed_ns.saturating_sub(nanoseconds(time)));
    }

    /// No task can run: what tasks leave is for messages, and nobody owes anything.
    pub(crate) fn tasks_ran_out(&mut self) {
        self.owed_ns = 0;
    }

    fn set_owed(&mut self, owed_ns: i64) {
        let debt_max_ns = self.slice_ns.saturating_mul(DEBT_SLICES);
        self.owed_ns = owed_ns.clamp(-debt_max_ns, debt_max_ns);
    }
}

fn nanoseconds(time: Duration) -> i64 {
    i64::try_from(time.as_nanos()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn micros(count: u64) -> Duration {
        Duration::from_micros(count)
    }

    #[test]
    fn a_fifth_is_one_slice_after_four() {
        let mut share = FairShare::new(micros(50), 20);
        assert_eq!(share.message_turn(), Some(micros(200)));
        share.messages_took(micros(200));
        assert_eq!(share.task_turn(), Some(micros(50)));
        share.tasks_took(micros(50));
        assert_eq!(share.message_turn(), Some(micros(200)));
    }

    #[test]
    fn who_takes_more_gets_less_next_time() {
        let mut share = FairShare::new(micros(50), 50);
        share.messages_took(micros(60));
        share.tasks_took(micros(50));
        assert_eq!(share.message_turn(), Some(micros(40)));
        share.messages_took(micros(40));
        share.tasks_took(micros(130));
        assert_eq!(share.task_turn(), None);
        assert_eq!(share.message_turn(), Some(micros(130)));
    }

    #[test]
    fn debt_is_bounded() {
        let mut share = FairShare::new(micros(50), 50);
        share.messages_took(Duration::MAX);
        for _ in 1..DEBT_SLICES {
            assert_eq!(share.task_turn(), Some(micros(50)));
            assert_eq!(share.message_turn(), None);
            share.tasks_took(micros(50));
        }
        assert_eq!(share.message_turn(), Some(Duration::ZERO));
    }

    #[test]
    fn slices_without_length_alternate() {
        let mut share = FairShare::new(Duration::ZERO, 20);
        for time in [0, 5, 500] {
            share.messages_took(micros(time));
            assert_eq!(share.task_turn(), Some(Duration::ZERO));
            share.tasks_took(micros(3 * time));
            assert_eq!(share.message_turn(), Some(Duration::ZERO));
        }
    }
}
