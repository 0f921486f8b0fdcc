//! A client's own state: what it has said about itself and chosen.

use std::sync::Arc;

use subtle::ConstantTimeEq;

use crate::server::client::Client;
use crate::server::refusal::Refusal;
use crate::server::reply::Protocol;
use crate::server::request_limits::Sender;
use crate::server::shared::Shared;

/// What one client has said and chosen.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) shared: Arc<Shared>,
    pub(crate) client: Arc<Client>,
    pub(crate) database: u32,
    pub(crate) protocol: Protocol,
    /// Whether it has said the password, if one is asked for.
    pub(crate) sender: Sender,
    /// Whether it has said goodbye.
    pub(crate) leaves: bool,
}

impl Session {
    pub(crate) fn new(shared: Arc<Shared>, client: Arc<Client>) -> Self {
        let mut session = Self {
            shared,
            client,
            database: 0,
            protocol: Protocol::Two,
            sender: Sender::Known,
            leaves: false,
        };
        session.reset();
        session
    }

    /// Forgets everything that it has said and chosen.
    pub(crate) fn reset(&mut self) {
        self.select(0);
        self.client.set_name(b"");
        self.protocol = Protocol::Two;
        self.sender = match self.shared.options.password {
            Some(_) => Sender::Stranger,
            None => Sender::Known,
        };
    }

    pub(crate) fn select(&mut self, database: u32) {
        self.database = database;
        self.client.set_database(database);
    }

    /// Checks name and password. How long that takes tells nothing but the password's length.
    pub(crate) fn authenticate(&mut self, user: &[u8], password: &[u8]) -> Result<(), Refusal> {
        let is_right = match &self.shared.options.password {
            Some(expected) => bool::from(expected.as_slice().ct_eq(password)),
            // Nobody is refused where nothing is asked.
            None => true,
        };
        if user != b"default" || !is_right {
            return Err(Refusal::WrongPassword);
        }
        self.sender = Sender::Known;
        Ok(())
    }
}
