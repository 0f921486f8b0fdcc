//! Ranges of sorted sets: ZRANGE by rank, score or text, ZCOUNT.

use std::ops::Range;

use crate::object::SortedSet;
use crate::server::command::Outcome;
use crate::server::commands::list;
use crate::server::database::Database;
use crate::server::number::{parse_bound, parse_integer};
use crate::server::refusal::Refusal;
use crate::server::reply::{Protocol, Reply};
use crate::server::words::Words;

/// What the bounds of a range are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum By {
    Rank,
    Score,
    Text,
}

#[derive(Debug)]
struct RangeOptions {
    by: By,
    reversed: bool,
    with_scores: bool,
    /// How many to pass over, and how many to tell after that; negative for all.
    limit: Option<(i64, i64)>,
}

impl RangeOptions {
    fn parse(options: Words<'_>) -> Result<Self, Refusal> {
        let mut parsed = Self {
            by: By::Rank,
            reversed: false,
            with_scores: false,
            limit: None,
        };
        let mut options = options.iter();
        while let Some(option) = options.next() {
            let is = |name: &[u8]| option.eq_ignore_ascii_case(name);
            match () {
                () if is(b"withscores") => parsed.with_scores = true,
                () if is(b"limit") && options.len() >= 2 => {
                    let mut number = || options.next().and_then(parse_integer);
                    let offset = number().ok_or(Refusal::NoInteger)?;
                    parsed.limit = Some((offset, number().ok_or(Refusal::NoInteger)?));
                }
                () if is(b"rev") && !parsed.reversed => parsed.reversed = true,
                () if is(b"byscore") && parsed.by == By::Rank => parsed.by = By::Score,
                () if is(b"bylex") && parsed.by == By::Rank => parsed.by = By::Text,
                () => return Err(Refusal::Syntax),
            }
        }
        // All of them is no limit.
        let has_limit = parsed.limit.is_some_and(|(_, count)| count != -1);
        if has_limit && parsed.by == By::Rank {
            let what =
                "syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX";
            return Err(Refusal::other(what));
        }
        if parsed.with_scores && parsed.by == By::Text {
            let what = "syntax error, WITHSCORES not supported in combination with BYLEX";
            return Err(Refusal::other(what));
        }
        Ok(parsed)
    }
}

/// A bound of a range of scores.
#[derive(Debug, Clone, Copy)]
struct ScoreBound {
    score: f64,
    exclusive: bool,
}

impl ScoreBound {
    fn parse(word: &[u8]) -> Result<Self, Refusal> {
        let (exclusive, text) = match word {
            [b'(', text @ ..] => (true, text),
            text => (false, text),
        };
        // No digits at all count as none.
        let score = if text.is_empty() {
            Some(0.0)
        } else {
            parse_bound(text)
        };
        let score = score.ok_or(Refusal::NoScoreRange)?;
        Ok(Self { score, exclusive })
    }

    /// How many members come before a range that begins with this bound.
    fn first(self, set: &SortedSet) -> usize {
        if self.exclusive {
            rank_behind(set, self.score)
        } else {
            set.rank_of_score(self.score)
        }
    }

    /// How many members there are up to the end of a range that ends with this bound.
    fn end(self, set: &SortedSet) -> usize {
        if self.exclusive {
            set.rank_of_score(self.score)
        } else {
            rank_behind(set, self.score)
        }
    }
}

/// How many members have scores up to this one.
fn rank_behind(set: &SortedSet, score: f64) -> usize {
    let above = score.next_up();
    // Nothing is above infinity.
    if above > score {
        set.rank_of_score(above)
    } else {
        set.len()
    }
}

/// A bound of a range of members with equal scores, in the order of their bytes.
#[derive(Debug, Clone, Copy)]
enum TextBound<'a> {
    /// `-`: before all.
    Least,
    /// `+`: behind all.
    Greatest,
    /// `[text`
    At(&'a [u8]),
    /// `(text`
    Beyond(&'a [u8]),
}

impl<'a> TextBound<'a> {
    fn parse(word: &'a [u8]) -> Result<Self, Refusal> {
        match word {
            b"-" => Ok(Self::Least),
            b"+" => Ok(Self::Greatest),
            [b'[', text @ ..] => Ok(Self::At(text)),
            [b'(', text @ ..] => Ok(Self::Beyond(text)),
            _ => Err(Refusal::NoTextRange),
        }
    }

    fn first(self, set: &SortedSet) -> usize {
        match self {
            Self::Least => 0,
            Self::Greatest => set.len(),
            Self::At(text) => partition(set, |member| member < text),
            Self::Beyond(text) => partition(set, |member| member <= text),
        }
    }

    fn end(self, set: &SortedSet) -> usize {
        match self {
            Self::Least => 0,
            Self::Greatest => set.len(),
            Self::At(text) => partition(set, |member| member <= text),
            Self::Beyond(text) => partition(set, |member| member < text),
        }
    }
}

/// How many members at the begin are so; those behind must not be. O(log n) lookups.
fn partition(set: &SortedSet, is_so: impl Fn(&[u8]) -> bool) -> usize {
    let mut range = 0..set.len();
    while !range.is_empty() {
        let middle = range.start + range.len() / 2;
        let member = set.range(middle..middle + 1).next();
        if member.is_some_and(|(member, _)| is_so(member)) {
            range.start = middle + 1;
        } else {
            range.end = middle;
        }
    }
    range.start
}

/// A range, before the set is known.
#[derive(Debug, Clone, Copy)]
enum Bounds<'a> {
    Ranks((i64, i64)),
    Scores(ScoreBound, ScoreBound),
    Texts(TextBound<'a>, TextBound<'a>),
}

impl<'a> Bounds<'a> {
    fn parse(words: &'a Words<'a>, options: &RangeOptions) -> Result<Self, Refusal> {
        let (mut low, mut high) = (&words[2], &words[3]);
        match options.by {
            By::Rank => return Ok(Self::Ranks(list::parse_bounds(*words)?)),
            By::Score | By::Text if options.reversed => (low, high) = (high, low),
            By::Score | By::Text => {}
        }
        Ok(if options.by == By::Score {
            Self::Scores(ScoreBound::parse(low)?, ScoreBound::parse(high)?)
        } else {
            Self::Texts(TextBound::parse(low)?, TextBound::parse(high)?)
        })
    }

    /// The ranks of the members in the range, from the lowest score on.
    fn ranks(self, set: &SortedSet, options: &RangeOptions) -> Range<usize> {
        let len = set.len();
        let range = match self {
            Self::Ranks(bounds) if options.reversed => {
                let range = list::within(bounds, len);
                return len - range.end..len - range.start;
            }
            Self::Ranks(bounds) => return list::within(bounds, len),
            Self::Scores(low, high) => low.first(set)..high.end(set),
            Self::Texts(low, high) => low.first(set)..high.end(set),
        };
        let Some((offset, count)) = options.limit else {
            return range;
        };
        let Ok(offset) = usize::try_from(offset) else {
            return 0..0;
        };
        let taken = range.len().saturating_sub(offset);
        let taken = usize::try_from(count).map_or(taken, |count| taken.min(count));
        if options.reversed {
            let end = range.end.saturating_sub(offset).max(range.start);
            end - taken..end
        } else {
            let start = range
                .start
                .saturating_add(offset)
                .min(range.end.max(range.start));
            start..start + taken
        }
    }
}

pub(super) fn zrange(
    database: &mut Database<'_>,
    words: Words<'_>,
    reply: &mut Reply<'_>,
) -> Outcome {
    let options = RangeOptions::parse(words.part(4, words.len()))?;
    let bounds = Bounds::parse(&words, &options)?;
    let Some(set) = database.collection::<SortedSet>(&words[1])? else {
        reply.array(0);
        return Ok(());
    };
    let ranks = bounds.ranks(set, &options);
    let in_pairs = options.with_scores && reply.protocol() == Protocol::Three;
    let words_each = if options.with_scores && !in_pairs {
        2
    } else {
        1
    };
    reply.array(ranks.len() * words_each);
    let mut tell = |(member, score): (&[u8], f64)| {
        if in_pairs {
            reply.array(2);
        }
        reply.bulk(member);
        if options.with_scores {
            reply.double(score);
        }
    };
    if options.reversed {
        let members: Vec<_> = set.range(ranks).collect();
        members.into_iter().rev().for_each(tell);
    } else {
        set.range(ranks).for_each(&mut tell);
    }
    Ok(())
}

pub(super) fn zcount(
    database: &mut Database<'_>,
    words: Words<'_>,
    reply: &mut Reply<'_>,
) -> Outcome {
    let (low, high) = (ScoreBound::parse(&words[2])?, ScoreBound::parse(&words[3])?);
    let set = database.collection::<SortedSet>(&words[1])?;
    reply.count(set.map_or(0, |set| (low.first(set)..high.end(set)).len()));
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::server::commands::tests::{run, session};

    /// What ZRANGE replies, the words alone.
    fn range(arguments: &str) -> String {
        let mut found = String::new();
        session(|database| {
            run(database, "ZADD a 1 a 2 b 2 c 3 d");
            run(database, "ZADD t 0 a 0 b 0 c 0 d");
            let reply = run(database, &format!("ZRANGE {arguments}"));
            let lines = reply.lines().filter(|line| !line.starts_with(['*', '$']));
            found = lines.collect::<Vec<_>>().join(" ");
        });
        found
    }

    #[test]
    fn ranges_have_bounds_of_three_kinds_in_both_orders() {
        for (arguments, expected) in [
            ("a 0 -1", "a b c d"),
            ("a 0 1 REV", "d c"),
            ("a 1 2 WITHSCORES", "b 2 c 2"),
            ("a 2 +inf BYSCORE", "b c d"),
            ("a (2 +inf BYSCORE", "d"),
            ("a -inf (2 BYSCORE", "a"),
            ("a +inf -inf BYSCORE REV LIMIT 1 2", "c b"),
            ("a -inf +inf BYSCORE LIMIT 1 -1", "b c d"),
            ("a -inf +inf BYSCORE LIMIT -1 2", ""),
            ("a -inf +inf BYSCORE LIMIT 9 2", ""),
            ("a 3 1 BYSCORE", ""),
            ("a 1 2 LIMIT 1 -1", "b c"),
            ("t [b + BYLEX", "b c d"),
            ("t - (c BYLEX", "a b"),
            ("t (c - BYLEX REV LIMIT 0 1", "b"),
            ("t + - BYLEX", ""),
            ("none 0 -1", ""),
        ] {
            assert_eq!(range(arguments), expected, "{arguments}");
        }
    }

    #[test]
    fn what_does_not_go_together_is_refused() {
        for (arguments, start) in [
            ("a 0 1 LIMIT 0 1", "-ERR syntax error, LIMIT"),
            ("a - + BYLEX WITHSCORES", "-ERR syntax error, WITHSCORES"),
            ("a 0 1 LIMIT 0", "-ERR syntax error"),
            ("a x 1", "-ERR value is not an integer"),
            ("a x 1 BYSCORE", "-ERR min or max is not a float"),
            ("a 0 1 REV REV", "-ERR syntax error"),
            ("a 0 1 BYSCORE BYSCORE", "-ERR syntax error"),
            ("a - + BYLEX BYSCORE", "-ERR syntax error"),
            ("a x 1 BYLEX", "-ERR min or max not valid string range item"),
        ] {
            assert!(range(arguments).starts_with(start), "{arguments}");
        }
    }

    #[test]
    fn members_are_counted_by_score() {
        session(|database| {
            run(database, "ZADD a 1 a 2 b 2 c 3 d");
            assert_eq!(run(database, "ZCOUNT a 2 3"), ":3\r\n");
            assert_eq!(run(database, "ZCOUNT a (2 (3"), ":0\r\n");
            assert_eq!(run(database, "ZCOUNT a -inf inf"), ":4\r\n");
        });
    }
}
