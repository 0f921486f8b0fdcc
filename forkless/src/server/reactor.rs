//! A connection thread: reads requests, has them done, writes the replies.
//!
//! Each turn takes what all its connections have sent and makes one message of it for each shard,
//! so that a command costs a shard and this thread no hand-over of its own. A connection whose
//! commands are under way is not read from until their replies are written: so replies come in
//! order, and a client that does not read holds up nobody but itself.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;

use mio::event::Event;
use mio::{Events, Poll, Token, Waker};
use slab::Slab;

use crate::server::batch::SpareBatches;
use crate::server::client::Client;
use crate::server::connection::Connection;
use crate::server::desk::{Desk, Step};
use crate::server::inbox::{Arrival, Inbox};
use crate::server::office::Offices;
use crate::server::reply::Reply;
use crate::server::request::Parsed;
use crate::server::round::Round;
use crate::server::session::Session;
use crate::server::shared::Shared;
use crate::server::stream::Stream;

/// The token of the waker; connections have their places in the slab.
const WAKER: Token = Token(usize::MAX);

/// What is read from a socket at a time, in bytes.
const READ_BYTES: usize = 64 << 10;

/// What is read from one connection in a turn, at most, in bytes.
const READ_BYTES_MAX: usize = 1 << 20;

/// How many commands of one connection go into a round, so that none waits long for another.
const COMMANDS_MAX: usize = 256;

/// How many rounds are under way at most.
const ROUNDS_MAX: usize = 4;

/// A connection thread.
pub(crate) struct Reactor {
    shared: Arc<Shared>,
    poll: Poll,
    inbox: Arc<Inbox>,
    connections: Slab<Connection>,
    /// Connections to look at.
    queue: VecDeque<usize>,
    rounds: Slab<Round>,
    /// The round that is being made.
    filling: Round,
    spare_rounds: Vec<Round>,
    spare_batches: SpareBatches,
    offices: Offices,
    buffer: Vec<u8>,
}

impl Reactor {
    pub(crate) fn new(shared: &Arc<Shared>, offices: &Offices) -> io::Result<Self> {
        let poll = Poll::new()?;
        let inbox = Arc::new(Inbox::new(Waker::new(poll.registry(), WAKER)?));
        Ok(Self {
            shared: Arc::clone(shared),
            poll,
            inbox,
            connections: Slab::new(),
            queue: VecDeque::new(),
            rounds: Slab::new(),
            filling: Round::default(),
            spare_rounds: Vec::new(),
            spare_batches: SpareBatches::default(),
            offices: offices.clone(),
            buffer: vec![0; READ_BYTES],
        })
    }

    /// Where to send what is for this thread.
    pub(crate) fn inbox(&self) -> &Arc<Inbox> {
        &self.inbox
    }

    /// Serves until it is told to stop.
    pub(crate) fn run(mut self) {
        let mut events = Events::with_capacity(1024);
        let mut arrivals = Vec::new();
        loop {
            self.inbox.take(&mut arrivals);
            for arrival in arrivals.drain(..) {
                if matches!(arrival, Arrival::Stop) {
                    return;
                }
                self.receive(arrival);
            }
            self.serve_all();
            let has_work = !self.queue.is_empty() && self.rounds.len() < ROUNDS_MAX;
            let may_sleep = !has_work && self.inbox.may_sleep();
            let timeout = (!may_sleep).then_some(std::time::Duration::ZERO);
            // Interrupted: what was to be polled is polled the next time.
            drop(self.poll.poll(&mut events, timeout));
            self.inbox.awake();
            for event in &events {
                if event.token() != WAKER {
                    self.notice(event);
                }
            }
        }
    }

    fn receive(&mut self, arrival: Arrival) {
        match arrival {
            Arrival::Connection { stream, client } => self.admit(stream, client),
            Arrival::Batch {
                batch,
                shard,
                round,
            } => {
                self.rounds[round].take_back(shard, batch);
                if self.rounds[round].is_complete() {
                    let round = self.rounds.remove(round);
                    self.deliver(round);
                }
            }
            Arrival::Answer { connection, reply } => {
                self.connections[connection].send(&reply);
                settle(&mut self.connections, &mut self.queue, connection);
                self.remove_if_over(connection);
            }
            // All that passed before was sent before.
            Arrival::Closed(knows) => drop(knows.send(())),
            Arrival::Opened => {
                let all: Vec<usize> = self.connections.iter().map(|(index, _)| index).collect();
                for index in all {
                    self.enqueue(index);
                }
            }
            Arrival::Stop => {}
        }
    }

    fn admit(&mut self, mut stream: Stream, client: Arc<Client>) {
        let vacant = self.connections.vacant_entry();
        let index = vacant.key();
        match stream.register(self.poll.registry(), Token(index)) {
            Ok(()) => {
                let session = Session::new(Arc::clone(&self.shared), client);
                vacant.insert(Connection::new(stream, session));
                self.enqueue(index);
            }
            Err(_) => self.shared.clients.leave(&client),
        }
    }

    /// Something has happened at a connection's socket.
    fn notice(&mut self, event: &Event) {
        let index = event.token().0;
        if let Some(connection) = self.connections.get_mut(index) {
            connection.readable |= event.is_readable() || event.is_read_closed();
            connection.half_closed |= event.is_read_closed();
            self.enqueue(index);
        }
    }

    fn enqueue(&mut self, index: usize) {
        let connection = &mut self.connections[index];
        if !connection.queued {
            connection.queued = true;
            self.queue.push_back(index);
        }
    }

    /// Looks at all connections that stand in the queue, and sends what they ask.
    fn serve_all(&mut self) {
        while self.rounds.len() < ROUNDS_MAX {
            let mut served = 0;
            while let Some(index) = self.queue.pop_front() {
                served += 1;
                self.serve(index);
                if self.filling.is_full() {
                    break;
                }
            }
            if served == 0 {
                return;
            }
            self.send_round();
        }
    }

    fn send_round(&mut self) {
        if self.filling.is_empty() {
            return;
        }
        let fresh = self.spare_rounds.pop().unwrap_or_default();
        let vacant = self.rounds.vacant_entry();
        let number = vacant.key();
        let round = vacant.insert(std::mem::replace(&mut self.filling, fresh));
        round.send(number, &self.shared.shards, &self.inbox);
    }

    fn deliver(&mut self, mut round: Round) {
        let (queue, mut over) = (&mut self.queue, Vec::new());
        round.deliver(&mut self.connections, |connections, index| {
            settle(connections, queue, index);
            if connections[index].is_over() {
                over.push(index);
            }
        });
        for index in over {
            self.remove_if_over(index);
        }
        round.clear(&mut self.spare_batches);
        self.spare_rounds.push(round);
    }

    fn remove_if_over(&mut self, index: usize) {
        if self.connections.get(index).is_some_and(Connection::is_over) {
            let mut connection = self.connections.remove(index);
            // It is closed all the same.
            drop(connection.stream.deregister(self.poll.registry()));
            self.shared.clients.leave(&connection.session.client);
        }
    }

    /// Writes what is left to write to a connection, and takes what it asks.
    fn serve(&mut self, index: usize) {
        let Some(connection) = self.connections.get_mut(index) else {
            return;
        };
        connection.queued = false;
        if connection.busy {
            return;
        }
        if !connection.is_flushed() {
            connection.flush();
        }
        if connection.is_flushed() && !connection.ends && !self.shared.gate.is_closed() {
            self.take_requests(index);
        }
        self.remove_if_over(index);
    }

    /// Reads from a connection until there is a request, and takes all that there are.
    fn take_requests(&mut self, index: usize) {
        let connection = &mut self.connections[index];
        let mut desk = Desk {
            shared: &self.shared,
            offices: &self.offices,
            home: &self.inbox,
            round: &mut self.filling,
            spare: &mut self.spare_batches,
            connection: index,
            placed: 0,
        };
        let mut read = 0;
        if connection.has_request {
            let mut input = std::mem::take(&mut connection.input);
            let taken = take_from(&input, connection, &mut desk);
            input.drain(..taken);
            connection.input = input;
        }
        while !connection.has_request
            && connection.readable
            && !connection.ended
            && desk.placed == 0
            && read < READ_BYTES_MAX
        {
            let bytes = connection.read(&mut self.buffer);
            read += bytes;
            if connection.input.is_empty() {
                let input = &self.buffer[..bytes];
                let taken = take_from(input, connection, &mut desk);
                connection.input.extend_from_slice(&input[taken..]);
            } else {
                let mut input = std::mem::take(&mut connection.input);
                input.extend_from_slice(&self.buffer[..bytes]);
                let taken = take_from(&input, connection, &mut desk);
                input.drain(..taken);
                connection.input = input;
            }
            if connection.input.is_empty() {
                connection.input = Vec::new();
            }
            if connection.busy || connection.ends {
                break;
            }
        }
        if desk.placed > 0 {
            connection.busy = true;
        }
        if !connection.busy {
            settle(&mut self.connections, &mut self.queue, index);
        }
    }
}

/// Nothing of a connection is under way any more: writes its replies, and looks for more to do.
fn settle(connections: &mut Slab<Connection>, queue: &mut VecDeque<usize>, index: usize) {
    let connection = &mut connections[index];
    connection.busy = false;
    connection.flush();
    let has_more = connection.has_request || connection.readable;
    if has_more && connection.is_flushed() && !connection.queued {
        connection.queued = true;
        queue.push_back(index);
    }
}

/// Takes requests from `input`; how many bytes of it.
fn take_from(input: &[u8], connection: &mut Connection, desk: &mut Desk<'_>) -> usize {
    let mut at = 0;
    connection.has_request = false;
    for _ in 0..COMMANDS_MAX {
        let sender = connection.session.sender;
        // The parser lends its words, so it stands aside from the rest of the connection.
        let Connection {
            parser, session, ..
        } = connection;
        match parser.parse(&input[at..], sender) {
            Ok(Parsed::Incomplete) => return at,
            Ok(Parsed::Request { words, bytes }) => {
                match desk.take(session, words) {
                    Step::Placed => {}
                    Step::Replied(reply) => connection.send(&reply),
                    Step::Later => {
                        connection.parser.restart();
                        connection.has_request = true;
                        return at;
                    }
                    Step::Away => {
                        connection.busy = true;
                        connection.has_request = true;
                        return at + bytes;
                    }
                }
                at += bytes;
                if connection.session.leaves {
                    connection.ends = true;
                    return input.len();
                }
            }
            Err(error) => {
                connection.ends = true;
                let mut reply = Vec::new();
                let protocol = connection.session.protocol;
                Reply::new(&mut reply, protocol).error(&format_args!("ERR {error}"));
                if let Step::Replied(reply) = desk.reply(reply) {
                    connection.send(&reply);
                }
                return input.len();
            }
        }
    }
    connection.has_request = true;
    at
}
