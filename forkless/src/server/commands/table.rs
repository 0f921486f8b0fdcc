//! The table of all commands.

use std::sync::OnceLock;

use crate::server::command::{Arity, Command, Effect, Join, Run};
use crate::server::commands::{
    client, config, connection, counter, debug, description, dump, expiry, flush, hash, info, keys,
    list, persistence, replication, scan, set, sorted_set, sorted_set_range, string,
};
use Arity::{AtLeast, Exactly};
use Effect::{Greets, Nothing, Reads, Writes};
use Run::{Key, Keys, Lasting, Session, Slow, Store};

/// Places in the index: a power of two, several times as many as commands.
const PLACES: usize = 1024;

/// The longest name of a command, in bytes.
const NAME_BYTES_MAX: usize = 16;

const fn command(name: &'static str, arity: Arity, effect: Effect, run: Run) -> Command {
    Command {
        name,
        arity,
        effect,
        run,
    }
}

/// One for each key, and what their replies make.
const fn each(words: usize, each: crate::server::command::OnKey, join: Join) -> Run {
    Keys { words, each, join }
}

/// Every command there is.
#[rustfmt::skip]
pub(super) static COMMANDS: &[Command] = &[
    // The client itself.
    command("auth", AtLeast(2), Greets, Session(connection::auth)),
    command("client", AtLeast(2), Nothing, Session(client::client)),
    command("command", AtLeast(1), Nothing, Session(description::command)),
    command("echo", Exactly(2), Nothing, Session(connection::echo)),
    command("hello", AtLeast(1), Greets, Session(connection::hello)),
    command("ping", AtLeast(1), Nothing, Session(connection::ping)),
    command("quit", AtLeast(1), Greets, Session(connection::quit)),
    command("reset", Exactly(1), Greets, Session(connection::reset)),
    command("select", Exactly(2), Nothing, Session(connection::select)),
    // The server.
    command("bgsave", AtLeast(1), Nothing, Slow(persistence::bgsave)),
    command("config", AtLeast(2), Nothing, Session(config::config)),
    command("dbsize", Exactly(1), Reads, Store(scan::dbsize)),
    // Its subcommands that change keys ask themselves whether they may.
    command("debug", AtLeast(2), Reads, Slow(debug::debug)),
    command("flushall", AtLeast(1), Writes, Store(flush::flushall)),
    command("flushdb", AtLeast(1), Writes, Store(flush::flushdb)),
    command("info", AtLeast(1), Nothing, Store(info::info)),
    command("keys", Exactly(2), Reads, Store(scan::keys)),
    command("lastsave", Exactly(1), Nothing, Session(persistence::lastsave)),
    command("replicaof", Exactly(3), Nothing, Slow(replication::replicaof)),
    command("role", Exactly(1), Nothing, Store(replication::role)),
    command("save", Exactly(1), Nothing, Lasting(persistence::save)),
    command("scan", AtLeast(2), Reads, Store(scan::scan)),
    command("shutdown", AtLeast(1), Nothing, Slow(persistence::shutdown)),
    command("time", Exactly(1), Nothing, Session(connection::time)),
    // Keys of any type.
    command("del", AtLeast(2), Writes, each(1, keys::remove_each, Join::Sum)),
    command("dump", Exactly(2), Reads, Key(dump::dump)),
    command("exists", AtLeast(2), Reads, each(1, keys::exists_each, Join::Sum)),
    command("expire", AtLeast(3), Writes, Key(expiry::expire)),
    command("expireat", AtLeast(3), Writes, Key(expiry::expireat)),
    command("expiretime", Exactly(2), Reads, Key(expiry::expiretime)),
    command("persist", Exactly(2), Writes, Key(expiry::persist)),
    command("pexpire", AtLeast(3), Writes, Key(expiry::pexpire)),
    command("pexpireat", AtLeast(3), Writes, Key(expiry::pexpireat)),
    command("pexpiretime", Exactly(2), Reads, Key(expiry::pexpiretime)),
    command("pttl", Exactly(2), Reads, Key(expiry::pttl)),
    command("restore", AtLeast(4), Writes, Key(dump::restore)),
    command("touch", AtLeast(2), Reads, each(1, keys::exists_each, Join::Sum)),
    command("ttl", Exactly(2), Reads, Key(expiry::ttl)),
    command("type", Exactly(2), Reads, Key(keys::type_of)),
    command("unlink", AtLeast(2), Writes, each(1, keys::remove_each, Join::Sum)),
    // Strings.
    command("append", Exactly(3), Writes, Key(string::append)),
    command("decr", Exactly(2), Writes, Key(counter::decr)),
    command("decrby", Exactly(3), Writes, Key(counter::decrby)),
    command("get", Exactly(2), Reads, Key(string::get)),
    command("getdel", Exactly(2), Writes, Key(string::getdel)),
    command("getex", AtLeast(2), Writes, Key(string::getex)),
    command("getset", Exactly(3), Writes, Key(string::getset)),
    command("incr", Exactly(2), Writes, Key(counter::incr)),
    command("incrby", Exactly(3), Writes, Key(counter::incrby)),
    command("incrbyfloat", Exactly(3), Writes, Key(counter::incrbyfloat)),
    command("mget", AtLeast(2), Reads, each(1, string::get_each, Join::Array)),
    command("mset", AtLeast(3), Writes, each(2, string::set_each, Join::Ok)),
    command("psetex", Exactly(4), Writes, Key(string::psetex)),
    command("set", AtLeast(3), Writes, Key(string::set)),
    command("setex", Exactly(4), Writes, Key(string::setex)),
    command("setnx", Exactly(3), Writes, Key(string::setnx)),
    command("strlen", Exactly(2), Reads, Key(string::strlen)),
    // Lists.
    command("lindex", Exactly(3), Reads, Key(list::lindex)),
    command("llen", Exactly(2), Reads, Key(list::llen)),
    command("lpop", AtLeast(2), Writes, Key(list::lpop)),
    command("lpush", AtLeast(3), Writes, Key(list::lpush)),
    command("lpushx", AtLeast(3), Writes, Key(list::lpushx)),
    command("lrange", Exactly(4), Reads, Key(list::lrange)),
    command("rpop", AtLeast(2), Writes, Key(list::rpop)),
    command("rpush", AtLeast(3), Writes, Key(list::rpush)),
    command("rpushx", AtLeast(3), Writes, Key(list::rpushx)),
    // Hashes.
    command("hdel", AtLeast(3), Writes, Key(hash::hdel)),
    command("hexists", Exactly(3), Reads, Key(hash::hexists)),
    command("hget", Exactly(3), Reads, Key(hash::hget)),
    command("hgetall", Exactly(2), Reads, Key(hash::hgetall)),
    command("hincrby", Exactly(4), Writes, Key(hash::hincrby)),
    command("hkeys", Exactly(2), Reads, Key(hash::hkeys)),
    command("hlen", Exactly(2), Reads, Key(hash::hlen)),
    command("hmget", AtLeast(3), Reads, Key(hash::hmget)),
    command("hmset", AtLeast(4), Writes, Key(hash::hmset)),
    command("hset", AtLeast(4), Writes, Key(hash::hset)),
    command("hsetnx", Exactly(4), Writes, Key(hash::hsetnx)),
    command("hstrlen", Exactly(3), Reads, Key(hash::hstrlen)),
    command("hvals", Exactly(2), Reads, Key(hash::hvals)),
    // Sets.
    command("sadd", AtLeast(3), Writes, Key(set::sadd)),
    command("scard", Exactly(2), Reads, Key(set::scard)),
    command("sismember", Exactly(3), Reads, Key(set::sismember)),
    command("smembers", Exactly(2), Reads, Key(set::smembers)),
    command("smismember", AtLeast(3), Reads, Key(set::smismember)),
    command("srem", AtLeast(3), Writes, Key(set::srem)),
    // Sorted sets.
    command("zadd", AtLeast(4), Writes, Key(sorted_set::zadd)),
    command("zcard", Exactly(2), Reads, Key(sorted_set::zcard)),
    command("zcount", Exactly(4), Reads, Key(sorted_set_range::zcount)),
    command("zincrby", Exactly(4), Writes, Key(sorted_set::zincrby)),
    command("zmscore", AtLeast(3), Reads, Key(sorted_set::zmscore)),
    command("zrange", AtLeast(4), Reads, Key(sorted_set_range::zrange)),
    command("zrank", Exactly(3), Reads, Key(sorted_set::zrank)),
    command("zrem", AtLeast(3), Writes, Key(sorted_set::zrem)),
    command("zrevrank", Exactly(3), Reads, Key(sorted_set::zrevrank)),
    command("zscore", Exactly(3), Reads, Key(sorted_set::zscore)),
];

/// A name in lower case, filled up with zeros.
type Name = [u8; NAME_BYTES_MAX];

/// Where the commands stand, by their names: in the place that the name hashes to or behind it.
type Index = Box<[Option<(Name, &'static Command)>]>;

/// The command with this name, in upper or lower case.
#[inline]
pub(crate) fn find(name: &[u8]) -> Option<&'static Command> {
    static INDEX: OnceLock<Index> = OnceLock::new();
    let index = INDEX.get_or_init(|| {
        let mut index: Index = vec![None; PLACES].into_boxed_slice();
        for command in COMMANDS {
            if let Some(name) = lower(command.name.as_bytes()) {
                let mut place = place_of(name);
                while index[place].is_some() {
                    place = (place + 1) % PLACES;
                }
                index[place] = Some((name, command));
            }
        }
        index
    });
    let name = lower(name)?;
    let mut place = place_of(name);
    // Most places are empty, so this ends soon.
    while let Some((other, command)) = index[place] {
        if other == name {
            return Some(command);
        }
        place = (place + 1) % PLACES;
    }
    None
}

/// `None` for names that no command has: of no byte, or too many, or with a zero.
#[inline]
fn lower(name: &[u8]) -> Option<Name> {
    let mut lower = [0; NAME_BYTES_MAX];
    lower.get_mut(..name.len())?.copy_from_slice(name);
    lower.make_ascii_lowercase();
    (!name.is_empty() && !name.contains(&0)).then_some(lower)
}

#[inline]
fn place_of(name: Name) -> usize {
    const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;
    let [first, second] = [0, 8].map(|at| {
        let half = name[at..].first_chunk().copied().unwrap_or_default();
        u64::from_le_bytes(half)
    });
    let mixed = (first.wrapping_mul(FACTOR) ^ second).wrapping_mul(FACTOR);
    // The highest bits depend on all others.
    usize::try_from(mixed >> 54).unwrap_or_default() % PLACES
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_command_is_found_in_any_case_and_no_other_name() {
        for command in COMMANDS {
            let found = find(command.name.as_bytes()).unwrap();
            assert_eq!(found.name, command.name);
            let upper = command.name.to_ascii_uppercase();
            assert_eq!(find(upper.as_bytes()).unwrap().name, command.name);
            let longer = format!("{}x", command.name);
            assert!(find(longer.as_bytes()).is_none_or(|other| other.name == longer));
        }
        for name in ["", "nosuch", "get\0", "a name of more than sixteen bytes"] {
            assert!(find(name.as_bytes()).is_none(), "{name:?}");
        }
    }

    #[test]
    fn names_are_unique_short_and_in_lower_case() {
        let names: BTreeSet<&str> = COMMANDS.iter().map(|command| command.name).collect();
        assert_eq!(names.len(), COMMANDS.len());
        for name in names {
            assert!(name.len() <= NAME_BYTES_MAX && name == name.to_ascii_lowercase());
        }
    }

    #[test]
    fn keys_stand_where_the_arity_promises_words() {
        for command in COMMANDS {
            let least = match command.arity {
                Exactly(words) | AtLeast(words) => words,
            };
            let needed = match command.run {
                Key(_) => 2,
                Keys { words, .. } => 1 + words,
                Session(_) | Store(_) | Slow(_) | Lasting(_) => 1,
            };
            assert!(least >= needed, "{}", command.name);
        }
    }
}
