//! The manifest of a file set: which files belong together, and what is in them.

use std::path::Path;

use xxhash_rust::xxh3::xxh3_64;

use crate::read_error::ReadError;

/// The longest note, in bytes.
pub(crate) const NOTE_BYTES_MAX: usize = 4096;
/// The most files in one set.
pub(crate) const MEMBERS_MAX: usize = 1 << 16;
/// The longest name of a file in a set, in bytes.
pub(crate) const MEMBER_NAME_BYTES_MAX: usize = 128;
/// More than the longest manifest has, in bytes.
pub(crate) const MANIFEST_BYTES_MAX: usize =
    (MEMBERS_MAX + 2) * (MEMBER_NAME_BYTES_MAX + 64) + NOTE_BYTES_MAX;

/// Which files belong together, and what is in them.
///
/// A manifest is text, a few lines that end in one line feed each:
///
/// ```text
/// forkless-file-set 1
/// generation 17
/// note cut 99
/// file 104857600 9f3c0a5e7d1b2c48 0.rdb
/// file 94371840 0b6a3f2e9d8c7105 1.rdb
/// files 2
/// xxh3 5d0c9a1f3b7e2468
/// ```
///
/// | line | holds |
/// |---|---|
/// | `forkless-file-set` | the version of the format, 1 |
/// | `generation` | the number of the set, 0 to 4294967295: what its files have in their names |
/// | `note` | one line of text for the application, up to 4096 bytes, perhaps empty |
/// | `file` | once per file: its length in bytes, the XXH3-64 of its content, its name |
/// | `files` | how many `file` lines there were, 0 to 65536 |
/// | `xxh3` | the XXH3-64 (seed 0) of every byte above this line |
///
/// One space stands between the parts of a line. Numbers are decimal, without signs or leading
/// zeros; checksums have 16 hexadecimal digits, in lower case. Nothing follows the last line. So
/// a manifest has exactly one spelling, and every other one is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    generation: u32,
    note: String,
    members: Vec<Member>,
}

/// One file of a set.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Member {
    /// The name it has in the set, such as `0.rdb`; the file's own name has more in front.
    pub name: String,
    /// Its length, in bytes.
    pub bytes: u64,
    /// The XXH3-64 (seed 0) of its content.
    pub xxh3: u64,
}

impl Manifest {
    /// A manifest of `members`, whose names and number the caller has checked, as it has `note`.
    pub(crate) fn new(generation: u32, note: &str, members: Vec<Member>) -> Self {
        assert!(members.len() <= MEMBERS_MAX, "too many files in one set");
        assert!(is_note(note), "the note is one short line");
        Self {
            generation,
            note: note.to_owned(),
            members,
        }
    }

    /// The number of the set. Each commit under one name has a larger one than all before it.
    pub fn generation(&self) -> u32 {
        self.generation
    }

    /// What the application noted at the commit; may be empty.
    pub fn note(&self) -> &str {
        &self.note
    }

    /// The files, in the order in which they were committed.
    pub fn members(&self) -> &[Member] {
        &self.members
    }

    /// The manifest as bytes, as the type's description says.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let Self {
            generation, note, ..
        } = self;
        let head = format!("forkless-file-set 1\ngeneration {generation}\nnote {note}\n");
        let mut text = head.into_bytes();
        for Member { name, bytes, xxh3 } in &self.members {
            text.extend(format!("file {bytes} {xxh3:016x} {name}\n").into_bytes());
        }
        text.extend(format!("files {}\n", self.members.len()).into_bytes());
        let xxh3 = xxh3_64(&text);
        text.extend(format!("xxh3 {xxh3:016x}\n").into_bytes());
        text
    }

    /// Reads a manifest; errors name `path`.
    ///
    /// # Errors
    ///
    /// [`ReadError::NoManifest`], [`ReadError::ManifestVersion`] and [`ReadError::Checksum`].
    pub(crate) fn decode(bytes: &[u8], path: &Path) -> Result<Self, ReadError> {
        let mut lines = Lines {
            bytes,
            offset: 0,
            path,
        };
        let version: u32 = lines.next_number("forkless-file-set ", "`forkless-file-set 1`")?;
        if version != 1 {
            let path = path.to_path_buf();
            return Err(ReadError::ManifestVersion { path, version });
        }
        let generation = lines.next_number("generation ", "`generation` and a number")?;
        let note = lines.next("note ", "`note` and a line of text")?.to_owned();
        let mut members = Vec::new();
        while lines.rest().starts_with(b"file ") {
            let expected = "`file`, a length, a checksum and a name";
            let line = lines.next("file ", expected)?;
            members.push(member(line).ok_or_else(|| lines.refuse(expected))?);
        }
        let expected = "`files` and how many there are";
        if lines.next_number::<usize>("files ", expected)? != members.len()
            || members.len() > MEMBERS_MAX
            || !is_note(&note)
        {
            return Err(lines.refuse(expected));
        }
        let summed = lines.offset;
        let expected = "`xxh3` and a checksum, at the end";
        let stored = lines.next("xxh3 ", expected)?;
        let stored = checksum(stored).ok_or_else(|| lines.refuse(expected))?;
        if !lines.rest().is_empty() {
            return Err(lines.refuse(expected));
        }
        let computed = xxh3_64(&bytes[..summed]);
        if computed != stored {
            return Err(ReadError::Checksum {
                path: path.to_path_buf(),
                expected: stored,
                found: computed,
            });
        }
        Ok(Self {
            generation,
            note,
            members,
        })
    }
}

/// Whether a file of a set may have this name: 1 to 128 bytes without `/` and control characters.
pub(crate) fn is_member_name(name: &str) -> bool {
    let is_plain = |character: char| character != '/' && !character.is_control();
    (1..=MEMBER_NAME_BYTES_MAX).contains(&name.len()) && name.chars().all(is_plain)
}

/// Whether this may be noted: at most 4096 bytes without control characters.
pub(crate) fn is_note(note: &str) -> bool {
    note.len() <= NOTE_BYTES_MAX && !note.contains(char::is_control)
}

/// The parts of a `file` line.
fn member(line: &str) -> Option<Member> {
    let mut parts = line.splitn(3, ' ');
    let bytes = number(parts.next()?)?;
    let xxh3 = checksum(parts.next()?)?;
    let name = parts.next().filter(|name| is_member_name(name))?.to_owned();
    Some(Member { name, bytes, xxh3 })
}

/// A decimal number in its only spelling.
fn number<T: std::str::FromStr + ToString>(text: &str) -> Option<T> {
    text.parse()
        .ok()
        .filter(|number: &T| number.to_string() == text)
}

/// A checksum in its only spelling.
fn checksum(text: &str) -> Option<u64> {
    let checksum = u64::from_str_radix(text, 16).ok()?;
    (format!("{checksum:016x}") == text).then_some(checksum)
}

/// The lines of a manifest, one after the other.
struct Lines<'a> {
    bytes: &'a [u8],
    /// Where the next line starts.
    offset: usize,
    path: &'a Path,
}

impl<'a> Lines<'a> {
    fn rest(&self) -> &'a [u8] {
        &self.bytes[self.offset..]
    }

    /// What stands behind `key` in the next line.
    fn next(&mut self, key: &str, expected: &'static str) -> Result<&'a str, ReadError> {
        let rest = self.rest();
        let line = rest
            .iter()
            .position(|&byte| byte == b'\n')
            .and_then(|end| std::str::from_utf8(&rest[..end]).ok())
            .ok_or_else(|| self.refuse(expected))?;
        let value = line
            .strip_prefix(key)
            .ok_or_else(|| self.refuse(expected))?;
        self.offset += line.len() + 1;
        Ok(value)
    }

    fn next_number<T: std::str::FromStr + ToString>(
        &mut self,
        key: &str,
        expected: &'static str,
    ) -> Result<T, ReadError> {
        let offset = self.offset;
        let value = self.next(key, expected)?;
        number(value).ok_or_else(|| self.refuse_at(offset, expected))
    }

    fn refuse(&self, expected: &'static str) -> ReadError {
        self.refuse_at(self.offset, expected)
    }

    fn refuse_at(&self, offset: usize, expected: &'static str) -> ReadError {
        ReadError::NoManifest {
            path: self.path.to_path_buf(),
            offset,
            expected,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn example() -> Manifest {
        let member = |name: &str, bytes, xxh3| Member {
            name: name.to_owned(),
            bytes,
            xxh3,
        };
        let members = vec![
            member("0.rdb", 104_857_600, 7),
            member("1 b.rdb", 0, u64::MAX),
        ];
        Manifest::new(17, "cut 99", members)
    }

    fn decode(bytes: &[u8]) -> Result<Manifest, ReadError> {
        Manifest::decode(bytes, Path::new("dump.manifest"))
    }

    #[test]
    fn manifest_has_exactly_these_bytes() {
        let above = "forkless-file-set 1\n\
                     generation 17\n\
                     note cut 99\n\
                     file 104857600 0000000000000007 0.rdb\n\
                     file 0 ffffffffffffffff 1 b.rdb\n\
                     files 2\n";
        let expected = format!("{above}xxh3 {:016x}\n", xxh3_64(above.as_bytes()));
        assert_eq!(String::from_utf8(example().encode()).unwrap(), expected);
        // The published sum of no bytes: the function itself must not drift.
        assert_eq!(xxh3_64(b""), 0x2d06_8005_38d3_94c2);
    }

    #[test]
    fn every_truncation_is_refused() {
        let bytes = example().encode();
        for length in 0..bytes.len() {
            decode(&bytes[..length]).unwrap_err();
        }
        assert_eq!(decode(&bytes).unwrap(), example());
    }

    #[test]
    fn every_flipped_bit_is_refused() {
        let mut bytes = example().encode();
        for bit in 0..bytes.len() * 8 {
            bytes[bit / 8] ^= 1 << (bit % 8);
            decode(&bytes).unwrap_err();
            bytes[bit / 8] ^= 1 << (bit % 8);
        }
    }

    #[test]
    fn second_spellings_are_refused_even_with_a_right_checksum() {
        let resum = |above: &str| format!("{above}xxh3 {:016x}\n", xxh3_64(above.as_bytes()));
        let good = "forkless-file-set 1\ngeneration 1\nnote \nfile 3 00000000000000aa a\nfiles 1\n";
        decode(resum(good).as_bytes()).unwrap();
        for (from, to) in [
            ("generation 1", "generation 01"),
            ("generation 1", "generation +1"),
            ("generation 1", "generation 4294967296"),
            ("file 3 ", "file  3 "),
            ("00aa", "00AA"),
            ("00000000000000aa", "aa"),
            ("aa a\n", "aa \n"),
            ("aa a\n", "aa a/b\n"),
            ("aa a\n", "aa a\r\n"),
            ("files 1", "files 2"),
            ("note \n", "note\n"),
            ("note \n", "note a\tb\n"),
            ("files 1\n", "files 1\nfiles 1\n"),
        ] {
            assert!(good.contains(from));
            let error = decode(resum(&good.replacen(from, to, 1)).as_bytes()).unwrap_err();
            assert!(
                matches!(error, ReadError::NoManifest { .. }),
                "{to}: {error}"
            );
        }
        decode(format!("{}\n", resum(good)).as_bytes()).unwrap_err();
    }

    #[test]
    fn unknown_version_is_told_from_damage() {
        let error = decode(b"forkless-file-set 2\nwhatever comes then\n").unwrap_err();
        assert!(matches!(
            error,
            ReadError::ManifestVersion { version: 2, .. }
        ));
        let error = decode(b"REDIS0011").unwrap_err();
        assert_eq!(
            error.to_string(),
            "dump.manifest: byte 0: no manifest: `forkless-file-set 1` expected"
        );
    }

    #[test]
    fn longest_manifest_is_within_the_bound() {
        let member = Member {
            name: "n".repeat(MEMBER_NAME_BYTES_MAX),
            bytes: u64::MAX,
            xxh3: 0,
        };
        let line = Manifest::new(0, "", vec![member.clone()]).encode().len()
            - Manifest::new(0, "", Vec::new()).encode().len();
        let rest = Manifest::new(u32::MAX, &"n".repeat(NOTE_BYTES_MAX), vec![member]);
        assert!(rest.encode().len() + line * MEMBERS_MAX <= MANIFEST_BYTES_MAX);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]

        #[test]
        fn what_is_encoded_is_decoded(
            generation: u32,
            note in "[^\\p{Cc}]{0,40}",
            members in prop::collection::vec(
                ("[^/\\p{Cc}]{1,20}", any::<u64>(), any::<u64>()),
                0..9,
            ),
        ) {
            let member = |(name, bytes, xxh3)| Member { name, bytes, xxh3 };
            let members = members.into_iter().map(member).collect();
            let manifest = Manifest::new(generation, &note, members);
            prop_assert_eq!(decode(&manifest.encode()).unwrap(), manifest);
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(decode(&bytes).is_err());
        }
    }
}
