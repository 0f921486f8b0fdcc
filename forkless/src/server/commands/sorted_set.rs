//! Sorted sets, but for ZRANGE.

use crate::object::{SortedSet, Text};
use crate::server::command::Outcome;
use crate::server::database::Database;
use crate::server::number::parse_float;
use crate::server::refusal::Refusal;
use crate::server::reply::Reply;
use crate::server::words::Words;

/// What ZADD changes, and tells.
#[derive(Debug, Clone, Copy, Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a word that clients may add"
)]
struct AddOptions {
    /// `NX`: only members that are not there.
    absent: bool,
    /// `XX`: only those that are.
    present: bool,
    /// `GT`: only to higher scores, or new members.
    higher: bool,
    /// `LT`: only to lower scores, or new members.
    lower: bool,
    /// `CH`: count what was changed, too.
    count_changed: bool,
    /// `INCR`: scores are added.
    adds: bool,
}

impl AddOptions {
    /// Reads the options, which end at the first word that is none; how many they are.
    fn parse(words: Words<'_>) -> (Self, usize) {
        let mut parsed = Self::default();
        let mut count = 0;
        for option in words.iter() {
            let is = |name: &[u8]| option.eq_ignore_ascii_case(name);
            match () {
                () if is(b"nx") => parsed.absent = true,
                () if is(b"xx") => parsed.present = true,
                () if is(b"gt") => parsed.higher = true,
                () if is(b"lt") => parsed.lower = true,
                () if is(b"ch") => parsed.count_changed = true,
                () if is(b"incr") => parsed.adds = true,
                () => break,
            }
            count += 1;
        }
        (parsed, count)
    }

    fn check(self, pairs: Words<'_>) -> Outcome {
        if pairs.is_empty() || !pairs.len().is_multiple_of(2) {
            return Err(Refusal::Syntax);
        }
        if self.absent && self.present {
            let what = "XX and NX options at the same time are not compatible";
            return Err(Refusal::other(what));
        }
        let comparisons = [self.absent, self.higher, self.lower];
        if comparisons.into_iter().filter(|set| *set).count() > 1 {
            let what = "GT, LT, and/or NX options at the same time are not compatible";
            return Err(Refusal::other(what));
        }
        if self.adds && pairs.len() > 2 {
            let what = "INCR option supports a single increment-element pair";
            return Err(Refusal::other(what));
        }
        Ok(())
    }

    /// The score that a member gets, which has `old` or is not there; `None` if it stays.
    fn new_score(self, old: Option<f64>, given: f64) -> Result<Option<f64>, Refusal> {
        let Some(old) = old else {
            return Ok((!self.present).then_some(given));
        };
        if self.absent {
            return Ok(None);
        }
        let new = if self.adds { old + given } else { given };
        if new.is_nan() {
            return Err(Refusal::NoScore);
        }
        let stays = self.higher && new <= old || self.lower && new >= old;
        Ok((!stays).then_some(new))
    }
}

pub(super) fn zadd(
    database: &mut Database<'_>,
    words: Words<'_>,
    reply: &mut Reply<'_>,
) -> Outcome {
    let (options, count) = AddOptions::parse(words.part(2, words.len()));
    let pairs = words.part(2 + count, words.len());
    options.check(pairs)?;
    add(database, &words[1], options, pairs, reply)
}

pub(super) fn zincrby(
    database: &mut Database<'_>,
    words: Words<'_>,
    reply: &mut Reply<'_>,
) -> Outcome {
    let options = AddOptions {
        adds: true,
        ..AddOptions::default()
    };
    add(database, &words[1], options, words.part(2, 4), reply)
}

fn add(
    database: &mut Database<'_>,
    key: &[u8],
    options: AddOptions,
    pairs: Words<'_>,
    reply: &mut Reply<'_>,
) -> Outcome {
    let scores = (0..pairs.len())
        .step_by(2)
        .map(|at| parse_float(&pairs[at]));
    let scores: Option<Vec<f64>> = scores.collect();
    let scores = scores.ok_or(Refusal::NoFloat)?;
    let nothing_to_do = database.collection::<SortedSet>(key)?.is_none() && options.present;
    let (mut added, mut updated, mut last) = (0, 0, None);
    if !nothing_to_do {
        let set = database.collection_or_new::<SortedSet>(key)?;
        for (pair, score) in scores.into_iter().enumerate() {
            let member = &pairs[2 * pair + 1];
            let old = set.score(member);
            last = options.new_score(old, score)?;
            if let Some(new) = last.filter(|new| old != Some(*new)) {
                // Zero is kept without a sign, as Redis keeps it in small sets.
                set.insert(Text::from(member), new + 0.0);
                added += usize::from(old.is_none());
                updated += usize::from(old.is_some());
            }
        }
        database.changed(added + updated);
    }
    match (options.adds, last) {
        (true, Some(score)) => reply.double(score),
        (true, None) => reply.null(),
        (false, _) if options.count_changed => reply.count(added + updated),
        (false, _) => reply.count(added),
    }
    Ok(())
}

pub(super) fn zrem(
    database: &mut Database<'_>,
    words: Words<'_>,
    reply: &mut Reply<'_>,
) -> Outcome {
    let Some(set) = database.collection_mut::<SortedSet>(&words[1])? else {
        reply.count(0);
        return Ok(());
    };
    let removed = words.iter_from(2);
    let removed = removed
        .filter(|member| set.remove(member).is_some())
        .count();
    database.remove_if_empty::<SortedSet>(&words[1]);
    database.changed(removed);
    reply.count(removed);
    Ok(())
}

pub(super) fn zcard(
    database: &mut Database<'_>,
    words: Words<'_>,
    reply: &mut Reply<'_>,
) -> Outcome {
    let set = database.collection::<SortedSet>(&words[1])?;
    reply.count(set.map_or(0, SortedSet::len));
    Ok(())
}

pub(super) fn zscore(
    database: &mut Database<'_>,
    words: Words<'_>,
    reply: &mut Reply<'_>,
) -> Outcome {
    let set = database.collection::<SortedSet>(&words[1])?;
    match set.and_then(|set| set.score(&words[2])) {
        Some(score) => reply.double(score),
        None => reply.null(),
    }
    Ok(())
}

pub(super) fn zmscore(
    database: &mut Database<'_>,
    words: Words<'_>,
    reply: &mut Reply<'_>,
) -> Outcome {
    let set = database.collection::<SortedSet>(&words[1])?;
    reply.array(words.len() - 2);
    for member in words.iter_from(2) {
        match set.and_then(|set| set.score(member)) {
            Some(score) => reply.double(score),
            None => reply.null(),
        }
    }
    Ok(())
}

pub(super) fn zrank(
    database: &mut Database<'_>,
    words: Words<'_>,
    reply: &mut Reply<'_>,
) -> Outcome {
    let set = database.collection::<SortedSet>(&words[1])?;
    match set.and_then(|set| set.rank(&words[2])) {
        Some(rank) => reply.count(rank),
        None => reply.null(),
    }
    Ok(())
}

pub(super) fn zrevrank(
    database: &mut Database<'_>,
    words: Words<'_>,
    reply: &mut Reply<'_>,
) -> Outcome {
    let set = database.collection::<SortedSet>(&words[1])?;
    match set.and_then(|set| Some(set.len() - 1 - set.rank(&words[2])?)) {
        Some(rank) => reply.count(rank),
        None => reply.null(),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::server::commands::tests::{run, session};

    #[test]
    fn members_have_scores_and_the_set_goes_with_the_last() {
        session(|database| {
            assert_eq!(run(database, "ZADD a 1 x 2 y"), ":2\r\n");
            assert_eq!(run(database, "ZADD a CH 3 x 2 y"), ":1\r\n");
            assert_eq!(run(database, "ZSCORE a x"), "$1\r\n3\r\n");
            assert_eq!(run(database, "ZADD a INCR 0.5 x"), "$3\r\n3.5\r\n");
            assert_eq!(run(database, "ZINCRBY a -1 none"), "$2\r\n-1\r\n");
            assert_eq!(run(database, "ZRANK a x"), ":2\r\n");
            run(database, "ZADD zero -0 x");
            assert_eq!(run(database, "ZSCORE zero x"), "$1\r\n0\r\n");
            assert_eq!(run(database, "ZREVRANK a x"), ":0\r\n");
            assert_eq!(run(database, "ZREM a x y none nobody"), ":3\r\n");
            assert_eq!(run(database, "EXISTS a"), ":0\r\n");
        });
    }

    #[test]
    fn options_hold_scores_back() {
        session(|database| {
            run(database, "ZADD a 5 x");
            assert_eq!(run(database, "ZADD a GT CH 4 x 4 y"), ":1\r\n");
            assert_eq!(run(database, "ZADD a LT CH 6 x"), ":0\r\n");
            assert_eq!(run(database, "ZADD a XX 1 z"), ":0\r\n");
            assert_eq!(run(database, "ZADD a NX INCR 1 x"), "$-1\r\n");
            assert_eq!(run(database, "ZADD none XX 1 z"), ":0\r\n");
            assert_eq!(run(database, "EXISTS none"), ":0\r\n");
            assert_eq!(run(database, "ZCARD a"), ":2\r\n");
        });
    }

    #[test]
    fn sums_that_are_no_number_are_refused() {
        session(|database| {
            run(database, "ZADD a inf x");
            let refused = "-ERR resulting score is not a number (NaN)\r\n";
            assert_eq!(run(database, "ZINCRBY a -inf x"), refused);
            assert_eq!(run(database, "ZSCORE a x"), "$3\r\ninf\r\n");
            assert_eq!(
                run(database, "ZADD a nan x"),
                "-ERR value is not a valid float\r\n"
            );
            assert_eq!(
                run(database, "ZADD a 1"),
                "-ERR wrong number of arguments for 'zadd' command\r\n"
            );
            assert_eq!(run(database, "ZADD a 1 x 2"), "-ERR syntax error\r\n");
        });
    }
}
