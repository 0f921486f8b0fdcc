//! What something took: on the clock, and of the processor.

use std::time::Instant;

use rustix::time::{ClockId, clock_gettime};

/// Seconds on the clock, and seconds of all cores together.
#[derive(Clone, Copy)]
pub(crate) struct Time {
    pub(crate) wall: f64,
    pub(crate) cpu: f64,
}

pub(crate) fn timed(work: impl FnOnce()) -> Time {
    let cpu = || {
        let now = clock_gettime(ClockId::ProcessCPUTime);
        seconds(now.tv_sec, now.tv_nsec)
    };
    let (start, cpu_before) = (Instant::now(), cpu());
    work();
    Time {
        wall: start.elapsed().as_secs_f64(),
        cpu: cpu() - cpu_before,
    }
}

#[expect(clippy::cast_precision_loss, reason = "seconds of a process")]
fn seconds(whole: i64, nanoseconds: i64) -> f64 {
    whole as f64 + nanoseconds as f64 / 1e9
}
