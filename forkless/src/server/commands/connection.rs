//! What a client says about itself and the connection: PING, HELLO, AUTH, SELECT and so on.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::server::command::Outcome;
use crate::server::number::parse_integer;
use crate::server::refusal::Refusal;
use crate::server::reply::{Protocol, Reply};
use crate::server::role::Role;
use crate::server::session::Session;
use crate::server::shard_state::DATABASES;
use crate::server::words::Words;

/// The server whose replies ours are like.
pub(super) const REDIS_VERSION: &str = "7.0.15";

pub(super) fn ping(session: &mut Session, words: Words<'_>, out: &mut Vec<u8>) -> Outcome {
    let mut reply = Reply::new(out, session.protocol);
    match (words.get(1), words.len()) {
        (None, _) => reply.simple("PONG"),
        (Some(word), 2) => reply.bulk(word),
        _ => {
            let name = "ping".to_owned();
            return Err(Refusal::Arity { name });
        }
    }
    Ok(())
}

pub(super) fn echo(session: &mut Session, words: Words<'_>, out: &mut Vec<u8>) -> Outcome {
    Reply::new(out, session.protocol).bulk(&words[1]);
    Ok(())
}

pub(super) fn time(session: &mut Session, _: Words<'_>, out: &mut Vec<u8>) -> Outcome {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let mut reply = Reply::new(out, session.protocol);
    reply.array(2);
    reply.bulk(now.as_secs().to_string().as_bytes());
    reply.bulk(now.subsec_micros().to_string().as_bytes());
    Ok(())
}

pub(super) fn quit(session: &mut Session, _: Words<'_>, out: &mut Vec<u8>) -> Outcome {
    session.leaves = true;
    Reply::new(out, session.protocol).ok();
    Ok(())
}

pub(super) fn reset(session: &mut Session, _: Words<'_>, out: &mut Vec<u8>) -> Outcome {
    session.reset();
    Reply::new(out, session.protocol).simple("RESET");
    Ok(())
}

pub(super) fn select(session: &mut Session, words: Words<'_>, out: &mut Vec<u8>) -> Outcome {
    let number = parse_integer(&words[1]).ok_or(Refusal::NoInteger)?;
    if i32::try_from(number).is_err() {
        let (min, max) = (i32::MIN, i32::MAX);
        return Err(Refusal::OutOfBounds { min, max });
    }
    let number = u32::try_from(number).map_err(|_| Refusal::Database)?;
    if number >= DATABASES {
        return Err(Refusal::Database);
    }
    session.select(number);
    Reply::new(out, session.protocol).ok();
    Ok(())
}

pub(super) fn auth(session: &mut Session, words: Words<'_>, out: &mut Vec<u8>) -> Outcome {
    match (words.get(1), words.get(2), words.len()) {
        (Some(password), None, _) => {
            if session.shared.options.password.is_none() {
                let what = "AUTH <password> called without any password configured for the \
                            default user. Are you sure your configuration is correct?";
                return Err(Refusal::other(what));
            }
            session.authenticate(b"default", password)?;
        }
        (Some(user), Some(password), 3) => session.authenticate(user, password)?,
        _ => return Err(Refusal::Syntax),
    }
    Reply::new(out, session.protocol).ok();
    Ok(())
}

pub(super) fn hello(session: &mut Session, words: Words<'_>, out: &mut Vec<u8>) -> Outcome {
    let protocol = match words.get(1) {
        None => session.protocol,
        Some(version) => match parse_integer(version) {
            Some(2) => Protocol::Two,
            Some(3) => Protocol::Three,
            Some(_) => return Err(Refusal::NoProtocol),
            None => {
                let what = "Protocol version is not an integer or out of range";
                return Err(Refusal::other(what));
            }
        },
    };
    let mut options = words.iter_from(2);
    while let Some(option) = options.next() {
        if option.eq_ignore_ascii_case(b"auth") && options.len() >= 2 {
            if let (Some(user), Some(password)) = (options.next(), options.next()) {
                session.authenticate(user, password)?;
            }
        } else if option.eq_ignore_ascii_case(b"setname") && options.len() >= 1 {
            if let Some(name) = options.next() {
                check_name(name)?;
                session.client.set_name(name);
            }
        } else {
            let before = "Syntax error in HELLO option '";
            return Err(Refusal::quoting(before, option, "'"));
        }
    }
    if session.sender == crate::server::request_limits::Sender::Stranger {
        let what = "NOAUTH HELLO must be called with the client already authenticated, otherwise \
                    the HELLO <proto> AUTH <user> <pass> option can be used to authenticate the \
                    client and select the RESP protocol version at the same time";
        return Err(Refusal::Other(what.to_owned()));
    }
    session.protocol = protocol;
    describe(session, out);
    Ok(())
}

fn describe(session: &Session, out: &mut Vec<u8>) {
    let mut reply = Reply::new(out, session.protocol);
    let version = match session.protocol {
        Protocol::Two => 2,
        Protocol::Three => 3,
    };
    reply.map(7);
    for (key, value) in [("server", "redis"), ("version", REDIS_VERSION)] {
        reply.bulk(key.as_bytes());
        reply.bulk(value.as_bytes());
    }
    reply.bulk(b"proto");
    reply.integer(version);
    reply.bulk(b"id");
    reply.integer(i64::try_from(session.client.id).unwrap_or(i64::MAX));
    let role = match session.shared.role.get() {
        Role::Master => "master",
        Role::Filling | Role::Following => "replica",
    };
    for (key, value) in [("mode", "standalone"), ("role", role)] {
        reply.bulk(key.as_bytes());
        reply.bulk(value.as_bytes());
    }
    reply.bulk(b"modules");
    reply.array(0);
}

/// Names are shown in lines of words.
pub(super) fn check_name(name: &[u8]) -> Outcome {
    if name.iter().all(|byte| (b'!'..=b'~').contains(byte)) {
        Ok(())
    } else {
        let what = "Client names cannot contain spaces, newlines or special characters.";
        Err(Refusal::other(what))
    }
}
