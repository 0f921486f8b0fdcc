//! All that a server holds, and the comparison of two servers.

use std::collections::BTreeMap;

use redis::Value;

use crate::server::content::{Content, Contents, Info};
use crate::server::{Server, try_ask};

/// Members up to which a server may keep a sorted set as a listpack. There it writes scores without
/// fraction as integers, which forgets the sign of zero.
const SMALL_MAX: usize = 128;

/// Keys and libraries of functions.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) contents: Contents,
    /// The code of each library.
    functions: BTreeMap<String, String>,
}

impl State {
    pub(crate) fn of(server: &Server) -> Self {
        // Redis 6 has no functions.
        let libraries: Vec<BTreeMap<String, Value>> =
            try_ask(&mut server.connect(0), "FUNCTION", &[b"LIST", b"WITHCODE"])
                .unwrap_or_default();
        let functions = libraries.into_iter().map(|mut library| {
            let mut text = |name: &str| {
                let value = library.remove(name).unwrap();
                redis::from_redis_value::<String>(value).unwrap()
            };
            (text("library_name"), text("library_code"))
        });
        Self {
            functions: functions.collect(),
            contents: server.contents(),
        }
    }

    /// Compares with what was found after a journey through a file.
    pub(crate) fn compare(&self, found: &Self) -> Result<(), String> {
        for (place, (content, expire_at_ms)) in &self.contents {
            let key = place.1.escape_ascii();
            let Some((other, other_at)) = found.contents.get(place) else {
                return Err(format!("lost key {key} of database {}", place.0));
            };
            if !same(content, other) {
                return Err(format!(
                    "key {key}: {other:.300?} instead of {content:.300?}"
                ));
            }
            if other_at != expire_at_ms {
                return Err(format!(
                    "key {key} expires at {other_at}, not {expire_at_ms}"
                ));
            }
        }
        if let Some(place) = found
            .contents
            .keys()
            .find(|place| !self.contents.contains_key(place))
        {
            return Err(format!("made up key {}", place.1.escape_ascii()));
        }
        if self.functions != found.functions {
            return Err(format!("functions: {:?}", found.functions));
        }
        Ok(())
    }
}

fn same(wanted: &Content, found: &Content) -> bool {
    match (wanted, found) {
        (Content::Stream(wanted), Content::Stream(found)) => {
            let (mut wanted, mut found) = (wanted.clone(), found.clone());
            keep_shared(&mut wanted, &mut found);
            wanted == found
        }
        (Content::SortedSet(wanted), Content::SortedSet(found)) if wanted.len() <= SMALL_MAX => {
            let unsigned = |members: &[(Vec<u8>, String)]| {
                let unsigned = |(member, score): &(_, String)| match score.as_str() {
                    "-0.0" => (Vec::clone(member), "0.0".to_owned()),
                    _ => (Vec::clone(member), score.clone()),
                };
                members.iter().map(unsigned).collect::<Vec<_>>()
            };
            unsigned(wanted) == unsigned(found)
        }
        (wanted, found) => wanted == found,
    }
}

/// Takes away what only one of two servers tells.
fn keep_shared(one: &mut Info, other: &mut Info) {
    match (one, other) {
        (Info::Map(one), Info::Map(other)) => {
            one.retain(|name, _| other.contains_key(name));
            other.retain(|name, _| one.contains_key(name));
            for (one, other) in one.values_mut().zip(other.values_mut()) {
                keep_shared(one, other);
            }
        }
        (Info::List(one), Info::List(other)) => {
            for (one, other) in one.iter_mut().zip(other) {
                keep_shared(one, other);
            }
        }
        _ => {}
    }
}
