//! One client's connection: what has come in, what is to go out.

use std::io::{ErrorKind, Read, Write};

use crate::server::request::RequestParser;
use crate::server::session::Session;
use crate::server::stream::Stream;

/// What a connection keeps of its output's memory once it is written, in bytes.
const OUTPUT_BYTES_KEPT_MAX: usize = 64 << 10;

/// One client's connection.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub(crate) struct Connection {
    pub(crate) stream: Stream,
    pub(crate) session: Session,
    pub(crate) parser: RequestParser,
    /// What was read and is part of no request that was taken yet.
    pub(crate) input: Vec<u8>,
    output: Vec<u8>,
    /// How much of the output is written.
    written: usize,
    /// There may be something to read.
    pub(crate) readable: bool,
    /// The client sends nothing more: behind what is still to be read comes the end.
    pub(crate) half_closed: bool,
    /// The input may hold a whole request.
    pub(crate) has_request: bool,
    /// Commands of it are under way.
    pub(crate) busy: bool,
    /// It stands in the queue of connections to look at.
    pub(crate) queued: bool,
    /// Nothing more is read from it.
    pub(crate) ends: bool,
    /// The socket is closed, or broken.
    pub(crate) ended: bool,
}

impl Connection {
    pub(crate) fn new(stream: Stream, session: Session) -> Self {
        let parser = RequestParser::new(session.shared.options.limits);
        Self {
            stream,
            session,
            parser,
            input: Vec::new(),
            output: Vec::new(),
            written: 0,
            readable: true,
            half_closed: false,
            has_request: false,
            busy: false,
            queued: false,
            ends: false,
            ended: false,
        }
    }

    /// Reads once into `buffer`; how many bytes.
    pub(crate) fn read(&mut self, buffer: &mut [u8]) -> usize {
        loop {
            match self.stream.read(buffer) {
                Ok(0) => {
                    // It may still read what it is told.
                    self.ends = true;
                    return 0;
                }
                Ok(bytes) => {
                    // Less than there was room for is all there was: but for the end, which the
                    // system may have told together with it, and tells only once.
                    self.readable = bytes == buffer.len() || self.half_closed;
                    return bytes;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.readable = false;
                    return 0;
                }
                Err(_) => {
                    self.ended = true;
                    return 0;
                }
            }
        }
    }

    /// Adds to what is to be written.
    #[inline]
    pub(crate) fn send(&mut self, bytes: &[u8]) {
        self.output.extend_from_slice(bytes);
    }

    /// Where replies are written to.
    pub(crate) fn output(&mut self) -> &mut Vec<u8> {
        &mut self.output
    }

    /// Whether everything is written.
    pub(crate) fn is_flushed(&self) -> bool {
        self.written == self.output.len()
    }

    /// Writes as much as the socket takes.
    pub(crate) fn flush(&mut self) {
        while self.written < self.output.len() && !self.ended {
            match self.stream.write(&self.output[self.written..]) {
                Ok(bytes) => self.written += bytes,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(_) => self.ended = true,
            }
        }
        self.written = 0;
        self.output.clear();
        self.output.shrink_to(OUTPUT_BYTES_KEPT_MAX);
    }

    /// Whether it has said everything, and so have we.
    pub(crate) fn is_over(&self) -> bool {
        !self.busy && (self.ended || self.ends && self.is_flushed())
    }
}
