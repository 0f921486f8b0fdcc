//! A server's SCAN: the client holds a number, and the table may change between its calls.
//!
//! ```console
//! $ cargo run --release -p dash-table --example scan
//! ```

use std::collections::HashSet;
use std::io::{self, Write};

use dash_table::DashTable;

const SESSIONS: u32 = 100_000;

/// Entries that one call should bring, about; the server may look at ten times as many steps.
const COUNT: usize = 100;

/// What a server answers to `SCAN cursor`: where to go on, and some keys.
fn scan(table: &DashTable<u32, String>, mut cursor: u64) -> (u64, Vec<u32>) {
    let mut keys = Vec::new();
    for _ in 0..10 * COUNT {
        cursor = table.scan(cursor, |key, _| keys.push(*key));
        if cursor == 0 || keys.len() >= COUNT {
            break;
        }
    }
    (cursor, keys)
}

fn main() -> io::Result<()> {
    let mut sessions: DashTable<u32, String> = (0..SESSIONS)
        .map(|session| (session, format!("user {session}")))
        .collect();

    let mut seen = HashSet::new();
    let (mut cursor, mut calls, mut repeated) = (0, 0, 0);
    loop {
        let (next, keys) = scan(&sessions, cursor);
        calls += 1;
        repeated += keys.into_iter().filter(|key| !seen.insert(*key)).count();
        if next == 0 {
            break;
        }
        cursor = next;
        // Meanwhile others log in and out: odd sessions end, new ones begin.
        for step in 0..80 {
            let number = calls * 80 + step;
            sessions.insert(SESSIONS + number, String::new());
            sessions.remove(&((2 * number + 1) % SESSIONS));
        }
    }

    let stayed = (0..SESSIONS).step_by(2);
    assert!(
        stayed.clone().all(|key| seen.contains(&key)),
        "a session was missed"
    );
    writeln!(
        io::stdout(),
        "{} sessions stayed, and all were seen in {calls} calls; {repeated} keys came twice",
        stayed.len()
    )
}
