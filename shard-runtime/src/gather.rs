//! The ways to let closures run on several shards as one: cut, transaction, exchange.

use crate::cut_stats::CutStats;
use crate::error::ShardError;
use crate::gathering::Gathering;
use crate::runtime::ShardSet;
use crate::shard::Shard;
use crate::sync::now;
use std::collections::BTreeMap;
use std::time::Duration;

impl<S: 'static> ShardSet<S> {
    /// Lets `f` run on every shard at one logical moment; the results stand in shard order.
    ///
    /// Whatever ran on any shard is wholly before the moment or wholly after it. If the effect of
    /// one closure was seen before another was sent, the moment never has the second without the
    /// first. What the calling thread has sent before is before the moment.
    ///
    /// No shard waits for another. Each goes on serving until all have come to the cut, which is
    /// the moment, and then runs `f` before anything else. What it is serving just then is before
    /// the moment; so closures on two shards that talk to each other while they run, past the set,
    /// may find themselves on two sides of it.
    ///
    /// `deadline` bounds the wait for the moment, and for every shard to begin with `f`; the
    /// results are awaited as long as `f` takes.
    ///
    /// # Errors
    ///
    /// [`ShardError::CutTimedOut`], [`ShardError::Poisoned`] and [`ShardError::Stopped`] when a
    /// shard did not come: `f` has then run nowhere, and never will. A shard that had come, but
    /// was held up or lost by what it was doing at the moment, cannot undo it; `f` has then run on
    /// the others: [`ShardError::CutOverdue`] if the shard is stuck in that, in which case it runs
    /// `f` when it comes back, [`ShardError::Poisoned`] if that panicked, as if `f` itself
    /// panicked, and [`ShardError::Stopped`] if the set was aborted.
    /// [`ShardError::OnShardThread`] on a thread of this set.
    pub fn cut<R: Send + 'static>(
        &self,
        deadline: Duration,
        f: impl Fn(&mut Shard<S>) -> R + Send + Sync + 'static,
    ) -> Result<Vec<R>, ShardError> {
        let since = now();
        let shards = (0..self.len()).map(|shard| (shard, ()));
        let (gathering, parts) = Gathering::new(self, shards, deadline, |shard, deadline| {
            ShardError::CutTimedOut { shard, deadline }
        })?;
        let (moment, pauses, results) = gathering.run_at_a_moment(parts, f)?;
        let wait = moment.saturating_duration_since(since);
        self.gatherings().counts.count_cut(wait, &pauses);
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
    /// A shard may have several parts; they run one after the other, in their order. Shards that
    /// take part stand still from the first arrival to the last, others go on serving. If all parts
    /// are for one shard, they are an ordinary message.
    ///
    /// ```
    /// use shard_runtime::{ShardSet, ShardSetConfig};
    /// use std::{collections::HashMap, time::Duration};
    ///
    /// let config = ShardSetConfig { shards: 4, ..ShardSetConfig::default() };
    /// let shards = ShardSet::start(config, |_| HashMap::new())?;
    /// let pairs = vec![(0, ("a", 1)), (3, ("b", 2))];
    /// let patience = Duration::from_mins(1);
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
    /// [`ShardError::TransactionTimedOut`], [`ShardError::Stopped`], and
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
        let mut by_shard = BTreeMap::<usize, Vec<(usize, P)>>::new();
        for (position, (shard, part)) in parts.into_iter().enumerate() {
            by_shard.entry(shard).or_default().push((position, part));
        }
        let (gathering, parts) = Gathering::new(self, by_shard, deadline, |shard, deadline| {
            ShardError::TransactionTimedOut { shard, deadline }
        })?;
        let run_one_by_one = move |shard: &mut Shard<S>, parts: Vec<(usize, P)>| {
            let results = parts
                .into_iter()
                .map(|(position, part)| (position, f(shard, part)));
            results.collect::<Vec<_>>()
        };
        let results = gathering.run(parts, run_one_by_one)?;
        let mut results: Vec<_> = results.into_iter().flatten().collect();
        results.sort_unstable_by_key(|&(position, _)| position);
        self.gatherings().counts.count_transaction();
        Ok(results.into_iter().map(|(_, result)| result).collect())
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
    ///     Duration::from_mins(1),
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
    /// [`ShardError::TwoParts`] when a shard has more than one: nothing has run. As of
    /// [`ShardSet::transact`], for both halves; and these, after which `first` has run and
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
        self.gatherings().counts.count_transaction();
        Ok(results)
    }

    /// How long cuts have stopped shards, and how many there were.
    pub fn cut_stats(&self) -> CutStats {
        self.gatherings().counts.stats()
    }
}
