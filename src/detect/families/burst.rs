//! Bursts: much more than usual within an hour, of events, denials, different actions or services, bytes.

use crate::baseline::rate::Burst;
use crate::detect::burst_of::BurstOf;
use crate::detect::detector::Rule;
use crate::detect::explain;

use super::{Match, Subject};

/// What each doubling of a burst weighs on top of the least that counts: back-fills and month ends are some times the usual, theft
/// is many times.
const RATIO_BITS: f32 = 3.0;

/// Different calls that a broken deployment is refused over and over. A search is refused many; no burst of denials weighs more than a
/// search of as many calls over this number does.
const BROKEN_CALLS: f32 = 2.0;

pub(super) fn burst(rule: &Rule, subject: Subject<'_>) -> Option<Match> {
    let Rule::Burst { events, min_events, min_ratio, min_bits, max_bits } = rule else { return None };
    let burst = events.among(&subject.sighting.bursts);
    let least = (burst.peak.max(burst.mean).max(1.0) * min_ratio).max(*min_events as f32);
    let above = burst.count as f32 / least;
    let calls = (*events == BurstOf::Denied).then_some(subject.sighting.bursts.denied_calls);
    let doubled = above.min(calls.map_or(above, |calls| (calls as f32 / BROKEN_CALLS).max(1.0)));
    let hour = subject.event.time.hour_of_week();
    let any_hour = subject.behaviour.volume.rhythm.rate.mean();
    (above >= 1.0 && burst.bits >= *min_bits).then(|| {
        let (reason, expected) = match events {
            BurstOf::OddHour => odd_hour(burst, hour, any_hour),
            BurstOf::RefusedCalls => of_seldom_used(burst),
            other => usual(*other, burst),
        };
        let reason = match calls {
            Some(calls) => of_calls(&reason, calls),
            None => reason,
        };
        let peak = burst.bits.min(max_bits + doubled.log2() * RATIO_BITS);
        Match {
            peak,
            extra: 0.0,
            harmless: 0.0,
            reason,
            expected,
            observed: format!("{} so far", seen(*events, burst)),
        }
    })
}

/// With what tells a search from a broken deployment.
fn of_calls(reason: &str, calls: u64) -> String {
    match calls {
        0 | 1 => format!("{reason}; all of one call"),
        calls => format!("{reason}; of {} different calls", explain::number(calls as f64)),
    }
}

/// Why so much at this time of the week is a signal, and what was expected. An active hour has `any_hour` on average.
fn odd_hour(burst: Burst, hour: u8, any_hour: f32) -> (String, String) {
    let habit = if burst.mean < 1.0 {
        "never works".to_owned()
    } else {
        format!("has at most {}", amount(BurstOf::OddHour, burst.mean.into()))
    };
    let usual = format!("on {}, give or take an hour, it {habit}", explain::hour(hour));
    let any = amount(BurstOf::OddHour, any_hour.into());
    (
        format!("{}; {usual}", seen(BurstOf::OddHour, burst)),
        format!("{usual}; about {any} in any active hour"),
    )
}

/// The same, of an identity that is seldom used.
fn of_seldom_used(burst: Burst) -> (String, String) {
    let reason = format!(
        "{}, and it is so seldom used that nothing is usual of it",
        seen(BurstOf::RefusedCalls, burst)
    );
    (reason, "a few at most: who is let in knows what for".into())
}

/// Why so much is a signal, and what was expected.
fn usual(events: BurstOf, burst: Burst) -> (String, String) {
    let span = match events {
        BurstOf::ServicesInMinute => "the busiest minute of an active hour",
        _ => "an active hour",
    };
    let (mean, most) = (amount(events, burst.mean.into()), amount(events, burst.peak.into()));
    let reason = format!("{}, where {mean} in {span} are usual", seen(events, burst));
    (reason, format!("about {mean} in {span}, at most {most}"))
}

/// What was seen: `3,014 events within an hour`.
fn seen(events: BurstOf, burst: Burst) -> String {
    let span = if events == BurstOf::ServicesInMinute { "a minute" } else { "an hour" };
    format!("{} within {span}", amount(events, burst.count as f64))
}

/// So much of what counts: `3,014 events`, `12 different services`, `1.4 GB taken out`.
fn amount(events: BurstOf, value: f64) -> String {
    let what = match events {
        BurstOf::All | BurstOf::OddHour => "events",
        BurstOf::Denied => "denied events",
        BurstOf::RefusedCalls => "different refused calls",
        BurstOf::Actions => "different actions",
        BurstOf::Services | BurstOf::ServicesInMinute => "different services",
        BurstOf::Bytes => return format!("{} taken out", explain::bytes(value)),
    };
    format!("{} {what}", explain::number(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn burst(count: u64, mean: f32, peak: f32) -> Burst {
        Burst { count, mean, peak, bits: 10.0 }
    }

    #[test]
    fn a_burst_is_told_in_numbers_that_an_analyst_can_check() {
        let (reason, expected) = odd_hour(burst(3_014, 12.0, 190.0), 6 * 24 + 14, 81.6);
        assert_eq!(
            reason,
            "3,014 events within an hour; on Sunday 14:00 UTC, give or take an hour, it has at most 12 events"
        );
        assert_eq!(
            expected,
            "on Sunday 14:00 UTC, give or take an hour, it has at most 12 events; about 82 events in any active hour"
        );
        let (reason, _) = odd_hour(burst(3_014, 0.0, 100.0), 14, 10_000.0);
        assert_eq!(
            reason,
            "3,014 events within an hour; on Monday 14:00 UTC, give or take an hour, it never works"
        );
    }

    #[test]
    fn each_kind_is_told_in_its_own_unit() {
        let told = |events, count, mean, peak| usual(events, burst(count, mean, peak));
        assert_eq!(
            told(BurstOf::All, 1_024, 20.4, 23.0),
            (
                "1,024 events within an hour, where 20 events in an active hour are usual".into(),
                "about 20 events in an active hour, at most 23 events".into()
            )
        );
        let (reason, _) = told(BurstOf::Bytes, 9_000_000_000, 1_200_000.0, 3e6);
        assert_eq!(
            reason,
            "9.0 GB taken out within an hour, where 1.2 MB taken out in an active hour are usual"
        );
        let (reason, expected) = told(BurstOf::ServicesInMinute, 8, 1.3, 2.0);
        assert_eq!(
            reason,
            "8 different services within a minute, where 1.3 different services in the busiest minute of an active hour are usual"
        );
        assert!(expected.ends_with("at most 2 different services"), "{expected}");
    }
}
