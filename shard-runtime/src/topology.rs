//! Cores: which of them this process may use, and which a shard is pinned to.

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use std::num::NonZero;
use std::thread::available_parallelism;

/// Whether shard threads are bound to cores.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pinning {
    /// One core per shard, if the process may use more cores than there are shards and no quota
    /// of processor time limits it; otherwise as [`Pinning::Never`].
    ///
    /// The spare core matters: clients and the sink thread run somewhere too, and a thread that is
    /// bound cannot make way for them.
    Auto,
    /// The scheduler places the threads. The default, as it is never badly wrong.
    #[default]
    Never,
}

/// The core for each shard, or `None` where pinning would harm.
pub(crate) fn plan(pinning: Pinning, shards: usize) -> Option<Vec<usize>> {
    match pinning {
        Pinning::Never => None,
        Pinning::Auto => {
            let usable = available_parallelism().map_or(1, NonZero::get);
            choose(&allowed_cores()?, usable, shards)
        }
    }
}

/// `allowed` are the cores the process may run on, `usable` how many of them its quota pays for.
fn choose(allowed: &[usize], usable: usize, shards: usize) -> Option<Vec<usize>> {
    if usable < allowed.len() || allowed.len() <= shards {
        return None;
    }
    // The first core is left to interrupts and clients.
    Some(allowed.iter().copied().skip(1).take(shards).collect())
}

/// Binds the calling thread to `core`.
pub(crate) fn pin_current_thread(core: usize) -> std::io::Result<()> {
    let mut cores = CpuSet::new();
    cores.set(core);
    Ok(sched_setaffinity(None, &cores)?)
}

fn allowed_cores() -> Option<Vec<usize>> {
    let cores = sched_getaffinity(None).ok()?;
    Some(
        (0..CpuSet::MAX_CPU)
            .filter(|&core| cores.is_set(core))
            .collect(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pins_only_with_a_core_to_spare() {
        assert_eq!(choose(&[0, 1, 2, 3], 4, 3), Some(vec![1, 2, 3]));
        assert_eq!(choose(&[0, 1, 2, 3], 4, 4), None);
        assert_eq!(choose(&[0, 1], 2, 5), None);
    }

    #[test]
    fn pins_to_allowed_cores_only() {
        assert_eq!(choose(&[4, 6, 9], 3, 2), Some(vec![6, 9]));
    }

    #[test]
    fn quota_below_the_cores_forbids_pinning() {
        assert_eq!(choose(&[0, 1, 2, 3], 2, 1), None);
    }

    #[test]
    fn pinned_thread_may_run_on_that_core_only() {
        let core = *allowed_cores().unwrap().last().unwrap();
        let cores = crate::spawn_named("pinned", move || {
            pin_current_thread(core).unwrap();
            allowed_cores().unwrap()
        });
        assert_eq!(cores.join().unwrap(), vec![core]);
    }
}
