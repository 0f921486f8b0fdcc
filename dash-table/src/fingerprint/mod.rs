//! Compares the sixteen bytes of a bucket's group with one byte, at once.

// The oracle of the others, and the fallback where there is no other.
#[cfg(any(test, not(target_arch = "x86_64")))]
mod scalar;
#[cfg(target_arch = "x86_64")]
mod sse2;

#[cfg(not(target_arch = "x86_64"))]
pub(crate) use scalar::equal;
#[cfg(target_arch = "x86_64")]
pub(crate) use sse2::equal;
