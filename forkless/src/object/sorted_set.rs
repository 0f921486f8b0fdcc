//! Sorted sets: members in the order of their scores, and found by themselves.

use std::cmp::Ordering;
use std::ops::Range;

use snapshot::Copies;

use crate::object::delta::Step;
use crate::object::hashed::{Hashed, Place, hash_of};
use crate::object::log::Log;
use crate::object::pieces::{Encoded, Part};
use crate::object::text::Text;
use crate::object::tree::{Element, Tree, View};

/// A member with its hash, to find its score by.
#[derive(Debug, Clone)]
struct Scored {
    hash: u64,
    member: Text,
    score: f64,
}

impl Element for Scored {
    type Mark = u64;

    fn mark(&self) -> &u64 {
        &self.hash
    }

    fn weight_bytes(&self) -> usize {
        size_of::<u64>() + size_of::<f64>() + self.member.weight_bytes()
    }
}

impl Hashed for Scored {
    fn key(&self) -> &[u8] {
        self.member.as_bytes()
    }
}

/// A member in the order of scores.
#[derive(Debug, Clone)]
pub(crate) struct Ranked {
    score: f64,
    member: Text,
}

impl Element for Ranked {
    type Mark = Self;

    fn mark(&self) -> &Self {
        self
    }

    fn weight_bytes(&self) -> usize {
        size_of::<f64>() + self.member.weight_bytes()
    }
}

impl Encoded for Ranked {
    fn part(&self, index: usize) -> Option<Part<'_>> {
        match index {
            0 => Some(Part::Text(&self.member)),
            1 => Some(Part::Score(self.score)),
            _ => None,
        }
    }
}

impl Ranked {
    fn compare(&self, score: f64, member: &[u8]) -> Ordering {
        // No score is NaN, so they compare.
        let scores = self.score.partial_cmp(&score).unwrap_or(Ordering::Equal);
        scores.then_with(|| self.member.as_bytes().cmp(member))
    }
}

/// Members with scores: each costs O(log n) to find, to rank, to add or remove.
///
/// ```
/// let mut board = forkless::SortedSet::new();
/// board.insert(b"ada"[..].into(), 2.0);
/// board.insert(b"bob"[..].into(), 1.0);
/// assert_eq!(board.rank(b"ada"), Some(1));
/// assert_eq!(board.insert(b"ada"[..].into(), 0.5), Some(2.0));
/// assert_eq!(board.range(0..1).next(), Some((&b"ada"[..], 0.5)));
/// ```
#[derive(Debug, Default)]
pub struct SortedSet {
    by_member: Tree<Scored>,
    by_score: Tree<Ranked>,
    log: Log,
}

impl SortedSet {
    /// A sorted set without members.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many members.
    pub fn len(&self) -> usize {
        self.by_score.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The score of a member.
    pub fn score(&self, member: &[u8]) -> Option<f64> {
        self.by_member.get_key(member).map(|scored| scored.score)
    }

    /// Adds a member, or gives it another score; the score that it had.
    ///
    /// # Panics
    ///
    /// When the score is not a number.
    pub fn insert(&mut self, member: Text, score: f64) -> Option<f64> {
        assert!(!score.is_nan(), "scores are in an order");
        self.log.record(self.by_score.weight_bytes(), |out| {
            Step::Score(member.as_bytes(), score).write(out);
        });
        let member = member.shared();
        let hash = hash_of(member.as_bytes());
        let place = self.by_member.find(member.as_bytes(), hash);
        let scored = Scored {
            hash,
            member: member.clone(),
            score,
        };
        let old = match place {
            Place::At(index) => self.by_member.replace(index, scored).map(|old| old.score),
            Place::Before(index) => {
                self.by_member.insert(index, scored);
                None
            }
        };
        if let Some(old) = old {
            self.by_score.remove(self.place(old, member.as_bytes()));
        }
        let place = self.place(score, member.as_bytes());
        self.by_score.insert(place, Ranked { score, member });
        old
    }

    /// Removes a member; its score.
    pub fn remove(&mut self, member: &[u8]) -> Option<f64> {
        let score = self.by_member.remove_key(member)?.score;
        self.by_score.remove(self.place(score, member));
        self.log.record(self.by_score.weight_bytes(), |out| {
            Step::Gone(member).write(out);
        });
        Some(score)
    }

    /// How many members come before this one: those of lower scores, and those of the same score
    /// that are less as bytes.
    pub fn rank(&self, member: &[u8]) -> Option<usize> {
        Some(self.place(self.score(member)?, member))
    }

    /// How many members have lower scores; with `range`, what has scores from this one on.
    pub fn rank_of_score(&self, score: f64) -> usize {
        self.place(score, b"")
    }

    /// The members with ranks in `range`, as far as there are such, and their scores. O(log n) to
    /// begin with.
    pub fn range(&self, range: Range<usize>) -> impl ExactSizeIterator<Item = (&[u8], f64)> {
        self.by_score
            .iter_from(range.start)
            .take(range.len())
            .map(|ranked| (ranked.member.as_bytes(), ranked.score))
    }

    /// All members and their scores, in the order of the scores.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&[u8], f64)> {
        self.range(0..self.len())
    }

    /// Members and scores from `cursor` on, about `count` of them, in no order, and the next
    /// cursor: 0 at the end.
    ///
    /// Who begins with 0 and goes on until 0 comes back has met every member that was there all
    /// the while, each once.
    pub fn scan(&self, cursor: u64, count: usize) -> (Vec<(&[u8], f64)>, u64) {
        let (members, next) = self.by_member.scan(cursor, count);
        let pairs = members
            .into_iter()
            .map(|scored| (scored.key(), scored.score));
        (pairs.collect(), next)
    }

    /// How many members are less: of a lower score, or of this one and less as bytes.
    fn place(&self, score: f64, member: &[u8]) -> usize {
        self.by_score
            .partition_point(|ranked| ranked.compare(score, member).is_lt())
    }

    pub(crate) fn log(&self) -> &Log {
        &self.log
    }

    pub(crate) fn tree(&self) -> &Tree<Ranked> {
        &self.by_score
    }

    /// A view of the members in the order of their scores; nothing else is shared.
    pub(crate) fn freeze(&self, copies: &Copies) -> View<Ranked> {
        self.by_score.freeze(copies)
    }
}

impl FromIterator<(Text, f64)> for SortedSet {
    /// A sorted set of these; of equal members the last one counts.
    ///
    /// # Panics
    ///
    /// When a score is not a number.
    fn from_iter<I: IntoIterator<Item = (Text, f64)>>(members: I) -> Self {
        let scored = members.into_iter().map(|(text, score)| {
            assert!(!score.is_nan(), "scores are in an order");
            Scored {
                hash: hash_of(text.as_bytes()),
                member: text.shared(),
                score,
            }
        });
        let by_member = Tree::from_unsorted(scored.collect());
        let ranked = by_member.iter().map(|scored| Ranked {
            score: scored.score,
            member: scored.member.clone(),
        });
        let mut ranked: Vec<Ranked> = ranked.collect();
        ranked.sort_unstable_by(|a, b| a.compare(b.score, b.member.as_bytes()));
        Self {
            by_member,
            by_score: ranked.into_iter().collect(),
            log: Log::default(),
        }
    }
}
