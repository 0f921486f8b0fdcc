//! Offices: threads that run the commands that must wait for several shards, or for the disk.

use std::sync::Arc;
use std::sync::mpsc::{self, Receiver};

use shard_runtime::{Worker, spawn_named};

use crate::server::batch::run_alone;
use crate::server::call::{Call, PATIENCE};
use crate::server::command::{Effect, Join, OnKey, OnStore, Outcome};
use crate::server::inbox::{Arrival, Inbox};
use crate::server::reply::{Protocol, Reply};
use crate::server::shared::Shared;
use crate::server::words::{OwnedWords, Words};

/// A command that runs in an office.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) work: JobWork,
    pub(crate) effect: Effect,
    pub(crate) words: OwnedWords,
    pub(crate) database: u32,
    pub(crate) protocol: Protocol,
    /// Who waits for the reply, and where.
    pub(crate) connection: usize,
    pub(crate) home: Arc<Inbox>,
}

/// What a job does.
#[derive(Debug, Clone, Copy)]
pub(crate) enum JobWork {
    /// Whatever the command does.
    Store(OnStore),
    /// One thing for several keys at one moment.
    Keys {
        words: usize,
        each: OnKey,
        join: Join,
    },
}

/// Where jobs are sent to. The offices end when nobody can send to them any more.
#[derive(Debug, Clone)]
pub(crate) struct Offices {
    quick: mpsc::Sender<Job>,
    slow: mpsc::Sender<Job>,
    lasting: mpsc::Sender<Job>,
}

impl Offices {
    /// Opens one office for what is soon done, one for what may take its time, and one for what
    /// takes so long that the former must not wait for it.
    pub(crate) fn open(shared: &Arc<Shared>) -> (Self, Vec<Worker<()>>) {
        let open = |name, work: fn(&Arc<Shared>, &Receiver<Job>)| {
            let (sender, receiver) = mpsc::channel();
            let shared = Arc::clone(shared);
            (sender, spawn_named(name, move || work(&shared, &receiver)))
        };
        let (quick, quick_worker) = open("office", work_quickly);
        let (slow, slow_worker) = open("office-slow", work_slowly);
        let (lasting, lasting_worker) = open("office-save", work_slowly);
        let offices = Self {
            quick,
            slow,
            lasting,
        };
        (offices, vec![quick_worker, slow_worker, lasting_worker])
    }

    /// Has a job done that is soon done.
    pub(crate) fn send_quick(&self, job: Job) {
        // The office is open as long as anybody can send to it.
        drop(self.quick.send(job));
    }

    /// Has a job done that may take its time.
    pub(crate) fn send_slow(&self, job: Job) {
        drop(self.slow.send(job));
    }

    /// Has a job done that those that may take their time must not wait for.
    pub(crate) fn send_lasting(&self, job: Job) {
        drop(self.lasting.send(job));
    }
}

fn work_quickly(shared: &Arc<Shared>, jobs: &Receiver<Job>) {
    while let Ok(job) = jobs.recv() {
        // Who asked for what does not pass any more is not answered: the server ends.
        if let Some(_open) = shared.gate.pass() {
            job.finish(shared);
        }
    }
}

/// Works on what may close the gate itself.
fn work_slowly(shared: &Arc<Shared>, jobs: &Receiver<Job>) {
    while let Ok(job) = jobs.recv() {
        if shared.gate.pass().is_some() {
            job.finish(shared);
        }
    }
}

impl Job {
    /// Does the job, and sends its reply home.
    fn finish(self, shared: &Arc<Shared>) {
        let mut reply = Vec::new();
        let outcome = self.run(shared, &mut Reply::new(&mut reply, self.protocol));
        if let Err(refusal) = outcome {
            reply.clear();
            Reply::new(&mut reply, self.protocol).refusal(&refusal);
        }
        self.home.push(Arrival::Answer {
            connection: self.connection,
            reply,
        });
    }

    fn run(&self, shared: &Arc<Shared>, reply: &mut Reply<'_>) -> Outcome {
        // It may have changed since the desk asked.
        shared.role.get().admits(self.effect)?;
        let words = self.words.words();
        match self.work {
            JobWork::Store(run) => {
                let call = Call {
                    server: shared,
                    database: self.database,
                };
                run(&call, words, reply)
            }
            JobWork::Keys {
                words: group,
                each,
                join,
            } => self.transact(shared, words, (group, each, join), reply),
        }
    }

    /// Runs `each` for every group of words on the shard of its key, all at one moment.
    fn transact(
        &self,
        shared: &Shared,
        words: Words<'_>,
        (group_words, each, join): (usize, OnKey, Join),
        reply: &mut Reply<'_>,
    ) -> Outcome {
        let groups = (1..words.len()).step_by(group_words);
        let parts: Vec<_> = groups
            .map(|first| {
                let group = words.part(first - 1, first + group_words);
                (shared.shard_of(&words[first]), OwnedWords::from(group))
            })
            .collect();
        let (database, protocol) = (self.database, self.protocol);
        let run = move |shard: &mut shard_runtime::Shard<_>, group: OwnedWords| {
            run_alone(each, shard.state(), group.words(), database, protocol)
        };
        let replies = shared.shards.transact(PATIENCE, parts, run)?;
        let replies: Vec<Vec<u8>> = replies.into_iter().collect::<Result<_, _>>()?;
        join.join_parts(&replies, reply);
        Ok(())
    }
}
