//! Time that a benchmark measures.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// How long `work` took, and what came of it.
pub(crate) fn timed<R>(work: impl FnOnce() -> R) -> (Duration, R) {
    let start = clock();
    let result = work();
    (clock().saturating_sub(start), result)
}

/// CPU time of this thread where the system tells it (Linux), so that a busy machine slows but does not mislead; or
/// else time since the first call.
fn clock() -> Duration {
    static START: OnceLock<Instant> = OnceLock::new();
    let cpu = || std::fs::read_to_string("/proc/thread-self/schedstat").ok()?.split(' ').next()?.parse().ok();
    #[expect(clippy::disallowed_methods, reason = "a benchmark measures elapsed time")]
    let elapsed = || START.get_or_init(Instant::now).elapsed();
    cpu().map_or_else(elapsed, Duration::from_nanos)
}
