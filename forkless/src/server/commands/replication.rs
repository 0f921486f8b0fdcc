//! Replication: REPLICAOF, ROLE, and what INFO tells of it.

use snapshot::{Address, ReplicaState, ReplicaStatistics, SessionStatistics};

use crate::server::call::Call;
use crate::server::command::Outcome;
use crate::server::commands::info::{Sums, add, lines};
use crate::server::number::parse_integer;
use crate::server::refusal::Refusal;
use crate::server::reply::Reply;
use crate::server::words::Words;

/// The section of INFO.
pub(super) fn section(call: &Call<'_>, _: &Sums, text: &mut String) {
    let replication = &call.server.replication;
    match replication.following() {
        None => {
            lines! { text, "role": "master", }
        }
        Some((master, statistics)) => {
            lines! { text, "role": "slave", }
            describe_following(&master, &statistics, text);
        }
    }
    let sessions = replication.sessions();
    let addresses: Vec<String> = replication
        .addresses()
        .iter()
        .map(ToString::to_string)
        .collect();
    lines! { text,
        "replication_addresses": addresses.join(","),
        "connected_slaves": sessions.len(),
    }
    for (number, session) in sessions.iter().enumerate() {
        describe_session(number, session, text);
    }
}

fn describe_following(master: &Address, statistics: &ReplicaStatistics, text: &mut String) {
    let (host, port) = host_and_port(master);
    let is_up = statistics.state == ReplicaState::Following;
    lines! { text,
        "master_host": host,
        "master_port": port,
        "master_link_status": if is_up { "up" } else { "down" },
        "master_sync_in_progress": u8::from(statistics.state == ReplicaState::Filling),
        "slave_read_only": 1,
        "replica_state": name(statistics.state),
        "replica_cut": statistics.cut,
        "replica_lag_ms": statistics.lag.map_or(-1, |lag| {
            i64::try_from(lag.as_millis()).unwrap_or(i64::MAX)
        }),
        "replica_streams": statistics.streams,
        "replica_records": statistics.records,
        "replica_bytes": statistics.bytes,
        "replica_full_syncs": statistics.full_syncs,
        "replica_resumptions": statistics.resumptions,
        "replica_last_error": statistics.last_error.as_deref().unwrap_or_default(),
    }
}

fn describe_session(number: usize, session: &SessionStatistics, text: &mut String) {
    let acknowledged = session.cut_acknowledged();
    let state = match session.streams.iter().all(|stream| stream.attached) {
        false => "detached",
        true if acknowledged == 0 => "filling",
        true => "online",
    };
    let backlog_bytes: usize = session.streams.iter().map(|s| s.backlog_bytes).sum();
    let bytes: u64 = session.streams.iter().map(|s| s.bytes).sum();
    add(
        text,
        format_args!(
            "slave{number}:state={state},session={},cut={},cut_acknowledged={acknowledged},\
             keys={},changes={},bytes={bytes},bytes_per_s={},budget_bytes_used={},\
             backlog_bytes={backlog_bytes},seconds={}",
            session.session,
            // What is told of the streams is a little older.
            session.cut.max(acknowledged),
            session.keys,
            session.changes,
            session.bytes_per_s(),
            session.budget_bytes_used,
            session.elapsed.as_secs(),
        ),
    );
    for stream in &session.streams {
        add(
            text,
            format_args!(
                "slave{number}_stream{}:attached={},connections={},frames={},frames_sent={},\
                 frames_acknowledged={},cut_acknowledged={},bytes={},backlog_bytes={}",
                stream.stream,
                u8::from(stream.attached),
                stream.connections,
                stream.frames,
                stream.frames_sent,
                stream.frames_acknowledged,
                stream.cut_acknowledged,
                stream.bytes,
                stream.backlog_bytes,
            ),
        );
    }
}

/// The parts of an address as Redis tells them: a Unix socket is a host without a port.
fn host_and_port(address: &Address) -> (String, u16) {
    let text = address.to_string();
    if let Address::Tcp(_) = address
        && let Some((host, port)) = text.rsplit_once(':')
        && let Ok(port) = port.parse()
    {
        return (host.to_owned(), port);
    }
    (text, 0)
}

fn name(state: ReplicaState) -> &'static str {
    match state {
        ReplicaState::Connecting => "connecting",
        ReplicaState::Filling => "filling",
        ReplicaState::Following => "following",
        _ => "over",
    }
}

/// Follows another server, whose port for replicas is meant; or nobody any more.
pub(super) fn replicaof(call: &Call<'_>, words: Words<'_>, reply: &mut Reply<'_>) -> Outcome {
    let server = call.server;
    let is = |word: &[u8], name: &[u8]| word.eq_ignore_ascii_case(name);
    if is(&words[1], b"no") && is(&words[2], b"one") {
        server.replication.follow_nobody();
        server.role.promote();
        reply.ok();
        return Ok(());
    }
    let master = address(&words[1], &words[2])?;
    let following = server.replication.following();
    if following.is_some_and(|(address, _)| address == master) {
        reply.simple("OK Already connected to specified master");
        return Ok(());
    }
    server.replication.follow_nobody();
    // What clients were allowed to change is changed before anything of the master comes.
    let closed = server.gate.close();
    server.role.fill();
    drop(closed);
    server.replication.follow(&master, &server.shards);
    reply.ok();
    Ok(())
}

/// What [`host_and_port`] tells, read.
fn address(host: &[u8], port: &[u8]) -> Result<Address, Refusal> {
    let port = parse_integer(port).and_then(|port| u16::try_from(port).ok());
    let port = port.ok_or_else(|| Refusal::other("Invalid master port"))?;
    let host = String::from_utf8_lossy(host);
    let text = match &*host {
        path if path.starts_with("unix:") => path.to_owned(),
        host if host.contains(':') && !host.starts_with('[') => format!("[{host}]:{port}"),
        host => format!("{host}:{port}"),
    };
    text.parse().map_err(Refusal::other)
}

/// In place of offsets, which there are none: numbers of cuts.
pub(super) fn role(call: &Call<'_>, _: Words<'_>, reply: &mut Reply<'_>) -> Outcome {
    let replication = &call.server.replication;
    if let Some((master, statistics)) = replication.following() {
        let (host, port) = host_and_port(&master);
        let state = match statistics.state {
            ReplicaState::Connecting => "connect",
            ReplicaState::Filling => "sync",
            ReplicaState::Following => "connected",
            _ => "none",
        };
        reply.array(5);
        reply.bulk(b"slave");
        reply.bulk(host.as_bytes());
        reply.integer(port.into());
        reply.bulk(state.as_bytes());
        reply.integer(i64::try_from(statistics.cut).unwrap_or(i64::MAX));
        return Ok(());
    }
    let sessions = replication.sessions();
    let cut = sessions.iter().map(|session| session.cut).max();
    reply.array(3);
    reply.bulk(b"master");
    reply.integer(i64::try_from(cut.unwrap_or_default()).unwrap_or(i64::MAX));
    reply.array(sessions.len());
    for session in &sessions {
        reply.array(3);
        reply.bulk(session.session.as_bytes());
        reply.bulk(b"0");
        reply.bulk(session.cut_acknowledged().to_string().as_bytes());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_as_they_are_told() {
        for (host, port) in [("localhost", 7379), ("[::1]", 1), ("unix:/run/socket", 0)] {
            let read = address(host.as_bytes(), port.to_string().as_bytes()).unwrap();
            assert_eq!(host_and_port(&read), (host.to_owned(), port));
        }
        let bare = address(b"::1", b"7379").unwrap();
        assert_eq!(bare.to_string(), "[::1]:7379");
        for (host, port) in [
            ("localhost", "no"),
            ("localhost", "65536"),
            ("", "1"),
            ("unix:", "0"),
        ] {
            assert!(address(host.as_bytes(), port.as_bytes()).is_err());
        }
    }
}
