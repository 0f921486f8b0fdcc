//! The hidden name a file has until it is published: `.dump.rdb.4711-0.forkless-tmp`.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

/// What every temporary name ends with.
pub(crate) const SUFFIX: &str = ".forkless-tmp";

/// Longest file name on Linux is 255 bytes; above this, the final name is shortened in the
/// temporary one, which also needs two dots, the process id, a counter and the suffix.
pub(crate) const STEM_BYTES_MAX: usize = 200;

/// The temporary name number `attempt` of process `process` for the final name `name`.
pub(crate) fn temp_name(name: &OsStr, process: u32, attempt: u32) -> OsString {
    let mut bytes = prefix(name);
    bytes.extend_from_slice(format!("{process}-{attempt}{SUFFIX}").as_bytes());
    OsString::from_vec(bytes)
}

/// The process that gave the file `candidate` its name, if that is a temporary name for `name`.
pub(crate) fn process_of(name: &OsStr, candidate: &OsStr) -> Option<u32> {
    let rest = candidate.as_bytes().strip_prefix(prefix(name).as_slice())?;
    let numbers = rest.strip_suffix(SUFFIX.as_bytes())?;
    let (process, attempt) = std::str::from_utf8(numbers).ok()?.split_once('-')?;
    let _: u32 = attempt.parse().ok()?;
    process.parse().ok()
}

/// The final name and the process of the temporary name `candidate`, if that is one. A final name
/// of more than [`STEM_BYTES_MAX`] bytes is not told: it is shortened.
pub(crate) fn final_name_of(candidate: &OsStr) -> Option<(&OsStr, u32)> {
    let numbers_at = candidate
        .as_bytes()
        .strip_suffix(SUFFIX.as_bytes())?
        .iter()
        .rposition(|&byte| byte == b'.')?;
    let name = candidate.as_bytes()[..numbers_at].strip_prefix(b".")?;
    let name = OsStr::from_bytes(name);
    Some((name, process_of(name, candidate)?))
}

/// What every temporary name for `name` starts with.
fn prefix(name: &OsStr) -> Vec<u8> {
    let name = name.as_bytes();
    let mut prefix = vec![b'.'];
    if name.len() <= STEM_BYTES_MAX {
        prefix.extend_from_slice(name);
    } else {
        // The hash keeps apart long names that start alike.
        let hash = format!("~{:016x}", fnv1a(name));
        prefix.extend_from_slice(&name[..STEM_BYTES_MAX - hash.len()]);
        prefix.extend_from_slice(hash.as_bytes());
    }
    prefix.push(b'.');
    prefix
}

/// The 64-bit FNV-1a hash: stable across versions, as the names outlive the process.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn temporary_name_is_hidden_and_knows_its_process() {
        let name = temp_name(OsStr::new("dump.rdb"), 4711, 2);
        assert_eq!(name, ".dump.rdb.4711-2.forkless-tmp");
        assert_eq!(process_of(OsStr::new("dump.rdb"), &name), Some(4711));
    }

    #[test]
    fn names_of_other_files_are_left_alone() {
        let ours = OsStr::new("dump");
        for other in [
            "dump",
            ".dump.forkless-tmp",
            ".dump.rdb.4711-0.forkless-tmp",
            ".dump.4711.forkless-tmp",
            ".dump.x-0.forkless-tmp",
            ".dump.4711-0.forkless-tmp.bak",
        ] {
            assert_eq!(process_of(ours, OsStr::new(other)), None, "{other}");
        }
    }

    #[test]
    fn final_name_is_told_from_the_temporary_one() {
        for name in [
            "dump",
            "dump.rdb",
            ".x.",
            "a.1-2",
            "",
            &"n".repeat(STEM_BYTES_MAX),
        ] {
            let name = OsStr::new(name);
            let temporary = temp_name(name, 4711, 2);
            assert_eq!(final_name_of(&temporary), Some((name, 4711)));
        }
        let long = OsString::from("n".repeat(STEM_BYTES_MAX + 1));
        let named = final_name_of(&temp_name(&long, 1, 0)).map(|(name, _)| name.to_os_string());
        assert_ne!(named, Some(long));
        for other in [
            "dump",
            ".forkless-tmp",
            ".dump.forkless-tmp",
            "dump.1-0.forkless-tmp",
        ] {
            assert_eq!(final_name_of(OsStr::new(other)), None, "{other}");
        }
    }

    #[test]
    fn longest_names_are_shortened_and_kept_apart() {
        let first = OsString::from(format!("{}a", "n".repeat(254)));
        let second = OsString::from(format!("{}b", "n".repeat(254)));
        let name = temp_name(&first, u32::MAX, u32::MAX);
        assert!(name.len() <= 255, "{} bytes", name.len());
        assert_eq!(process_of(&first, &name), Some(u32::MAX));
        assert_eq!(process_of(&second, &name), None);
    }
}
