//! Work that several shards do at one moment: cuts, transactions, exchanges.

use crate::cut::{Barrier, Order, Seat, Verdict};
use crate::cut_stats::{CutStats, Pauses};
use crate::error::ShardError;
use crate::job::Job;
use crate::mailbox::Room;
use crate::reply::{Answer, Awaiter, Replier, reply};
use crate::runtime::ShardSet;
use crate::shard::{Message, Shard};
use crate::sync::now;
use crate::table::{Between, Table};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What a set keeps for all its cuts and transactions.
#[derive(Debug)]
pub(crate) struct Gatherings {
    order: Order,
    pauses: Pauses,
}

impl Gatherings {
    pub(crate) fn new() -> Self {
        Self {
            order: Order::new(),
            pauses: Pauses::new(),
        }
    }
}

impl<S: 'static> ShardSet<S> {
    /// Lets `f` run on every shard at one logical moment; the results stand in shard order.
    ///
    /// Whatever ran on any shard is wholly before the moment or wholly after it. If the effect of
    /// one closure was seen before another was sent, the moment never has the second without the
    /// first. What the calling thread has sent before is before the moment.
    ///
    /// `deadline` bounds the wait for the moment. Shards stand still for a small part of it only:
    /// from the first arrival to the last, which is a wake-up and the rest of the longest closure
    /// or task step running then. After the moment, the results are awaited as long as `f` takes.
    ///
    /// # Errors
    ///
    /// [`ShardError::CutTimedOut`], [`ShardError::Poisoned`] and [`ShardError::Stopped`] when a
    /// shard did not come: `f` has then run nowhere, and never will. Except that if `f` itself
    /// panicked, its shard is [`ShardError::Poisoned`] and `f` has run on the others.
    /// [`ShardError::OnShardThread`] on a thread of this set.
    pub fn cut<R: Send + 'static>(
        &self,
        deadline: Duration,
        f: impl Fn(&mut Shard<S>) -> R + Send + Sync + 'static,
    ) -> Result<Vec<R>, ShardError> {
        let shards = (0..self.len()).map(|shard| (shard, ()));
        let (gathering, parts) = Gathering::new(self, shards, deadline, |shard, deadline| {
            ShardError::CutTimedOut { shard, deadline }
        })?;
        let (pauses, results) = gathering.run(parts, move |shard, ()| f(shard))?;
        self.gatherings().pauses.count_cut(&pauses);
        Ok(results)
    }

    /// Lets `f` run on several shards, each with its own part, as one: nothing else that runs on
    /// several shards, no cut and no other transaction, comes between any two parts. The results
    /// stand in the order of `parts`.
    ///
    /// All cuts and transactions of a set have one order, the same on every shard. It respects what
    /// callers can know: one that returned before another was called is before it, and so is all
    /// that was sent before the call. What single shards are sent in between meets each shard
    /// before its part or after it, and nobody can see one part done and then another not done.
    ///
    /// Shards that take part stand still from the first arrival to the last, as in a
    /// [cut](ShardSet::cut); others go on serving. One part alone is an ordinary message.
    ///
    /// ```
    /// use shard_runtime::{ShardSet, ShardSetConfig};
    /// use std::{collections::HashMap, time::Duration};
    ///
    /// let config = ShardSetConfig { shards: 4, ..ShardSetConfig::default() };
    /// let shards = ShardSet::start(config, |_| HashMap::new())?;
    /// let pairs = vec![(0, ("a", 1)), (3, ("b", 2))];
    /// let patience = Duration::from_secs(1);
    /// shards.transact(patience, pairs, |shard, (key, value)| {
    ///     shard.state().insert(key, value);
    /// })?;
    /// let found = shards.transact(patience, vec![(3, "b"), (0, "a")], |shard, key| {
    ///     shard.state_ref()[key]
    /// })?;
    /// assert_eq!(found, [2, 1]);
    /// # Ok::<(), shard_runtime::ShardError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// `f` has run nowhere, and never will, after [`ShardError::NoSuchShard`],
    /// [`ShardError::TwoParts`], [`ShardError::TransactionTimedOut`], [`ShardError::Stopped`], and
    /// [`ShardError::OnShardThread`] on a thread of this set. The same holds for
    /// [`ShardError::Poisoned`] of a shard that was dead or died on the way. But if `f` itself
    /// panicked, that shard is poisoned and its state lost with all that it had, and `f` has run on
    /// the others: where that must not be, look first and write second, with
    /// [`ShardSet::exchange`].
    pub fn transact<P: Send + 'static, R: Send + 'static>(
        &self,
        deadline: Duration,
        parts: impl IntoIterator<Item = (usize, P)>,
        f: impl Fn(&mut Shard<S>, P) -> R + Send + Sync + 'static,
    ) -> Result<Vec<R>, ShardError> {
        let (gathering, parts) = Gathering::new(self, parts, deadline, |shard, deadline| {
            ShardError::TransactionTimedOut { shard, deadline }
        })?;
        let (_, results) = gathering.run(parts, f)?;
        self.gatherings().pauses.count_transaction();
        Ok(results)
    }

    /// A [transaction](ShardSet::transact) in two halves: `first` runs on every shard that takes
    /// part, `between` turns all that they found into one plan for each part, `second` runs on
    /// every shard with its plan. The results of `second` stand in the order of `parts`.
    ///
    /// Nothing comes between the halves on any of these shards, so what `first` found still holds
    /// when `second` acts on it. Values may be moved: what `first` takes out of one shard,
    /// `between` can hand to another. `between` runs on the thread of the shard that was last.
    ///
    /// ```
    /// use shard_runtime::{ShardSet, ShardSetConfig};
    /// use std::{collections::VecDeque, time::Duration};
    ///
    /// let config = ShardSetConfig { shards: 2, ..ShardSetConfig::default() };
    /// let shards = ShardSet::start(config, |index| VecDeque::from([index, 10 + index]))?;
    /// // Moves the first element of one list to the end of another.
    /// let lengths = shards.exchange(
    ///     Duration::from_secs(1),
    ///     [(0, true), (1, false)],
    ///     |shard, is_source| is_source.then(|| shard.state().pop_front()).flatten(),
    ///     |found| found.into_iter().rev().collect(),
    ///     |shard, moved| {
    ///         shard.state().extend(moved);
    ///         shard.state().len()
    ///     },
    /// )?;
    /// assert_eq!(lengths, [1, 3]);
    /// # Ok::<(), shard_runtime::ShardError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As of [`ShardSet::transact`], for both halves; and these, after which `first` has run and
    /// `second` has run nowhere and never will: [`ShardError::ExchangeTimedOut`],
    /// [`ShardError::PlanCount`], and [`ShardError::Poisoned`] when `first` or `between` panicked.
    /// So if `first` only looks, all of these leave the shards that live as they were. When
    /// `second` panicked, its shard is [`ShardError::Poisoned`] and `second` has run on the others.
    pub fn exchange<P, R, Q, O>(
        &self,
        deadline: Duration,
        parts: impl IntoIterator<Item = (usize, P)>,
        first: impl Fn(&mut Shard<S>, P) -> R + Send + Sync + 'static,
        between: impl FnOnce(Vec<R>) -> Vec<Q> + Send + 'static,
        second: impl Fn(&mut Shard<S>, Q) -> O + Send + Sync + 'static,
    ) -> Result<Vec<O>, ShardError>
    where
        P: Send + 'static,
        R: Send + 'static,
        Q: Send + 'static,
        O: Send + 'static,
    {
        let (gathering, parts) = Gathering::new(self, parts, deadline, |shard, deadline| {
            ShardError::TransactionTimedOut { shard, deadline }
        })?;
        let results = gathering.run_exchange(parts, first, Box::new(between), second)?;
        self.gatherings().pauses.count_transaction();
        Ok(results)
    }

    /// How long cuts have stopped shards, and how many there were.
    pub fn cut_stats(&self) -> CutStats {
        self.gatherings().pauses.stats()
    }
}

/// One cut or transaction, as its caller sees it.
struct Gathering<'a, S> {
    set: &'a ShardSet<S>,
    /// Who takes part, in the order of parts.
    shards: Vec<usize>,
    deadline: Duration,
    give_up: Option<Instant>,
    /// What to say of a shard that does not come in time.
    late: fn(usize, Duration) -> ShardError,
}

impl<'a, S: 'static> Gathering<'a, S> {
    /// Checks that each part is for a shard of its own.
    fn new<P>(
        set: &'a ShardSet<S>,
        parts: impl IntoIterator<Item = (usize, P)>,
        deadline: Duration,
        late: fn(usize, Duration) -> ShardError,
    ) -> Result<(Self, Vec<P>), ShardError> {
        set.refuse_shard_threads()?;
        let (shards, parts): (Vec<_>, Vec<_>) = parts.into_iter().unzip();
        let mut seen = BTreeSet::new();
        for &shard in &shards {
            if shard >= set.len() {
                let shards = set.len();
                return Err(ShardError::NoSuchShard { shard, shards });
            }
            if !seen.insert(shard) {
                return Err(ShardError::TwoParts { shard });
            }
        }
        let gathering = Self {
            set,
            shards,
            deadline,
            give_up: now().checked_add(deadline),
            late,
        };
        Ok((gathering, parts))
    }

    /// A gathering whose parts do not depend on each other: how long each shard was stopped, and
    /// what it answered.
    fn run<P: Send + 'static, R: Send + 'static>(
        &self,
        parts: Vec<P>,
        f: impl Fn(&mut Shard<S>, P) -> R + Send + Sync + 'static,
    ) -> Result<(Vec<Duration>, Vec<R>), ShardError> {
        let f = Arc::new(f);
        let give_up = self.give_up;
        let answers = self.call_together(parts, |_, seat, part, replier| {
            let f = Arc::clone(&f);
            Job::new(move |shard| {
                let since = now();
                if seat.arrive(give_up) == Verdict::Cut {
                    let result = f(shard, part);
                    replier.fill((now().saturating_duration_since(since), result));
                }
            })
        })?;
        Ok(self.await_all(&answers)?.into_iter().unzip())
    }

    /// A gathering whose shards meet a second time, when all have ended the first half.
    fn run_exchange<P, R, Q, O>(
        &self,
        parts: Vec<P>,
        first: impl Fn(&mut Shard<S>, P) -> R + Send + Sync + 'static,
        between: Between<R, Q>,
        second: impl Fn(&mut Shard<S>, Q) -> O + Send + Sync + 'static,
    ) -> Result<Vec<O>, ShardError>
    where
        P: Send + 'static,
        R: Send + 'static,
        Q: Send + 'static,
        O: Send + 'static,
    {
        let table = Arc::new(Table::new(parts.len(), between));
        let again = Arc::new(Barrier::new(parts.len()));
        let halves = Arc::new((first, second));
        let give_up = self.give_up;
        let answers = self.call_together(parts, |number, seat, part, replier| {
            let (table, halves) = (Arc::clone(&table), Arc::clone(&halves));
            let second_seat = Seat::new(&again, number);
            Job::new(move |shard| {
                if seat.arrive(give_up) == Verdict::Failed {
                    return;
                }
                let found = halves.0(shard, part);
                if table.offer(number, found) && second_seat.arrive(give_up) == Verdict::Cut {
                    replier.fill(halves.1(shard, table.take(number)));
                }
            })
        })?;
        if again.wait(give_up) == Verdict::Cut {
            return self.await_all(&answers);
        }
        if let Some(plans) = table.wrong_count() {
            let parts = self.shards.len();
            return Err(ShardError::PlanCount { plans, parts });
        }
        let late = |shard, deadline| ShardError::ExchangeTimedOut { shard, deadline };
        Err(self.why_failed(&again, late))
    }

    /// Both rounds; returns when the moment has come.
    fn call_together<P, R>(
        &self,
        parts: Vec<P>,
        message: impl Fn(usize, Seat, P, Replier<R>) -> Message<S>,
    ) -> Result<Vec<Awaiter<R>>, ShardError> {
        let barrier = Arc::new(Barrier::new(self.shards.len()));
        let (repliers, awaiters): (Vec<_>, Vec<_>) = self.shards.iter().map(|_| reply()).unzip();
        let messages =
            parts
                .into_iter()
                .zip(repliers)
                .enumerate()
                .map(|(number, (part, replier))| {
                    message(number, Seat::new(&barrier, number), part, replier)
                });
        if let [alone] = self.shards[..] {
            // One part is one closure on one shard, which is a moment already.
            for message in messages {
                self.set.push(alone, message, Room::Exceed)?;
            }
        } else {
            self.pass_through_mailboxes()?;
            let messages: Vec<_> = messages.collect();
            self.set.gatherings().order.in_order(|| {
                self.shards
                    .iter()
                    .zip(messages)
                    .try_for_each(|(&shard, message)| self.set.push_urgent(shard, message))
            })?;
        }
        if barrier.wait(self.give_up) == Verdict::Failed {
            return Err(self.why_failed(&barrier, self.late));
        }
        Ok(awaiters)
    }

    /// The first round: everything queued so far has run, and no shard is stuck.
    fn pass_through_mailboxes(&self) -> Result<(), ShardError> {
        let mut passed = Vec::with_capacity(self.shards.len());
        for &shard in &self.shards {
            let (replier, awaiter) = reply();
            let pass = Job::new(move |_: &mut Shard<S>| replier.fill(()));
            self.set.push(shard, pass, Room::Exceed)?;
            passed.push(awaiter);
        }
        for (&shard, passed) in self.shards.iter().zip(&passed) {
            match passed.wait(self.give_up) {
                Answer::Filled(()) => {}
                Answer::Panicked(_) | Answer::Lost | Answer::Taken => {
                    return Err(self.set.why_lost(shard));
                }
                Answer::Pending => return Err((self.late)(shard, self.deadline)),
            }
        }
        Ok(())
    }

    /// Why a barrier has failed: somebody has died, or else somebody is late.
    fn why_failed(&self, barrier: &Barrier, late: fn(usize, Duration) -> ShardError) -> ShardError {
        if let Some(seat) = barrier.abandoned() {
            return self.set.why_lost(self.shards[seat]);
        }
        let absent = barrier.first_absent().unwrap_or(0);
        late(self.shards[absent], self.deadline)
    }

    fn await_all<R>(&self, answers: &[Awaiter<R>]) -> Result<Vec<R>, ShardError> {
        self.shards
            .iter()
            .zip(answers)
            .map(|(&shard, answer)| self.set.await_answer(shard, answer))
            .collect()
    }
}
