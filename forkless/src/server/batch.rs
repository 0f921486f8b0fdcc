//! What one connection thread asks one shard at a time: many commands in one message.

use std::sync::Arc;

use shard_runtime::Shard;

use crate::server::command::{Command, Join, OnKey, Run};
use crate::server::inbox::{Arrival, Inbox};
use crate::server::refusal::Refusal;
use crate::server::reply::{Protocol, Reply};
use crate::server::shard_state::{ShardState, now_ms};
use crate::server::sync::AtomicUsize;
use crate::server::words::{Stack, Words};

/// What a batch that was large keeps of its memory, in bytes.
const BYTES_KEPT_MAX: usize = 1 << 20;

/// How many commands ahead the table is told of a key.
const AHEAD: usize = 6;

/// Commands for one shard, and then its replies to them, in the same order.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    words: Stack,
    entries: Vec<Entry>,
    replies: Vec<u8>,
    /// Where each reply ends.
    ends: Vec<usize>,
    /// How many replies were taken.
    taken: usize,
}

/// One command of a batch.
#[derive(Debug, Clone, Copy)]
struct Entry {
    work: Work,
    database: u32,
    protocol: Protocol,
    /// Where its words end.
    words_end: usize,
}

/// What a shard does for a command.
#[derive(Debug, Clone, Copy)]
enum Work {
    Key(OnKey),
    Keys {
        words: usize,
        each: OnKey,
        join: Join,
    },
}

impl Batch {
    /// Adds a command whose keys are all on the shard; whether it is one for shards.
    #[inline]
    pub(crate) fn push(
        &mut self,
        command: &Command,
        words: Words<'_>,
        database: u32,
        protocol: Protocol,
    ) {
        let work = match command.run {
            Run::Key(run) => Work::Key(run),
            Run::Keys { words, each, join } => Work::Keys { words, each, join },
            Run::Session(_) | Run::Store(_) | Run::Slow(_) | Run::Lasting(_) => {
                unreachable!("a command without a key is for no shard")
            }
        };
        let words_end = self.words.push(words);
        self.entries.push(Entry {
            work,
            database,
            protocol,
            words_end,
        });
    }

    /// Bytes of all words in it.
    #[inline]
    pub(crate) fn bytes(&self) -> usize {
        self.words.bytes()
    }

    /// Runs all commands, one after the other.
    fn run(&mut self, state: &mut ShardState) {
        let now_ms = now_ms();
        let mut begin = 0;
        for (index, entry) in self.entries.iter().enumerate() {
            if let Some(ahead) = self.entries.get(index + AHEAD)
                && let Some(before) = self.entries.get(index + AHEAD - 1)
                && let Some(key) = self.words.words(before.words_end, ahead.words_end).get(1)
            {
                state.prefetch(ahead.database, key);
            }
            let words = self.words.words(begin, entry.words_end);
            begin = entry.words_end;
            let start = self.replies.len();
            let mut database = state.database(entry.database, now_ms);
            let reply = &mut Reply::new(&mut self.replies, entry.protocol);
            let outcome = match entry.work {
                Work::Key(run) => run(&mut database, words, reply),
                Work::Keys {
                    words: group,
                    each,
                    join,
                } => join.run_all(each, group, &mut database, words, reply),
            };
            if let Err(refusal) = outcome {
                self.replies.truncate(start);
                Reply::new(&mut self.replies, entry.protocol).refusal(&refusal);
            }
            self.ends.push(self.replies.len());
        }
    }

    /// The next reply that was not taken yet; `None` if the shard has not given it.
    #[inline]
    pub(crate) fn take_reply(&mut self) -> Option<&[u8]> {
        let end = *self.ends.get(self.taken)?;
        let begin = match self.taken {
            0 => 0,
            taken => self.ends[taken - 1],
        };
        self.taken += 1;
        Some(&self.replies[begin..end])
    }

    /// Forgets everything, for another use.
    fn clear(&mut self) {
        self.words.clear(BYTES_KEPT_MAX);
        self.entries.clear();
        self.replies.clear();
        self.replies.shrink_to(BYTES_KEPT_MAX);
        self.ends.clear();
        self.taken = 0;
    }
}

/// Batches that nobody uses now, with the memory that they have had.
#[derive(Debug, Default)]
pub(crate) struct SpareBatches(Vec<Batch>);

impl SpareBatches {
    pub(crate) fn take(&mut self) -> Batch {
        self.0.pop().unwrap_or_default()
    }

    pub(crate) fn give(&mut self, mut batch: Batch) {
        batch.clear();
        self.0.push(batch);
    }
}

/// A batch on its way to its shard and back: it comes back whatever happens there.
#[derive(Debug)]
pub(crate) struct Errand {
    batch: Option<Batch>,
    shard: usize,
    round: usize,
    /// How many batches of the round are not back.
    missing: Arc<AtomicUsize>,
    home: Arc<Inbox>,
}

impl Errand {
    /// `round` is for who finds the batch in `home`, and is woken when none of its batches is
    /// `missing` any more.
    pub(crate) fn new(
        batch: Batch,
        shard: usize,
        (round, missing): (usize, &Arc<AtomicUsize>),
        home: &Arc<Inbox>,
    ) -> Self {
        Self {
            batch: Some(batch),
            shard,
            round,
            missing: Arc::clone(missing),
            home: Arc::clone(home),
        }
    }

    /// Runs the batch on its shard, and sends it home.
    pub(crate) fn run(mut self, shard: &mut Shard<ShardState>) {
        if let Some(batch) = &mut self.batch {
            batch.run(shard.state());
        }
    }
}

impl Drop for Errand {
    /// Without its replies if the shard has failed on the way.
    fn drop(&mut self) {
        if let Some(batch) = self.batch.take() {
            let arrival = Arrival::Batch {
                batch,
                shard: self.shard,
                round: self.round,
            };
            self.home.push_one_of(arrival, &self.missing);
        }
    }
}

/// Runs one command on the state of its shard, for transactions; its reply.
pub(crate) fn run_alone(
    run: OnKey,
    state: &mut ShardState,
    words: Words<'_>,
    database: u32,
    protocol: Protocol,
) -> Result<Vec<u8>, Refusal> {
    let mut out = Vec::new();
    let mut database = state.database(database, now_ms());
    run(&mut database, words, &mut Reply::new(&mut out, protocol))?;
    Ok(out)
}
