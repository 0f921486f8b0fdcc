//! A closure that waits for its one call, kept inline when it is small.
//!
//! A boxed closure costs its sender an allocation, and a free on another thread. Most messages
//! capture a few words, so a [`Job`] has room for some; a larger closure goes into a box, whose
//! pointer is then the closure that the job keeps.
#![expect(
    unsafe_code,
    reason = "keeps closures of any type in plain words; all of it is in this file"
)]

use std::fmt;
use std::mem::{ManuallyDrop, MaybeUninit, align_of, size_of};

/// Words that a closure may capture without a box. One more makes a job a cache line of 64 bytes.
pub(crate) const INLINE_WORDS: usize = 7;

type Words = [MaybeUninit<usize>; INLINE_WORDS];

/// What to do with a closure: call it with a target, or drop it without one.
///
/// The pointer leads to a closure that the callee takes over.
type Act<T> = unsafe fn(*mut Words, Option<&mut T>);

/// A closure that is called once with a `&mut T`, on whatever thread, or dropped.
pub(crate) struct Job<T> {
    // Invariant: begins with a valid closure of some `F: Send + 'static`, which this job owns.
    words: Words,
    // Invariant: `act::<T, F>` of that same `F`.
    act: Act<T>,
}

impl<T> Job<T> {
    /// Keeps a closure: inline up to [`INLINE_WORDS`], else in a box.
    pub(crate) fn new<F: FnOnce(&mut T) + Send + 'static>(closure: F) -> Self {
        if fits_inline::<F>() {
            Self::keep(closure)
        } else {
            let boxed = Box::new(closure);
            Self::keep(move |target: &mut T| boxed(target))
        }
    }

    fn keep<F: FnOnce(&mut T) + Send + 'static>(closure: F) -> Self {
        assert!(fits_inline::<F>(), "a closure that needs a box has none");
        let mut words: Words = [MaybeUninit::uninit(); INLINE_WORDS];
        // SAFETY: `F` needs no more bytes than `words` has, nor a larger alignment, as was
        // asserted; and nothing in `words` needs to be dropped.
        unsafe { words.as_mut_ptr().cast::<F>().write(closure) };
        Self {
            words,
            act: act::<T, F>,
        }
    }

    /// Calls the closure.
    pub(crate) fn run(self, target: &mut T) {
        let mut job = ManuallyDrop::new(self);
        let words = &raw mut job.words;
        // SAFETY: the invariants on `words` and `act`. The job is never dropped, so the closure is
        // taken over once, also if it panics.
        unsafe { (job.act)(words, Some(target)) };
    }
}

impl<T> Drop for Job<T> {
    fn drop(&mut self) {
        let words = &raw mut self.words;
        // SAFETY: the invariants on `words` and `act`. A job that ran is not dropped, and what is
        // dropped is not used again, so the closure is taken over once.
        unsafe { (self.act)(words, None) };
    }
}

impl<T> fmt::Debug for Job<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Job").finish_non_exhaustive()
    }
}

/// Whether `F` can be kept in [`Words`].
const fn fits_inline<F>() -> bool {
    size_of::<F>() <= size_of::<Words>() && align_of::<F>() <= align_of::<Words>()
}

/// Calls the closure in `words` if there is a target, and drops it otherwise.
///
/// # Safety
///
/// `words` must begin with a valid `F`. It is moved out: the caller must not use it again.
unsafe fn act<T, F: FnOnce(&mut T)>(words: *mut Words, target: Option<&mut T>) {
    // SAFETY: the caller hands over a valid `F`, and `Words` is aligned for it, as `Job::keep`
    // asserts of every `F` it takes.
    let closure = unsafe { words.cast::<F>().read() };
    if let Some(target) = target {
        closure(target);
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::sync::Arc;

    /// A job that adds the first of `N` captured words, and holds `owned`.
    fn adding<const N: usize>(owned: &Arc<()>) -> Job<usize> {
        let owned = Arc::clone(owned);
        let words: [usize; N] = std::array::from_fn(|index| index + N);
        Job::new(move |sum| {
            *sum += words.iter().sum::<usize>();
            drop(owned);
        })
    }

    #[test]
    fn closures_of_all_sizes_run_and_free_what_they_own() {
        let owned = Arc::new(());
        let mut sum = 0;
        adding::<0>(&owned).run(&mut sum);
        assert_eq!(sum, 0);
        adding::<1>(&owned).run(&mut sum);
        assert_eq!(sum, 1);
        // The last that is inline with the pointer beside it, and the first that is not.
        adding::<6>(&owned).run(&mut sum);
        assert_eq!(sum, 1 + 51);
        adding::<7>(&owned).run(&mut sum);
        assert_eq!(sum, 1 + 51 + 70);
        assert_eq!(Arc::strong_count(&owned), 1);
    }

    #[test]
    fn dropped_jobs_free_what_they_own_and_do_not_run() {
        let owned = Arc::new(());
        let jobs = [adding::<6>(&owned), adding::<7>(&owned)];
        assert_eq!(Arc::strong_count(&owned), 3);
        drop(jobs);
        assert_eq!(Arc::strong_count(&owned), 1);
    }

    #[test]
    fn panic_frees_the_closure_once() {
        let owned = Arc::new(());
        for large in [0, 100] {
            let held = Arc::clone(&owned);
            let weight = vec![0_u8; large];
            let job = Job::new(move |(): &mut ()| {
                let owners = Arc::strong_count(&held);
                assert_eq!(owners, weight.len() + 100, "boom");
            });
            assert!(catch_unwind(AssertUnwindSafe(|| job.run(&mut ()))).is_err());
            assert_eq!(Arc::strong_count(&owned), 1);
        }
    }

    #[test]
    fn strictly_aligned_closure_is_aligned() {
        #[repr(align(64))]
        struct Line(u8);
        let line = Line(7);
        let job = Job::new(move |seen: &mut (usize, u8)| {
            let line = &line;
            *seen = (std::ptr::from_ref(line).addr() % 64, line.0);
        });
        let mut seen = (1, 0);
        job.run(&mut seen);
        assert_eq!(seen, (0, 7));
    }

    #[test]
    fn job_is_one_cache_line_and_may_change_threads() {
        assert_eq!(size_of::<Job<u8>>(), 64);
        let job = adding::<3>(&Arc::new(()));
        let sum = crate::spawn_named("other", move || {
            let mut sum = 0;
            job.run(&mut sum);
            sum
        });
        assert_eq!(sum.join().unwrap(), 12);
    }
}
