//! Compares the sixteen bytes of a bucket's group with one byte, at once.
//!
//! One file for each machine, all with the same function.

// The oracle of the others, and the fallback where there is no other.
#[cfg(all(target_arch = "aarch64", target_endian = "little"))]
mod neon;
#[cfg(any(
    test,
    not(any(
        target_arch = "x86_64",
        all(target_arch = "aarch64", target_endian = "little")
    ))
))]
mod scalar;
#[cfg(target_arch = "x86_64")]
mod sse2;

#[cfg(all(target_arch = "aarch64", target_endian = "little"))]
pub(crate) use neon::{equal, prefetch};
#[cfg(not(any(
    target_arch = "x86_64",
    all(target_arch = "aarch64", target_endian = "little")
)))]
pub(crate) use scalar::{equal, prefetch};
#[cfg(target_arch = "x86_64")]
pub(crate) use sse2::{equal, prefetch};
