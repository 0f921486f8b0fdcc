//! CLIENT: what is known of clients.

use crate::server::command::Outcome;
use crate::server::commands::connection::check_name;
use crate::server::refusal::Refusal;
use crate::server::reply::Reply;
use crate::server::session::Session;
use crate::server::words::Words;

/// What CLIENT HELP says.
const HELP: [&str; 9] = [
    "CLIENT <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
    "GETNAME",
    "    Return the name of the current connection.",
    "ID",
    "    Return the ID of the current connection.",
    "INFO, LIST",
    "    Return information about the current client connection, or all of them.",
    "SETNAME <name>",
    "    Assign the name <name> to the current connection.",
];

pub(super) fn client(session: &mut Session, words: Words<'_>, out: &mut Vec<u8>) -> Outcome {
    let mut reply = Reply::new(out, session.protocol);
    let subcommand = words[1].to_ascii_lowercase();
    match (subcommand.as_slice(), words.len()) {
        (b"id", 2) => reply.integer(i64::try_from(session.client.id).unwrap_or(i64::MAX)),
        (b"getname", 2) => {
            let name = session.client.name();
            reply.bulk_or_null((!name.is_empty()).then_some(&name));
        }
        (b"setname", 3) => {
            check_name(&words[2])?;
            session.client.set_name(&words[2]);
            reply.ok();
        }
        (b"info", 2) => reply.text(&session.client.describe()),
        (b"list", 2) => reply.text(&session.shared.clients.describe()),
        (b"help", 2) => {
            reply.array(HELP.len());
            for line in HELP {
                reply.simple(line);
            }
        }
        (b"id" | b"getname" | b"setname" | b"info" | b"help", _) => {
            let name = format!("client|{}", String::from_utf8_lossy(&subcommand));
            return Err(Refusal::Arity { name });
        }
        (b"list", _) => return Err(Refusal::Syntax),
        _ => {
            return Err(Refusal::subcommand(&words[1], "CLIENT"));
        }
    }
    Ok(())
}
