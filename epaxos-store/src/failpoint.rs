//! Places where a test may end the process, as a power cut would between two steps.
//!
//! With the feature `failpoints`, the process aborts at the one that the environment's
//! `EPAXOS_STORE_FAILPOINT` names. Without it, nothing of this is compiled.

/// Passes the failpoint `name`, or ends the process there.
#[cfg(feature = "failpoints")]
pub(crate) fn pass(name: &str) {
    if std::env::var_os("EPAXOS_STORE_FAILPOINT").is_some_and(|wanted| wanted == name) {
        std::process::abort();
    }
}

/// Passes the failpoint `name`.
#[cfg(not(feature = "failpoints"))]
#[inline]
pub(crate) fn pass(_name: &str) {}
