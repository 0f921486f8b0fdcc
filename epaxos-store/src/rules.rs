//! What may replace what: the rules that keep a replica's votes and decisions.

use std::borrow::Cow;

use crate::error::StoreError;
use crate::instance::Instance;

/// What is stored when `new` is written over `old`; none if that is what is stored already.
///
/// - A ballot, and the ballot of a vote, never goes back. A commit is right in whatever ballot it
///   comes, so it keeps the higher ballot of what is stored instead of being refused.
/// - Two votes in one ballot are votes for the same.
/// - Committed commands and dependencies never change, nor does a commit go away. The same
///   commit again changes nothing, also of an instance that is executed by now.
/// - Executed stays executed.
///
/// # Errors
///
/// What [`Instance::check`] refuses, [`StoreError::StaleBallot`], [`StoreError::StaleVote`],
/// [`StoreError::VoteChanged`], [`StoreError::CommitChanged`].
pub(crate) fn admit<'a>(
    old: Option<&Instance>,
    new: &'a Instance,
) -> Result<Option<Cow<'a, Instance>>, StoreError> {
    new.check()?;
    let mut kept = Cow::Borrowed(new);
    let Some(old) = old else {
        return Ok(Some(kept));
    };
    let is_same = old.commands == new.commands && old.dependencies == new.dependencies;
    if old.committed && !(new.committed && is_same) {
        return Err(StoreError::CommitChanged {
            have: Box::new(old.clone()),
            got: Box::new(new.clone()),
        });
    }
    if new.committed {
        let ballot = old.ballot.max(new.ballot);
        let vote_ballot = old.vote_ballot.max(new.vote_ballot);
        let executed = old.executed || new.executed;
        if (ballot, vote_ballot, executed) != (new.ballot, new.vote_ballot, new.executed) {
            kept = Cow::Owned(Instance {
                ballot,
                vote_ballot,
                executed,
                ..new.clone()
            });
        }
    } else {
        check_ballots(old, new, is_same)?;
    }
    Ok((*kept != *old).then_some(kept))
}

fn check_ballots(old: &Instance, new: &Instance, is_same: bool) -> Result<(), StoreError> {
    let id = old.id;
    if new.ballot < old.ballot {
        return Err(StoreError::StaleBallot {
            id,
            have: old.ballot,
            got: new.ballot,
        });
    }
    let Some(have) = old.vote_ballot else {
        return Ok(());
    };
    if new.vote_ballot < Some(have) {
        return Err(StoreError::StaleVote {
            id,
            have,
            got: new.vote_ballot,
        });
    }
    if new.vote_ballot == Some(have) && !is_same {
        return Err(StoreError::VoteChanged {
            have: Box::new(old.clone()),
            got: Box::new(new.clone()),
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::instance::{Ballot, Command, Dependency, InstanceId, ReplicaId};

    const ID: InstanceId = InstanceId {
        replica: ReplicaId(1),
        index: 0,
    };

    fn ballot(number: i32) -> Ballot {
        Ballot {
            number,
            replica: ReplicaId(1),
        }
    }

    fn instance(number: i32, vote: Option<i32>, value: u8, committed: bool) -> Instance {
        Instance {
            id: ID,
            ballot: ballot(number),
            vote_ballot: vote.map(ballot),
            commands: vec![Command::Get { key: vec![value] }],
            dependencies: Some(vec![Dependency {
                id: ID,
                sequence: u64::from(value),
            }]),
            committed,
            executed: false,
        }
    }

    #[test]
    fn a_promise_is_kept() {
        let old = instance(4, None, 0, false);
        let refused = StoreError::StaleBallot {
            id: ID,
            have: ballot(4),
            got: ballot(3),
        };
        let lower = instance(3, None, 0, false);
        assert_eq!(admit(Some(&old), &lower), Err(refused.clone()));
        assert_eq!(
            refused.to_string(),
            "instance 1/0 promised ballot 4.1, refused 3.1"
        );
    }

    #[test]
    fn a_vote_is_neither_lowered_nor_forgotten_nor_changed() {
        let old = instance(4, Some(3), 0, false);
        let stale = |got| {
            Err(StoreError::StaleVote {
                id: ID,
                have: ballot(3),
                got,
            })
        };
        let lower = instance(5, Some(2), 0, false);
        assert_eq!(admit(Some(&old), &lower), stale(Some(ballot(2))));
        let forgotten = instance(5, None, 0, false);
        assert_eq!(admit(Some(&old), &forgotten), stale(None));
        let other = instance(5, Some(3), 1, false);
        assert!(matches!(
            admit(Some(&old), &other),
            Err(StoreError::VoteChanged { .. })
        ));
        let higher = instance(5, Some(5), 1, false);
        assert_eq!(admit(Some(&old), &higher), Ok(Some(Cow::Borrowed(&higher))));
    }

    #[test]
    fn a_commit_is_taken_in_a_lower_ballot_and_keeps_the_higher_one() {
        let old = instance(4, Some(3), 0, false);
        let commit = instance(1, None, 1, true);
        let kept = admit(Some(&old), &commit).unwrap().unwrap();
        assert_eq!(
            (kept.ballot, kept.vote_ballot),
            (ballot(4), Some(ballot(3)))
        );
        assert_eq!(kept.commands, commit.commands);
        assert!(kept.committed);
    }

    #[test]
    fn the_same_commit_again_changes_nothing_and_another_is_refused() {
        let mut old = instance(4, Some(3), 0, true);
        old.executed = true;
        assert_eq!(admit(Some(&old), &instance(1, None, 0, true)), Ok(None));
        for other in [
            instance(4, Some(3), 1, true),
            instance(4, Some(3), 0, false),
        ] {
            let refused = admit(Some(&old), &other).unwrap_err();
            let StoreError::CommitChanged { have, got } = refused else {
                panic!("{refused}");
            };
            assert_eq!((*have, *got), (old.clone(), other));
        }
    }

    fn instances() -> impl Strategy<Value = Instance> {
        let votes = proptest::option::of(0..4_i32);
        (0..4_i32, votes, 0..2_u8, any::<bool>(), any::<bool>()).prop_map(
            |(number, vote, value, committed, executed)| Instance {
                executed: executed && committed,
                ..instance(
                    number,
                    vote.filter(|vote| *vote <= number),
                    value,
                    committed,
                )
            },
        )
    }

    proptest! {
        #[test]
        fn nothing_ever_goes_back(writes in proptest::collection::vec(instances(), 1..30)) {
            let mut old: Option<Instance> = None;
            for new in writes {
                let kept = match admit(old.as_ref(), &new) {
                    Ok(kept) => kept,
                    Err(error) => {
                        prop_assert!(error.is_refusal());
                        continue;
                    }
                };
                let kept = kept.map(Cow::into_owned).or_else(|| old.clone()).unwrap();
                prop_assert_eq!(kept.check(), Ok(()));
                if let Some(old) = &old {
                    prop_assert!(kept.ballot >= old.ballot);
                    prop_assert!(kept.vote_ballot >= old.vote_ballot);
                    prop_assert!(kept.committed >= old.committed);
                    prop_assert!(kept.executed >= old.executed);
                    if old.committed {
                        prop_assert_eq!(&kept.commands, &old.commands);
                        prop_assert_eq!(&kept.dependencies, &old.dependencies);
                    }
                }
                old = Some(kept);
            }
        }
    }
}
