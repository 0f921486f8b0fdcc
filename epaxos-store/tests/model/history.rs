//! What can happen to a store, by chance.

use epaxos_store::{Ballot, Command, Instance, InstanceId, ReplicaId};
use proptest::prelude::*;

use crate::{ME, REPLICAS};

/// One thing that is done to the store and to the model.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    SetKv(u8, u8),
    DeleteKv(u8),
    Lock(u8),
    SetInstance(Instance),
    UpdateInstance(Instance),
    MarkExecuted(InstanceId),
    Savepoint,
    RollbackToSavepoint,
    Commit,
    Rollback,
    Walk(ReplicaId, u64, Vec<bool>),
}

/// What happens between transactions.
#[derive(Clone, Debug)]
pub(crate) enum Event {
    /// Transaction 0 or 1 takes a step.
    Step(bool, Step),
    Reopen,
    Announce(ReplicaId, u64),
    Tick(u64),
}

fn ids() -> impl Strategy<Value = InstanceId> {
    let replicas = proptest::sample::select(REPLICAS.to_vec());
    (replicas, 0..6_u64).prop_map(|(replica, index)| InstanceId { replica, index })
}

fn instances() -> impl Strategy<Value = Instance> {
    let ballot = |number| Ballot {
        number,
        replica: ME,
    };
    let fields = (0..3_i32, proptest::option::of(0..3_i32), 0..2_u8);
    let flags = proptest::sample::select(vec![(false, false), (true, false), (true, true)]);
    (ids(), fields, flags, any::<bool>()).prop_map(move |(id, fields, flags, is_known)| {
        let (number, vote, value) = fields;
        Instance {
            id,
            ballot: ballot(number),
            vote_ballot: vote.map(ballot),
            commands: vec![Command::Get { key: vec![value] }],
            dependencies: is_known.then(Vec::new),
            committed: flags.0,
            executed: flags.1,
        }
    })
}

/// Instances as they mostly come: decided and executed in order, so that some can be purged.
fn executed() -> impl Strategy<Value = Instance> {
    ids().prop_map(|id| Instance {
        dependencies: Some(Vec::new()),
        committed: true,
        executed: true,
        ..Instance::promised(
            id,
            Ballot {
                number: 0,
                replica: ME,
            },
        )
    })
}

fn steps() -> impl Strategy<Value = Step> {
    let walks = (
        proptest::sample::select(REPLICAS.to_vec()),
        0..7_u64,
        proptest::collection::vec(any::<bool>(), 0..12),
    );
    prop_oneof![
        3 => (0..4_u8, any::<u8>()).prop_map(|(key, value)| Step::SetKv(key, value)),
        1 => (0..4_u8).prop_map(Step::DeleteKv),
        2 => (0..4_u8).prop_map(Step::Lock),
        4 => instances().prop_map(Step::SetInstance),
        6 => executed().prop_map(Step::SetInstance),
        2 => instances().prop_map(Step::UpdateInstance),
        2 => ids().prop_map(Step::MarkExecuted),
        1 => Just(Step::Savepoint),
        1 => Just(Step::RollbackToSavepoint),
        5 => Just(Step::Commit),
        1 => Just(Step::Rollback),
        3 => walks.prop_map(|(replica, from, steps)| Step::Walk(replica, from, steps)),
    ]
}

pub(crate) fn events() -> impl Strategy<Value = Event> {
    let replicas = proptest::sample::select(REPLICAS.to_vec());
    prop_oneof![
        40 => (any::<bool>(), steps()).prop_map(|(which, step)| Event::Step(which, step)),
        1 => Just(Event::Reopen),
        2 => (replicas, 0..6_u64).prop_map(|(replica, upto)| Event::Announce(replica, upto)),
        4 => (0..4_u64).prop_map(Event::Tick),
    ]
}
