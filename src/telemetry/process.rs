//! What the operating system says about this process (Linux; elsewhere nothing is reported).

use std::fs;

use prometheus::{Counter, Gauge, IntGauge};

use super::catalog;
use super::families::Families;

/// Clock ticks a second in `/proc/*/stat`: the kernel reports at 100 whatever it runs at (`man 5 proc`, `USER_HZ`).
const TICKS_PER_SECOND: f64 = 100.0;

/// The process as metrics.
pub(super) struct Process {
    resident: IntGauge,
    resident_peak: IntGauge,
    cpu: Counter,
    threads: IntGauge,
    open_fds: IntGauge,
    start: Gauge,
}

impl Process {
    /// All zero until the first refresh.
    pub(super) fn new(families: &mut Families) -> Self {
        Self {
            resident: families.gauge(&catalog::PROCESS_RESIDENT),
            resident_peak: families.gauge(&catalog::PROCESS_RESIDENT_PEAK),
            cpu: families.real_counter(&catalog::PROCESS_CPU),
            threads: families.gauge(&catalog::PROCESS_THREADS),
            open_fds: families.gauge(&catalog::PROCESS_OPEN_FDS),
            start: families.real_gauge(&catalog::PROCESS_START),
        }
    }

    /// Looks again.
    pub(super) fn refresh(&self) {
        let usage = usage();
        self.resident.set(usage.resident_bytes);
        self.resident_peak.set(usage.resident_peak_bytes);
        self.threads.set(usage.threads);
        self.open_fds.set(usage.open_fds);
        self.start.set(usage.start_seconds);
        self.cpu.inc_by((usage.cpu_seconds - self.cpu.get()).max(0.0));
    }
}

/// One look at the process.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Usage {
    /// Resident memory.
    resident_bytes: i64,
    /// Most resident memory so far.
    resident_peak_bytes: i64,
    /// Threads.
    threads: i64,
    /// Open file descriptors.
    open_fds: i64,
    /// User and system CPU time.
    cpu_seconds: f64,
    /// Start, in seconds since 1970.
    start_seconds: f64,
}

/// Looks at this process; what cannot be read is 0.
fn usage() -> Usage {
    let mut usage = Usage { open_fds: count_fds(), ..Usage::default() };
    if let Ok(status) = fs::read_to_string("/proc/self/status") {
        read_status(&status, &mut usage);
    }
    if let (Ok(stat), Ok(system)) = (fs::read_to_string("/proc/self/stat"), fs::read_to_string("/proc/stat"))
    {
        read_stat(&stat, &system, &mut usage);
    }
    usage
}

fn count_fds() -> i64 {
    // The listing itself holds one descriptor open.
    fs::read_dir("/proc/self/fd").map_or(0, |entries| entries.count().saturating_sub(1) as i64)
}

fn read_status(status: &str, usage: &mut Usage) {
    for (key, value) in status.lines().filter_map(|line| line.split_once(':')) {
        let number =
            || value.split_whitespace().next().and_then(|word| word.parse::<i64>().ok()).unwrap_or(0);
        match key {
            "VmRSS" => usage.resident_bytes = number() * 1024,
            "VmHWM" => usage.resident_peak_bytes = number() * 1024,
            "Threads" => usage.threads = number(),
            _ => {}
        }
    }
}

fn read_stat(stat: &str, system: &str, usage: &mut Usage) {
    // The program's name stands in parentheses and may hold anything; fields are counted after it, from the third.
    let after_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let fields: Vec<f64> = after_name.split_whitespace().map(|field| field.parse().unwrap_or(0.0)).collect();
    let field = |number: usize| fields.get(number - 3).copied().unwrap_or(0.0) / TICKS_PER_SECOND;
    let boot =
        system.lines().find_map(|line| line.strip_prefix("btime ")?.trim().parse().ok()).unwrap_or(0.0);
    usage.cpu_seconds = field(14) + field(15);
    usage.start_seconds = boot + field(22);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_counted_after_the_name() {
        let mut usage = Usage::default();
        let stat = "7 (a) (b) S 1 7 7 0 -1 4194304 100 0 0 0 250 50 0 0 20 0 9 0 12345 0 0";
        read_stat(stat, "cpu 1 2\nbtime 1700000000\n", &mut usage);
        assert_eq!((usage.cpu_seconds, usage.start_seconds), (3.0, 1_700_000_123.45));
    }

    #[test]
    fn memory_is_given_in_bytes() {
        let mut usage = Usage::default();
        read_status("Name:\tx\nVmHWM:\t   20 kB\nVmRSS:\t   10 kB\nThreads:\t3\n", &mut usage);
        assert_eq!((usage.resident_bytes, usage.resident_peak_bytes, usage.threads), (10_240, 20_480, 3));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_process_is_seen() {
        let usage = usage();
        assert!(
            usage.resident_bytes > 0 && usage.threads > 0 && usage.open_fds > 0 && usage.start_seconds > 1e9
        );
    }
}
