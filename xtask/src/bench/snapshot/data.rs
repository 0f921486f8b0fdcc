//! The data that is saved and loaded, and how a server is filled with it.

use crate::bench::memory;

/// Data, and how many times better than the best peer we must be with it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DataSet {
    /// As the rows name it.
    pub(crate) name: &'static str,
    pub(crate) keys: u64,
    pub(crate) content: Content,
    /// What the design asks of saving and of loading; of some data it asks nothing.
    pub(crate) times: Option<Times>,
    /// The most bytes of memory that a key may take.
    pub(crate) key_bytes_max: Option<f64>,
}

/// How many times the speed of the best peer is asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Times {
    pub(crate) save: f64,
    pub(crate) load: f64,
}

/// What the keys hold.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Content {
    /// Strings of so many bytes.
    Strings { value_bytes: u64 },
    /// Of each ten keys four strings, two hashes, two lists, a set and a sorted set; each
    /// collection has ten elements.
    Mixed,
}

impl DataSet {
    /// About how much memory it takes in a store, in bytes.
    pub(crate) fn store_bytes(&self) -> u64 {
        let value_bytes = match self.content {
            Content::Strings { value_bytes } => value_bytes,
            // Ten elements of about 20 B, or one of 50.
            Content::Mixed => 200,
        };
        memory::taken_by(self.keys, value_bytes)
    }
}

impl Content {
    /// The command that fills a server with so many keys of it.
    pub(crate) fn command(self, keys: u64) -> Vec<String> {
        let words = match self {
            Self::Strings { value_bytes } => {
                format!("DEBUG POPULATE {keys} key {value_bytes}")
            }
            Self::Mixed => {
                let mut words = vec!["EVAL".to_owned(), MIXED.to_owned()];
                words.extend(["0".to_owned(), keys.to_string()]);
                return words;
            }
        };
        words.split(' ').map(str::to_owned).collect()
    }
}

/// Fills a server with `ARGV[1]` keys, the same on every server.
const MIXED: &str = "
for id = 1, tonumber(ARGV[1]) do
    local kind, key = id % 10, 'key:' .. id
    if kind < 4 then
        redis.call('SET', key, 'value:' .. id .. string.rep('.', 40))
    else
        local words = {}
        for element = 1, 10 do
            if kind < 6 then
                words[2 * element - 1] = 'field' .. element
                words[2 * element] = 'value:' .. id .. ':' .. element
            elseif kind < 9 then
                words[element] = 'element:' .. id .. ':' .. element
            else
                words[2 * element - 1] = id % 1000 + element / 8
                words[2 * element] = 'member:' .. id .. ':' .. element
            end
        end
        local command = ({ 'HSET', 'HSET', 'RPUSH', 'RPUSH', 'SADD', 'ZADD' })[kind - 3]
        redis.call(command, key, unpack(words))
    end
end
return redis.status_reply('OK')
";

const MUST: Option<Times> = Some(Times {
    save: 4.0,
    load: 4.0,
});

/// What `--quick` measures.
pub(crate) const QUICK: DataSet = DataSet {
    name: "1 M x 100 B",
    keys: 1_000_000,
    content: Content::Strings { value_bytes: 100 },
    times: Some(Times {
        save: 5.0,
        load: 4.0,
    }),
    key_bytes_max: None,
};

pub(crate) const SMALL: DataSet = DataSet {
    name: "5 M x 16 B",
    keys: 5_000_000,
    content: Content::Strings { value_bytes: 16 },
    times: MUST,
    key_bytes_max: Some(60.0),
};

pub(crate) const MIDDLE: DataSet = DataSet {
    name: "5 M x 100 B",
    keys: 5_000_000,
    ..QUICK
};

pub(crate) const LARGE: DataSet = DataSet {
    name: "2 M x 1 KB",
    keys: 2_000_000,
    content: Content::Strings { value_bytes: 1000 },
    times: MUST,
    key_bytes_max: None,
};

pub(crate) const HUGE: DataSet = DataSet {
    name: "20 k x 100 KB",
    keys: 20_000,
    content: Content::Strings {
        value_bytes: 100_000,
    },
    times: None,
    key_bytes_max: None,
};

pub(crate) const COLLECTIONS: DataSet = DataSet {
    name: "1 M mixed",
    keys: 1_000_000,
    content: Content::Mixed,
    times: None,
    key_bytes_max: None,
};
