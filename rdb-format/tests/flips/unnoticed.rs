//! The flips that nothing can notice.

/// What nobody reads: the sample, how many flips pass without any change, and why.
pub(crate) const UNSEEN: &[(&str, u32, &str)] = &[
    (
        "zipmap",
        8,
        "a byte behind a value that is kept for its growth",
    ),
    (
        "zipmap of version 6",
        8,
        "a byte behind a value that is kept for its growth",
    ),
    ("sorted set as ziplist", 3, "inf in capitals"),
    ("sorted set as listpack", 3, "inf in capitals"),
    ("packed sorted set", 3, "inf in capitals"),
    (
        "listpack that expires",
        64,
        "the first time of expiry, which servers find anew",
    ),
    (
        "packed expiring hash",
        64,
        "the first time of expiry, which servers find anew",
    ),
    (
        "template of listpacks",
        7,
        "the number of a template that the hash brings along",
    ),
    (
        "stream",
        15,
        "flags of its three records that nobody has given a meaning",
    ),
    (
        "cut down stream",
        15,
        "flags of its three records that nobody has given a meaning",
    ),
    (
        "written array",
        5,
        "any number but zero says that there is an index to insert at",
    ),
    (
        "function of the 7.0 preview",
        37,
        "its description, and whether it has one",
    ),
    (
        "records of Dragonfly",
        221,
        "private records, which are skipped",
    ),
    (
        "records of Enterprise",
        12,
        "a hint of eviction and a slot, which are skipped",
    ),
];

const LENGTH: &str = "a length takes in what follows, and the rest happens to read as something";
const FORM: &str =
    "a length or string gets another form, and the rest happens to read as something";
const OPCODE: &str = "a record becomes another, and the rest happens to read as something";

/// What cannot be noticed although other keys, elements or records are read: the sample, the byte
/// before and after the flip, and why. Nothing in the format says these bytes twice.
pub(crate) const REFRAMED: &[(&str, u8, u8, &str)] = &[
    ("length of 32 bits", 1, 5, LENGTH),
    ("length of 32 bits", 128, 192, FORM),
    ("length of 64 bits", 1, 3, LENGTH),
    ("length of 64 bits", 1, 9, LENGTH),
    ("length of 64 bits", 129, 193, FORM),
    ("set of version 6", 1, 5, LENGTH),
    ("int32", 3, 7, LENGTH),
    ("intset", 3, 7, LENGTH),
    ("intset", 3, 11, LENGTH),
    ("module", 3, 11, LENGTH),
    ("hash of the 7.4 preview", 1, 9, LENGTH),
    ("stream", 5, 4, LENGTH),
    ("cut down stream", 5, 4, LENGTH),
    ("seconds of expiry", 1, 5, LENGTH),
    ("records between attributes and key", 1, 3, LENGTH),
    ("records", 1, 129, LENGTH),
    ("records of Dragonfly", 1, 5, LENGTH),
    ("records of Dragonfly", 1, 17, LENGTH),
    ("records of Dragonfly", 4, 6, LENGTH),
    ("records of Dragonfly", 4, 36, LENGTH),
    ("function of the 7.0 preview", 3, 2, LENGTH),
    ("sorted set", 1, 0, FORM),
    ("expiring hash", 1, 0, FORM),
    ("hash that expires", 1, 0, FORM),
    ("records of Dragonfly", 2, 0, OPCODE),
    ("records of Dragonfly", 210, 211, OPCODE),
    ("records of Dragonfly", 211, 210, OPCODE),
    ("records", 252, 248, OPCODE),
    ("records", 252, 253, OPCODE),
    ("records", 252, 254, OPCODE),
    ("seconds of expiry", 253, 249, OPCODE),
    ("seconds of expiry", 253, 255, OPCODE),
    ("seconds of expiry", 254, 246, OPCODE),
    ("seconds of expiry", 254, 255, OPCODE),
];
