//! What the server knows of a command: how it is called, where it runs, what runs.

use crate::server::call::Call;
use crate::server::database::Database;
use crate::server::refusal::Refusal;
use crate::server::reply::Reply;
use crate::server::session::Session;
use crate::server::words::Words;

/// How a command ended: with what it wrote, or with a refusal, which replaces that.
pub(crate) type Outcome = Result<(), Refusal>;

/// Runs on the shard of its key.
pub(crate) type OnKey = fn(&mut Database<'_>, Words<'_>, &mut Reply<'_>) -> Outcome;

/// Runs on the connection's thread, which it must not hold up, and appends its reply.
pub(crate) type OnSession = fn(&mut Session, Words<'_>, &mut Vec<u8>) -> Outcome;

/// Runs on a thread that may wait for the shards.
pub(crate) type OnStore = fn(&Call<'_>, Words<'_>, &mut Reply<'_>) -> Outcome;

/// One command.
#[derive(Debug)]
pub(crate) struct Command {
    /// In lower case, without blanks, at most 16 bytes.
    pub(crate) name: &'static str,
    /// How many words.
    pub(crate) arity: Arity,
    pub(crate) effect: Effect,
    pub(crate) run: Run,
}

/// How many words a command takes, its name among them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Arity {
    /// So many.
    Exactly(usize),
    /// So many or more.
    AtLeast(usize),
}

/// What a command does to the keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    /// It looks at them.
    Reads,
    /// It changes them.
    Writes,
    /// It has nothing to do with them.
    Nothing,
    /// Nothing either, and it is open to clients that have not said the password.
    Greets,
}

/// Where a command runs, and what.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Run {
    /// For the client itself.
    Session(OnSession),
    /// On the shard of the key, which is the first argument.
    Key(OnKey),
    /// For each key on its shard: at one moment if there are several. The arguments are groups of
    /// so many words, each with its key in front.
    Keys {
        words: usize,
        each: OnKey,
        join: Join,
    },
    /// On several shards, and soon done.
    Store(OnStore),
    /// On several shards or the disk, and perhaps not done soon.
    Slow(OnStore),
    /// The same, and so long that other slow commands do not wait for it.
    Lasting(OnStore),
}

/// What the replies for several keys make.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Join {
    /// Their sum.
    Sum,
    /// An array of them.
    Array,
    /// `OK`, whatever they are.
    Ok,
}

impl Command {
    /// Whether so many words may be given.
    #[inline]
    pub(crate) fn takes(&self, words: usize) -> bool {
        match self.arity {
            Arity::Exactly(number) => words == number,
            Arity::AtLeast(number) => words >= number,
        }
    }

    /// First key, last key and step, as `COMMAND` tells them.
    pub(crate) fn key_positions(&self) -> (i64, i64, i64) {
        match self.run {
            Run::Key(_) => (1, 1, 1),
            Run::Keys { words, .. } => (1, -1, i64::try_from(words).unwrap_or(1)),
            Run::Session(_) | Run::Store(_) | Run::Slow(_) | Run::Lasting(_) => (0, 0, 0),
        }
    }
}

impl Join {
    /// Runs `each` for all groups of `words` arguments, which are on the same shard.
    pub(crate) fn run_all(
        self,
        each: OnKey,
        group_words: usize,
        database: &mut Database<'_>,
        words: Words<'_>,
        reply: &mut Reply<'_>,
    ) -> Outcome {
        let groups = (1..words.len()).step_by(group_words);
        match self {
            Self::Array => reply.array(groups.len()),
            Self::Sum | Self::Ok => {}
        }
        let mut parts = Vec::new();
        let mut sum = 0;
        for first in groups {
            // Commands for keys find theirs behind a name, here the word before.
            let group = words.part(first - 1, first + group_words);
            if self == Self::Array {
                each(database, group, reply)?;
            } else {
                parts.clear();
                each(
                    database,
                    group,
                    &mut Reply::new(&mut parts, reply.protocol()),
                )?;
                sum += Self::count(&parts);
            }
        }
        self.finish(sum, reply);
        Ok(())
    }

    /// Joins what `each` has replied, in the order of the groups.
    pub(crate) fn join_parts(self, parts: &[Vec<u8>], reply: &mut Reply<'_>) {
        match self {
            Self::Array => {
                reply.array(parts.len());
                for part in parts {
                    reply.raw(part);
                }
            }
            Self::Sum | Self::Ok => {
                self.finish(parts.iter().map(|part| Self::count(part)).sum(), reply);
            }
        }
    }

    fn finish(self, sum: i64, reply: &mut Reply<'_>) {
        match self {
            Self::Sum => reply.integer(sum),
            Self::Ok => reply.ok(),
            Self::Array => {}
        }
    }

    /// The integer that one reply is; 0 for any other.
    fn count(part: &[u8]) -> i64 {
        i64::from(part == b":1\r\n")
    }
}
