//! The instances that are written, and how the store is opened that writes them.

use std::time::Duration;

use epaxos_store::{
    Ballot, Command, Dependency, Instance, InstanceId, Options, ReplicaId, Store, TxnOptions,
    encode_instance,
};

pub(crate) const ME: ReplicaId = ReplicaId(1);

/// Bytes of the value that an instance sets.
pub(crate) const VALUE_BYTES: usize = 128;

/// What is done to an instance.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Work {
    /// A new instance.
    Propose,
    /// A vote on an instance that is there.
    Accept,
    /// Its command's effect, and that it is executed.
    Execute,
}

impl Work {
    pub(crate) const ALL: [Self; 3] = [Self::Propose, Self::Accept, Self::Execute];

    /// Bytes of keys and values that are written for it.
    pub(crate) fn logged_bytes(self) -> u64 {
        const KEY_BYTES: usize = 16;
        let record = [0, 8 + 8 + VALUE_BYTES][usize::from(self == Self::Execute)];
        (KEY_BYTES + encode_instance(&instance(0, self)).len() + record) as u64
    }
}

pub(crate) fn id(index: u64) -> InstanceId {
    InstanceId { replica: ME, index }
}

/// The key that instance `index` sets: spread out, as users' keys are.
pub(crate) fn key(index: u64) -> [u8; 8] {
    index.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes()
}

/// Instance `index` once this is done to it.
pub(crate) fn instance(index: u64, work: Work) -> Instance {
    let ballot = Ballot {
        number: 1,
        replica: ME,
    };
    Instance {
        commands: vec![Command::Set {
            key: key(index).to_vec(),
            value: vec![b'v'; VALUE_BYTES],
        }],
        dependencies: Some(vec![Dependency {
            id: id(index / 2),
            sequence: 1,
        }]),
        vote_ballot: (work != Work::Propose).then_some(ballot),
        committed: work == Work::Execute,
        executed: work == Work::Execute,
        ..Instance::promised(id(index), ballot)
    }
}

pub(crate) fn options() -> Options {
    Options {
        retention: Duration::ZERO,
        clock_step_max: Duration::from_hours(24),
        purge_instances_max: u64::MAX,
        ..Options::new(ME)
    }
}

/// One transaction of the store, on disk when this returns.
pub(crate) fn transact(store: &Store, index: u64, work: Work) {
    let instance = instance(index, work);
    let mut txn = store.begin(TxnOptions::default());
    match work {
        Work::Propose => txn.set_instance(&instance).unwrap(),
        Work::Accept => txn.update_instance(&instance).unwrap(),
        Work::Execute => {
            let key = key(index);
            txn.get_kv_for_update(&key).unwrap();
            txn.set_kv(&key, &[b'v'; VALUE_BYTES]).unwrap();
            txn.update_instance(&instance).unwrap();
        }
    }
    txn.commit().unwrap();
}
