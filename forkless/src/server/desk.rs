//! The desk: takes one request, and decides who does it.

use std::sync::Arc;

use crate::server::batch::SpareBatches;
use crate::server::command::{Command, Effect, Run};
use crate::server::commands;
use crate::server::inbox::Inbox;
use crate::server::office::{Job, JobWork, Offices};
use crate::server::refusal::{QUOTED_BYTES_MAX, Refusal, text_of};
use crate::server::reply::Reply;
use crate::server::request_limits::Sender;
use crate::server::round::Round;
use crate::server::session::Session;
use crate::server::shared::Shared;
use crate::server::words::{OwnedWords, Words};

/// Takes the requests of one connection in one turn.
#[derive(Debug)]
pub(crate) struct Desk<'a> {
    pub(crate) shared: &'a Shared,
    pub(crate) offices: &'a Offices,
    pub(crate) home: &'a Arc<Inbox>,
    pub(crate) round: &'a mut Round,
    pub(crate) spare: &'a mut SpareBatches,
    pub(crate) connection: usize,
    /// How many requests of the connection are in the round.
    pub(crate) placed: usize,
}

/// What became of a request.
#[derive(Debug)]
pub(crate) enum Step {
    /// Its reply comes with the round.
    Placed,
    /// This is its reply.
    Replied(Vec<u8>),
    /// It must wait until those before it are done.
    Later,
    /// Its reply comes from an office; those behind it must wait.
    Away,
}

impl Desk<'_> {
    #[inline]
    pub(crate) fn take(&mut self, session: &mut Session, words: Words<'_>) -> Step {
        let Some(name) = words.get(0) else {
            return Step::Placed;
        };
        let Some(command) = commands::find(name) else {
            if is_of_http(name) {
                session.leaves = true;
                return Step::Placed;
            }
            return self.refuse_bytes(session, &unknown(words));
        };
        if let Err(refusal) = check(command, session, words) {
            return self.refuse(session, &refusal);
        }
        match command.run {
            Run::Session(run) => {
                let mut out = Vec::new();
                // What HELLO replies is in the version that it has just chosen.
                if let Err(refusal) = run(session, words, &mut out) {
                    out.clear();
                    Reply::new(&mut out, session.protocol).refusal(&refusal);
                }
                self.reply(out)
            }
            Run::Key(_) => {
                let shard = self.shared.shard_of(&words[1]);
                self.place(session, shard, command, words)
            }
            Run::Keys {
                words: group,
                each,
                join,
            } => {
                if let Some(shard) = self.only_shard(words, group) {
                    self.place(session, shard, command, words)
                } else {
                    let work = JobWork::Keys {
                        words: group,
                        each,
                        join,
                    };
                    self.send_away(session, words, (command, work), Offices::send_quick)
                }
            }
            Run::Store(run) => {
                let work = (command, JobWork::Store(run));
                self.send_away(session, words, work, Offices::send_quick)
            }
            Run::Slow(run) => {
                let work = (command, JobWork::Store(run));
                self.send_away(session, words, work, Offices::send_slow)
            }
            Run::Lasting(run) => {
                let work = (command, JobWork::Store(run));
                self.send_away(session, words, work, Offices::send_lasting)
            }
        }
    }

    /// A reply that is there already: now, or behind those that are not.
    pub(crate) fn reply(&mut self, reply: Vec<u8>) -> Step {
        if self.placed == 0 {
            return Step::Replied(reply);
        }
        self.placed += 1;
        self.round.reply(self.connection, &reply);
        Step::Placed
    }

    #[inline]
    fn place(
        &mut self,
        session: &Session,
        shard: usize,
        command: &Command,
        words: Words<'_>,
    ) -> Step {
        self.placed += 1;
        self.round
            .ask(self.connection, session, shard, command, words, self.spare);
        Step::Placed
    }

    /// The shard of all keys, if it is one.
    fn only_shard(&self, words: Words<'_>, group_words: usize) -> Option<usize> {
        let keys = (1..words.len()).step_by(group_words);
        let mut shards = keys.map(|at| self.shared.shard_of(&words[at]));
        let first = shards.next()?;
        shards.all(|shard| shard == first).then_some(first)
    }

    fn send_away(
        &mut self,
        session: &Session,
        words: Words<'_>,
        (command, work): (&Command, JobWork),
        send: fn(&Offices, Job),
    ) -> Step {
        if self.placed > 0 {
            return Step::Later;
        }
        let job = Job {
            work,
            effect: command.effect,
            words: OwnedWords::from(words),
            database: session.database,
            protocol: session.protocol,
            connection: self.connection,
            home: Arc::clone(self.home),
        };
        send(self.offices, job);
        Step::Away
    }

    #[cold]
    fn refuse(&mut self, session: &Session, refusal: &Refusal) -> Step {
        let mut reply = Vec::new();
        Reply::new(&mut reply, session.protocol).refusal(refusal);
        self.reply(reply)
    }

    #[cold]
    fn refuse_bytes(&mut self, session: &Session, error: &[u8]) -> Step {
        let mut reply = Vec::new();
        Reply::new(&mut reply, session.protocol).error_bytes(error);
        self.reply(reply)
    }
}

/// Whether a command may be asked so.
#[inline]
fn check(command: &Command, session: &Session, words: Words<'_>) -> Result<(), Refusal> {
    let whole_groups = match command.run {
        Run::Keys { words: group, .. } => (words.len() - 1).is_multiple_of(group),
        _ => true,
    };
    if !command.takes(words.len()) || !whole_groups {
        let name = command.name.to_owned();
        return Err(Refusal::Arity { name });
    }
    if session.sender == Sender::Stranger && command.effect != Effect::Greets {
        return Err(Refusal::NoAuth);
    }
    session.shared.role.get().admits(command.effect)
}

/// Whether a line is one of HTTP: a page has a browser on this machine send it, and commands behind
/// it. Nothing of them is done.
#[cold]
fn is_of_http(name: &[u8]) -> bool {
    name.eq_ignore_ascii_case(b"post") || name.eq_ignore_ascii_case(b"host:")
}

/// What is said of a command that nobody knows.
fn unknown(words: Words<'_>) -> Vec<u8> {
    let quoted = |word, bytes_max: usize| {
        let text = text_of(word);
        text[..text.len().min(bytes_max)].to_vec()
    };
    let mut error = b"ERR unknown command '".to_vec();
    error.extend(quoted(&words[0], QUOTED_BYTES_MAX));
    error.extend_from_slice(b"', with args beginning with: ");
    let mut arguments = Vec::new();
    for word in words.iter_from(1) {
        if arguments.len() >= QUOTED_BYTES_MAX {
            break;
        }
        let left = QUOTED_BYTES_MAX - arguments.len();
        arguments.push(b'\'');
        arguments.extend(quoted(word, left));
        arguments.extend_from_slice(b"' ");
    }
    error.extend(arguments);
    error
}
