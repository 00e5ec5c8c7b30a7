//! Time that a benchmark measures.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// How long `work` took, and what came of it.
pub(crate) fn timed<R>(work: impl FnOnce() -> R) -> (Duration, R) {
    let start = clock();
    let result = work();
    (clock().saturating_sub(start), result)
}

/// How long `work` took on the wall, and what came of it: for what is too short for the other, which Linux counts on as
/// rarely as every few milliseconds.
#[allow(dead_code, reason = "not every benchmark has something that short")]
pub(crate) fn elapsed<R>(work: impl FnOnce() -> R) -> (Duration, R) {
    let start = wall();
    let result = work();
    (wall().saturating_sub(start), result)
}

/// CPU time of this thread where the system tells it (Linux), so that a busy machine slows but does not mislead; or
/// else time since the first call.
fn clock() -> Duration {
    let cpu = || std::fs::read_to_string("/proc/thread-self/schedstat").ok()?.split(' ').next()?.parse().ok();
    cpu().map_or_else(wall, Duration::from_nanos)
}

/// Time since the first call.
fn wall() -> Duration {
    static START: OnceLock<Instant> = OnceLock::new();
    #[expect(clippy::disallowed_methods, reason = "a benchmark measures elapsed time")]
    let elapsed = || START.get_or_init(Instant::now).elapsed();
    elapsed()
}
