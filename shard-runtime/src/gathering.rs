//! One cut, transaction or exchange, as its caller drives it: both rounds, and the answers.

use crate::cut::{Barrier, Order, Seat, Verdict};
use crate::cut_stats::CutCounts;
use crate::error::ShardError;
use crate::job::Job;
use crate::reply::{Answer, Awaiter, Replier, reply};
use crate::room::Room;
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
    /// What they have cost.
    pub(crate) counts: CutCounts,
}

impl Gatherings {
    pub(crate) fn new() -> Self {
        Self {
            order: Order::new(),
            counts: CutCounts::new(),
        }
    }
}

/// One cut or transaction, as its caller sees it.
pub(crate) struct Gathering<'a, S> {
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
    pub(crate) fn new<P>(
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

    /// A gathering to which shards come without standing still: its moment, how long each shard
    /// was stopped, and what it answered.
    pub(crate) fn run_at_a_moment<R: Send + 'static>(
        &self,
        parts: Vec<()>,
        f: impl Fn(&mut Shard<S>) -> R + Send + Sync + 'static,
    ) -> Result<(Instant, Vec<Duration>, Vec<R>), ShardError> {
        let f = Arc::new(f);
        let give_up = self.give_up;
        let barrier = Arc::new(Barrier::new(self.shards.len()));
        let called = self.call_together(&barrier, parts, |_, seat, (), replier| {
            let f = Arc::clone(&f);
            let part = Job::new(move |shard: &mut Shard<S>| {
                let since = now();
                let result = f(shard);
                let pause = now().saturating_duration_since(since);
                shard.counters().count_cut(pause);
                replier.fill((pause, result));
            });
            Job::new(move |shard: &mut Shard<S>| shard.pend(seat.come(give_up), part))
        });
        let moment = now();
        // Whatever was decided: those that sleep must learn of it.
        for &shard in &self.shards {
            self.set.mailbox(shard)?.nudge();
        }
        let answers = called?;
        let mut pauses = Vec::with_capacity(answers.len());
        let mut results = Vec::with_capacity(answers.len());
        for (seat, (&shard, answer)) in self.shards.iter().zip(&answers).enumerate() {
            let (pause, result) = match answer.wait(give_up) {
                Answer::Filled(filled) => filled,
                Answer::Pending if !barrier.has_begun(seat) => {
                    let deadline = self.deadline;
                    return Err(ShardError::CutOverdue { shard, deadline });
                }
                Answer::Pending => self.set.await_answer(shard, answer)?,
                Answer::Panicked(_) | Answer::Lost | Answer::Taken => {
                    return Err(self.set.why_lost(shard));
                }
            };
            pauses.push(pause);
            results.push(result);
        }
        Ok((moment, pauses, results))
    }

    /// A gathering at which shards stand still until all have arrived, and whose parts do not
    /// depend on each other: what each shard answered.
    pub(crate) fn run<P: Send + 'static, R: Send + 'static>(
        &self,
        parts: Vec<P>,
        f: impl Fn(&mut Shard<S>, P) -> R + Send + Sync + 'static,
    ) -> Result<Vec<R>, ShardError> {
        let f = Arc::new(f);
        let give_up = self.give_up;
        let alone = self.shards.len() == 1;
        let barrier = Arc::new(Barrier::new(self.shards.len()));
        let answers = self.call_together(&barrier, parts, |_, seat, part, replier| {
            let f = Arc::clone(&f);
            Job::new(move |shard| {
                let since = now();
                if seat.arrive(give_up) == Verdict::Cut {
                    let result = f(shard, part);
                    if !alone {
                        let pause = now().saturating_duration_since(since);
                        shard.counters().count_transaction(pause);
                    }
                    replier.fill(result);
                }
            })
        })?;
        self.await_all(&answers)
    }

    /// A gathering whose shards meet a second time, when all have ended the first half.
    pub(crate) fn run_exchange<P, R, Q, O>(
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
        let barrier = Arc::new(Barrier::new(parts.len()));
        let answers = self.call_together(&barrier, parts, |number, seat, part, replier| {
            let (table, halves) = (Arc::clone(&table), Arc::clone(&halves));
            let second_seat = Seat::new(&again, number);
            Job::new(move |shard| {
                let since = now();
                if seat.arrive(give_up) == Verdict::Failed {
                    return;
                }
                let found = halves.0(shard, part);
                if table.offer(number, found) && second_seat.arrive(give_up) == Verdict::Cut {
                    let answer = halves.1(shard, table.take(number));
                    let pause = now().saturating_duration_since(since);
                    shard.counters().count_transaction(pause);
                    replier.fill(answer);
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
        barrier: &Arc<Barrier>,
        parts: Vec<P>,
        message: impl Fn(usize, Seat, P, Replier<R>) -> Message<S>,
    ) -> Result<Vec<Awaiter<R>>, ShardError> {
        let (repliers, awaiters): (Vec<_>, Vec<_>) = self.shards.iter().map(|_| reply()).unzip();
        let messages =
            parts
                .into_iter()
                .zip(repliers)
                .enumerate()
                .map(|(number, (part, replier))| {
                    message(number, Seat::new(barrier, number), part, replier)
                });
        if let [alone] = self.shards[..] {
            // One part is one closure on one shard, which is a moment already.
            for message in messages {
                self.enter(alone, message)?;
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
            return Err(self.why_failed(barrier, self.late));
        }
        Ok(awaiters)
    }

    /// The first round: everything queued so far has run, and no shard is stuck.
    fn pass_through_mailboxes(&self) -> Result<(), ShardError> {
        let mut passed = Vec::with_capacity(self.shards.len());
        for &shard in &self.shards {
            let (replier, awaiter) = reply();
            let pass = Job::new(move |_: &mut Shard<S>| replier.fill(()));
            self.enter(shard, pass)?;
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

    /// Puts a message at the end of a shard's queue. Those of gatherings have room of their own
    /// there, which is bounded: one that is asked for again and again in vain, as its shard is
    /// stuck, must not fill the memory.
    fn enter(&self, shard: usize, message: Message<S>) -> Result<(), ShardError> {
        match self.set.push(shard, message, Room::Exceed(self.give_up)) {
            Err(ShardError::MailboxFull { .. }) => Err((self.late)(shard, self.deadline)),
            entered => entered,
        }
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
