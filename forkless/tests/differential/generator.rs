//! Random commands: mostly sound, some wrong.

/// A sequence of numbers that is the same for the same seed (`SplitMix64`).
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % bound as u64).unwrap()
    }

    pub(crate) fn of<'a, T: ?Sized>(&mut self, all: &[&'a T]) -> &'a T {
        all[self.below(all.len())]
    }
}

/// Commands, and what their arguments are. In a pattern,
///
/// | a word | stands for |
/// |---|---|
/// | `k` | a key |
/// | `v` | a value, which may be any bytes |
/// | `i` | an integer, or what is none |
/// | `f` | a number whose sums are exact in any precision, or what is none |
/// | `m` | a member or field |
/// | `n` | a place in a list |
/// | `b`, `l` | a bound of scores, or of texts |
/// | `e` | a time that is over, or makes no sense; none is over soon, as servers differ in pace |
/// | `g` | the same, but within the range of a double |
/// | `T`, `U` | a time far off in seconds or milliseconds since 1970 |
/// | `t`, `u` | a time far off in seconds or milliseconds since 1970, or one that is over |
/// | `r` | a time from now on, far off or over |
/// | `a`&#124;`b` | one of these words |
/// | `?` at its end | the word stands there or not |
/// | `...` | what is before it stands there once more, up to three times |
const PATTERNS: &[&str] = &[
    "PING",
    "PING v",
    "ECHO v",
    "SELECT 0|1|9|15|16|-1|x|99999999999",
    "DBSIZE",
    "SET k v",
    "SET k v",
    "SET k i",
    "SET k v NX|XX|GET|KEEPTTL|EX|nx|foo",
    "SET k v NX|XX GET|KEEPTTL|XX",
    "SET k v EXAT T KEEPTTL?",
    "SET k v PXAT U NX|XX|GET?",
    "SET k v EX|PX r GET?",
    "SET k v EX e",
    "SETNX k v",
    "SETEX k r v",
    "PSETEX k r v",
    "SETEX k e v",
    "GET k",
    "GET k",
    "GETSET k v",
    "GETDEL k",
    "GETEX k",
    "GETEX k PERSIST|foo",
    "GETEX k EXAT t",
    "GETEX k PXAT|EX e",
    "APPEND k v",
    "STRLEN k",
    "INCR k",
    "DECR k",
    "INCRBY k i",
    "DECRBY k i",
    "INCRBYFLOAT float g",
    "INCRBYFLOAT float g",
    "INCRBYFLOAT k x",
    "GET float",
    "MSET k v ...",
    "MSET k",
    "MGET k ...",
    "DEL k ...",
    "UNLINK k ...",
    "EXISTS k ...",
    "TOUCH k ...",
    "TYPE k",
    "KEYS *|k*|?|[a-c]*|x",
    "EXPIRE k r NX|XX?",
    "PEXPIRE k r XX|NX?",
    "EXPIRE k e",
    "PEXPIRE k e",
    "EXPIREAT k t NX|XX|GT|LT?",
    "PEXPIREAT k u GT|LT|foo?",
    "EXPIREAT k t XX|NX GT|LT",
    "PEXPIREAT k e",
    "TTL k",
    "PTTL k",
    "EXPIRETIME k",
    "PEXPIRETIME k",
    "PERSIST k",
    "LPUSH k v ...",
    "RPUSH k v ...",
    "LPUSHX k v ...",
    "RPUSHX k v",
    "LPOP k",
    "RPOP k",
    "LPOP k n",
    "RPOP k n n?",
    "LLEN k",
    "LRANGE k n n",
    "LINDEX k n",
    "HSET k m v",
    "HSET k m v m v",
    "HSET k m v m?",
    "HMSET k m v",
    "HSETNX k m v",
    "HGET k m",
    "HMGET k m ...",
    "HDEL k m ...",
    "HLEN k",
    "HSTRLEN k m",
    "HEXISTS k m",
    "HGETALL k",
    "HKEYS k",
    "HVALS k",
    "HINCRBY k m i",
    "HSET k m i",
    "SADD k m ...",
    "SADD k m ...",
    "SREM k m ...",
    "SCARD k",
    "SISMEMBER k m",
    "SMISMEMBER k m ...",
    "SMEMBERS k",
    "ZADD k f m",
    "ZADD k f m f m",
    "ZADD k NX|XX|GT|LT|CH|INCR f m",
    "ZADD k NX|XX|CH GT|LT|NX|INCR|CH f m f m",
    "ZADD k f m m",
    "ZINCRBY k f m",
    "ZREM k m ...",
    "ZCARD k",
    "ZSCORE k m",
    "ZMSCORE k m ...",
    "ZRANK k m",
    "ZREVRANK k m",
    "ZCOUNT k b b",
    "ZRANGE k n n WITHSCORES|REV?",
    "ZRANGE k n n REV WITHSCORES?",
    "ZRANGE k b b BYSCORE",
    "ZRANGE k b b BYSCORE REV?",
    "ZRANGE k b b BYSCORE LIMIT n n",
    "ZRANGE k b b BYSCORE REV LIMIT n n WITHSCORES?",
    "ZRANGE k l l BYLEX REV?",
    "ZRANGE k l l BYLEX LIMIT n n",
    "ZRANGE k n n LIMIT n n",
    "ZRANGE k l l BYLEX WITHSCORES",
    "FLUSHDB ASYNC|SYNC|foo?",
    "FLUSHALL foo",
    "RESTORE k 0 v REPLACE?",
    "RESTORE k n v FREQ|IDLETIME|ABSTTL i?",
    "NOSUCH v v",
    "CLIENT SETNAME m",
    "CLIENT GETNAME",
    "CLIENT NOSUCH",
    "CLIENT SETNAME",
    "BGSAVE foo",
    "LASTSAVE foo",
    "SCAN x",
    "SCAN 0 COUNT 0|x",
    "SCAN 0 MATCH",
    "HELLO x",
    "HELLO 9",
    "AUTH v",
    "AUTH v v",
    "COMMAND NOSUCH",
    "QUIT_NOT",
    "SAVE v",
];

/// The next command, as words.
pub(crate) fn command(random: &mut Random) -> Vec<Vec<u8>> {
    let pattern = random.of(PATTERNS);
    let mut words: Vec<Vec<u8>> = Vec::new();
    for symbol in pattern.split(' ') {
        if symbol == "..." {
            let again: Vec<&str> = pattern
                .split(' ')
                .skip(1)
                .take_while(|word| *word != "...")
                .collect();
            // What repeats are the words behind a first one that does not, if there are more.
            let again = if again.len() > 1
                && matches!(again[1], "v" | "m")
                && again.len() == 2
                && !pattern.starts_with("MSET")
            {
                &again[1..]
            } else {
                &again[..]
            };
            for _ in 0..random.below(4) {
                words.extend(again.iter().filter_map(|symbol| word(random, symbol)));
            }
        } else {
            words.extend(word(random, symbol));
        }
    }
    // What these reply when they are right depends on more than the keys.
    let is_fixed = [
        "BGSAVE",
        "LASTSAVE",
        "COMMAND",
        "HELLO",
        "SCAN",
        "INCRBYFLOAT",
    ]
    .contains(&pattern.split(' ').next().unwrap_or_default());
    match random.below(60) {
        _ if is_fixed => {}
        0 if words.len() > 1 => {
            words.pop();
        }
        1 => words.push(b"more".to_vec()),
        2 if words.len() > 1 => {
            let at = 1 + random.below(words.len() - 1);
            words[at] = random
                .of(&[&b""[..], b"-1", b"0", b"junk", b"9223372036854775807"])
                .to_vec();
        }
        _ => {}
    }
    words
}

/// What words of each kind are taken from.
const WORDS: &[(&str, &[&str])] = &[
    (
        "k",
        &[
            "k1",
            "k2",
            "k3",
            "k4",
            "a",
            "b",
            "key:with:parts",
            "",
            "\0\u{e9}\r\n",
        ],
    ),
    (
        "i",
        &[
            "1",
            "-1",
            "0",
            "7",
            "100",
            "9223372036854775807",
            "-9223372036854775808",
            "x",
            "1.5",
            "",
            " 1",
            "+1",
            "007",
        ],
    ),
    (
        "f",
        &[
            "1", "-1", "0", "0.25", "2.5", "-3.75", "100", "3e2", "inf", "-inf", "nan", "x",
            "1e400", "", "-0", "1024.0", "5.",
        ],
    ),
    (
        "g",
        &[
            "1", "-1", "0", "0.25", "2.5", "-3.75", "100", "3e2", "inf", "nan", "x", "", "5.",
        ],
    ),
    (
        "e",
        &[
            "-1",
            "0",
            "9223372036854775807",
            "9223372036854775",
            "-9223372036854775808",
            "x",
            "1.5",
            "",
        ],
    ),
    (
        "m",
        &[
            "a",
            "b",
            "c",
            "d",
            "e",
            "field",
            "a member of more than twenty-two bytes",
            "1",
            "2",
        ],
    ),
    (
        "n",
        &[
            "0", "1", "2", "3", "-1", "-2", "-3", "100", "-100", "x", "1.5",
        ],
    ),
    (
        "b",
        &[
            "-inf", "+inf", "inf", "0", "1", "(1", "2.5", "(2.5", "-3", "(", "x", "(x", "nan",
        ],
    ),
    (
        "l",
        &[
            "-", "+", "[a", "(a", "[c", "(c", "[field", "x", "", "(", "[",
        ],
    ),
    ("r", &["1000000", "2000000000", "-1", "0", "-100"]),
];

fn word(random: &mut Random, symbol: &str) -> Option<Vec<u8>> {
    let symbol = match symbol.strip_suffix('?') {
        Some(symbol) if !symbol.is_empty() => {
            if random.below(2) == 0 {
                return None;
            }
            symbol
        }
        _ => symbol,
    };
    let far_s = 2_000_000_000 + random.next() % 100_000;
    Some(match symbol {
        "v" => value(random),
        "t" if random.below(8) == 0 => b"1000".to_vec(),
        "t" | "T" => far_s.to_string().into_bytes(),
        "u" if random.below(8) == 0 => b"5000".to_vec(),
        "u" | "U" => (far_s * 1000 + random.next() % 1000)
            .to_string()
            .into_bytes(),
        other => match WORDS.iter().find(|(kind, _)| *kind == other) {
            Some((_, words)) => random.of(words).as_bytes().to_vec(),
            None => random
                .of(&other.split('|').collect::<Vec<_>>())
                .as_bytes()
                .to_vec(),
        },
    })
}

fn value(random: &mut Random) -> Vec<u8> {
    match random.below(12) {
        0 => Vec::new(),
        1 => b"\0\r\n\xff binary".to_vec(),
        2 => vec![b'x'; random.below(300)],
        3 => random.next().to_string().into_bytes(),
        4 => (0..random.below(40_000))
            .map(|at| at.to_le_bytes()[0])
            .collect(),
        5 | 6 => random.below(50).to_string().into_bytes(),
        _ => format!("value {}", random.below(20)).into_bytes(),
    }
}
