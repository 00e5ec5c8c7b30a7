//! Which events make an hour busier, and when an hour is looked at.

use crate::activity::Event;

use super::behaviour::Burst;
use super::rate::HourlyRate;

/// Whether a call was turned away for coming too fast.
pub(super) fn is_throttled(event: &Event<'_>) -> bool {
    /// How providers say so, in error codes (`ThrottlingException`, `SlowDown`, `RequestLimitExceeded`, …).
    const WORDS: [&str; 6] = [
        "Throttl",
        "SlowDown",
        "RequestLimitExceeded",
        "TooManyRequests",
        "RateExceeded",
        "ProvisionedThroughput",
    ];
    let code = event.error_code.as_deref().unwrap_or_default();
    WORDS.iter().any(|word| code.contains(word))
}

/// Counts an event; judges the hour now and then, so that bursts cost little.
pub(super) fn counted(rate: &mut HourlyRate, hour: u32) -> Burst {
    let count = rate.count(hour);
    let is_judged = hour == rate.current_hour() && count >= 8 && is_judged_at(count);
    if is_judged {
        Burst { count, mean: rate.mean(), peak: rate.peak(), bits: rate.surprise_bits() }
    } else {
        Burst::default()
    }
}

/// At powers of two and half-way between them, and from 256 on at each multiple of that.
const fn is_judged_at(count: u32) -> bool {
    let third = count / 3;
    count.is_power_of_two()
        || (count.is_multiple_of(3) && third.is_power_of_two())
        || count.is_multiple_of(256)
}
