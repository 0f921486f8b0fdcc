//! What no target is written with: encodings of the past, of release candidates and of kin, byte
//! by byte from the description of the format.

use super::{Sample, end};

/// A ziplist of strings up to 63 bytes, and of the numbers 0 to 12 as immediate values.
fn ziplist(entries: &[&str]) -> Vec<u8> {
    let mut body = Vec::new();
    let (mut before, mut tail) = (0, 10);
    for entry in entries {
        tail = 10 + body.len();
        let start = body.len();
        body.push(u8::try_from(before).unwrap());
        if let Ok(number @ 0..=12) = entry.parse::<u8>() {
            body.push(0xf1 + number);
        } else {
            body.push(u8::try_from(entry.len()).unwrap());
            body.extend_from_slice(entry.as_bytes());
        }
        before = body.len() - start;
    }
    let mut out = u32::try_from(body.len() + 11)
        .unwrap()
        .to_le_bytes()
        .to_vec();
    out.extend(u32::try_from(tail).unwrap().to_le_bytes());
    out.extend(u16::try_from(entries.len()).unwrap().to_le_bytes());
    out.extend(body);
    out.push(0xff);
    out
}

/// A listpack of strings up to 63 bytes, of numbers up to 127, and of longer ones as 64 bits.
fn listpack(entries: &[&str]) -> Vec<u8> {
    let mut body = Vec::new();
    for entry in entries {
        let start = body.len();
        match entry.parse::<i64>() {
            Ok(number @ 0..=127) => body.push(u8::try_from(number).unwrap()),
            Ok(number) => {
                body.push(0xf4);
                body.extend(number.to_le_bytes());
            }
            Err(_) => {
                body.push(0x80 | u8::try_from(entry.len()).unwrap());
                body.extend_from_slice(entry.as_bytes());
            }
        }
        body.push(u8::try_from(body.len() - start).unwrap());
    }
    let mut out = u32::try_from(body.len() + 7)
        .unwrap()
        .to_le_bytes()
        .to_vec();
    out.extend(u16::try_from(entries.len()).unwrap().to_le_bytes());
    out.extend(body);
    out.push(0xff);
    out
}

/// An intset of members of so many bytes each.
fn intset(width: u8, members: &[i64]) -> Vec<u8> {
    let count = u8::try_from(members.len()).unwrap();
    let mut out = vec![width, 0, 0, 0, count, 0, 0, 0];
    for member in members {
        out.extend_from_slice(&member.to_le_bytes()[..usize::from(width)]);
    }
    out
}

/// A string with its length in front, in one byte.
fn string(bytes: &[u8]) -> Vec<u8> {
    [&[u8::try_from(bytes.len()).unwrap()], bytes].concat()
}

/// A file with one key `k`.
fn key(name: &str, magic: &[u8; 9], value_type: u8, body: &[u8]) -> Sample {
    let bytes = [magic, &[value_type][..], b"\x01k", body].concat();
    file(name, bytes)
}

/// A file that ends as its version does.
fn file(name: &str, bytes: Vec<u8>) -> Sample {
    let mut sample = Sample::new(name, bytes);
    if sample.has_checksum() {
        sample.bytes = end(sample.bytes);
    } else {
        sample.bytes.push(0xff);
    }
    sample
}

pub(super) fn samples() -> Vec<Sample> {
    [
        strings(),
        collections(),
        arrays(),
        containers(),
        expiring(),
        templates(),
        records(),
        kin(),
    ]
    .concat()
}

fn strings() -> Vec<Sample> {
    let long = [b"\x40\x46", &[b'x'; 70][..]].concat();
    vec![
        key("string of version 1", b"REDIS0001", 0, b"\x05hello"),
        key("int16 of version 4", b"REDIS0004", 0, b"\xc1\xd4\xfe"),
        key("length of 14 bits", b"REDIS0009", 0, &long),
        key("length of 32 bits", b"REDIS0009", 0, b"\x80\0\0\0\x02ab"),
        key(
            "length of 64 bits",
            b"REDIS0009",
            0,
            b"\x81\0\0\0\0\0\0\0\x02ab",
        ),
        key("LZF", b"REDIS0009", 0, b"\xc3\x07\x0c\x02abc\xe0\x00\x02"),
    ]
}

fn collections() -> Vec<Sample> {
    let fields = b"\x02\x01f\x01v\x01g\xc0\xf9";
    let text_scores = b"\x04\x01a\x031.5\x01b\xfe\x01c\xff\x01d\x03-20";
    let scores = [
        &b"\x02\x01a"[..],
        &1.5_f64.to_le_bytes(),
        b"\x01b",
        &f64::NEG_INFINITY.to_le_bytes(),
    ];
    vec![
        key(
            "list of version 2",
            b"REDIS0002",
            1,
            b"\x03\x01a\xc0\x05\x02bb",
        ),
        key(
            "list of version 6",
            b"REDIS0006",
            1,
            b"\x03\x01a\xc0\x05\x02bb",
        ),
        key(
            "set of version 6",
            b"REDIS0006",
            2,
            b"\x02\x01a\xc2\x70\x11\x01\0",
        ),
        key("scores as text", b"REDIS0006", 3, text_scores),
        key("scores as text of version 2", b"REDIS0002", 3, text_scores),
        key("hash of version 6", b"REDIS0006", 4, fields),
        key("scores of version 8", b"REDIS0008", 5, &scores.concat()),
    ]
}

fn arrays() -> Vec<Sample> {
    let array = [
        &b"\x04\x00\x01\x01"[..],
        &(-5_i64).to_le_bytes(),
        b"\x40\x80\x02",
        &0.5_f64.to_le_bytes(),
        b"\x81\0\0\x01\0\0\0\0\0\x03\x03abc",
        b"\x81\xff\xff\xff\xff\xff\xff\xff\xfe\x00\x04long",
    ];
    vec![key("array", b"REDIS0014", 28, &array.concat())]
}

fn containers() -> Vec<Sample> {
    let zipmap = b"\x02\x01f\x02\x01vv?\x03key\x03\x00val\xff";
    let ziplist_key = |name: &str, value_type, entries: &[&str]| {
        key(name, b"REDIS0006", value_type, &string(&ziplist(entries)))
    };
    let listpack_key = |name: &str, value_type, entries: &[&str]| {
        key(name, b"REDIS0011", value_type, &string(&listpack(entries)))
    };
    let nodes = [
        &[2],
        &string(&ziplist(&["a", "5"]))[..],
        &string(&ziplist(&["bb"])),
    ];
    let nodes_2 = [
        b"\x02\x02",
        &string(&listpack(&["a", "5"]))[..],
        b"\x01\x03big",
    ];
    let old = b"\x12\0\0\0\x0d\0\0\0\x02\0\0\x01a\x03\xc0\x2c\x01\xff";
    vec![
        key("zipmap", b"REDIS0002", 9, &string(zipmap)),
        key("zipmap of version 6", b"REDIS0006", 9, &string(zipmap)),
        ziplist_key("list as ziplist", 10, &["a", "5", "bb", "12"]),
        key("ziplist of version 4", b"REDIS0004", 10, &string(old)),
        key(
            "intset of 16 bits",
            b"REDIS0006",
            11,
            &string(&intset(2, &[-2, 1, 300])),
        ),
        key(
            "intset of 32 bits",
            b"REDIS0002",
            11,
            &string(&intset(4, &[1, 70_000])),
        ),
        key(
            "intset of 64 bits",
            b"REDIS0006",
            11,
            &string(&intset(8, &[-1 << 40, 1])),
        ),
        ziplist_key(
            "sorted set as ziplist",
            12,
            &["a", "1", "b", "1.5", "c", "inf"],
        ),
        ziplist_key("hash as ziplist", 13, &["f", "v", "g", "7"]),
        key("quicklist", b"REDIS0007", 14, &nodes.concat()),
        listpack_key("hash as listpack", 16, &["f", "v", "g", "7"]),
        listpack_key(
            "sorted set as listpack",
            17,
            &["a", "1", "b", "1.5", "c", "inf"],
        ),
        key("quicklist 2", b"REDIS0010", 18, &nodes_2.concat()),
        listpack_key("set as listpack", 20, &["a", "5", "bb"]),
    ]
}

fn expiring() -> Vec<Sample> {
    let at = 4_102_444_800_000_i64;
    let lowest = at.to_le_bytes();
    let length = [&[0x81], &at.to_be_bytes()[..]].concat();
    let preview = [b"\x02\x00\x01f\x01v", &length[..], b"\x01g\x01w"].concat();
    let hash = [&lowest[..], b"\x02\x00\x01f\x01v\x01\x01g\x01w"].concat();
    let valkey = [
        b"\x02\x01f\x01v",
        &(-1_i64).to_le_bytes()[..],
        b"\x01g\x01w",
        &lowest,
    ];
    let packed = string(&listpack(&["g", "w", "4102444800000", "f", "v", "0"]));
    vec![
        key("hash of the 7.4 preview", b"REDIS0012", 22, &preview),
        key("hash of Valkey 9", b"VALKEY080", 22, &valkey.concat()),
        key("listpack of the 7.4 preview", b"REDIS0012", 23, &packed),
        key("hash that expires", b"REDIS0012", 24, &hash),
        key(
            "listpack that expires",
            b"REDIS0012",
            25,
            &[&lowest[..], &packed].concat(),
        ),
    ]
}

fn templates() -> Vec<Sample> {
    let define = b"REDIS0015\xf2\x05\x02\x01a\x02bb";
    let values = string(&listpack(&["5", "v", "ww"]));
    let by_reference = [
        &define[..],
        b"\x1e\x01k",
        &values,
        b"\x20\x01l\x05\x01x\xc0\x07",
    ];
    let own_texts = b"\x01\x02\x01a\x02bb\x01x\xc0\x07";
    let own_packs = [&[0], &string(&listpack(&["a", "bb"]))[..], &values];
    vec![
        file("hashes with a template", by_reference.concat()),
        key("template of strings", b"REDIS0015", 31, own_texts),
        key(
            "template of listpacks",
            b"REDIS0015",
            29,
            &own_packs.concat(),
        ),
    ]
}

/// Records that stand beside the keys and that no target is written with, or in an unusual place.
fn records() -> Vec<Sample> {
    let preview = b"REDIS0010\xf6\x03lib\x03LUA\x01\x04desc\x04code";
    let old = b"REDIS0003\xfe\x02\xfd\x01\0\0\0\0\x01a\x01b\xfc\x02\0\0\0\0\0\0\0\0\x01c\x01d";
    let mixed = b"REDIS0009\xf9\x07\xfa\x01x\x01y\xf8\x05\0\x01a\x01b\xf5\x01f";
    let module = b"REDIS0009\xf7\x81\0\0\0\0\0\0\0\x09\x02\x01\x01\x05\x03abcd\x04abcdefgh\
        \x05\x01x\x00";
    let later = b"REDIS0016\0\x01a\x01b";
    vec![
        file("nothing at all", b"REDIS0003".to_vec()),
        file("nothing, with a checksum", b"REDIS0009".to_vec()),
        file("function of the 7.0 preview", preview.to_vec()),
        file("seconds of expiry", old.to_vec()),
        file("records between attributes and key", mixed.to_vec()),
        file("data of a module", module.to_vec()),
        file("a version to come", later.to_vec()),
    ]
}

/// Records of kin.
fn kin() -> Vec<Sample> {
    let dragonfly = b"REDIS0009\xfa\x06df-ver\x041.40\xdc\x02\0\0\0\x07\0\0\0\0\x01k\x01v\
        \xd2\x01\x03abc\xd3\x01\0\0\0\0\0\0\0\xc8\0\0\0\0\0\0\0\0";
    let enterprise = b"REDIS0009\x6b\x05\x79\x07\0\x01k\x01v";
    let keydb = b"REDIS0009\xfa\x0bmvcc-tstamp\x017\0\x01k\x01v";
    vec![
        file("records of Dragonfly", dragonfly.to_vec()),
        file("records of Enterprise", enterprise.to_vec()),
        file("fields of KeyDB", keydb.to_vec()),
    ]
}
