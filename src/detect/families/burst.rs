//! Bursts: much more than usual within an hour, of events, denials, different actions or services, bytes.

use crate::baseline::rate::Burst;
use crate::detect::detector::{BurstOf, Rule};
use crate::detect::explain;

use super::{Match, Subject};

/// What each doubling of a burst weighs on top of the least that counts: back-fills and month ends are some times the usual, theft
/// is many times.
const RATIO_BITS: f32 = 5.0;

pub(super) fn burst(rule: &Rule, subject: Subject<'_>) -> Option<Match> {
    let Rule::Burst { events, min_events, min_ratio, min_bits, max_bits } = rule else { return None };
    let bursts = &subject.sighting.bursts;
    let burst = match events {
        BurstOf::All => bursts.events,
        BurstOf::OddHour => bursts.odd_hour,
        BurstOf::Denied => bursts.denied,
        BurstOf::Actions => bursts.actions,
        BurstOf::Services => bursts.services,
        BurstOf::ServicesInMinute => bursts.services_in_minute,
        BurstOf::Bytes => bursts.bytes,
    };
    let least = (burst.peak.max(burst.mean).max(1.0) * min_ratio).max(*min_events as f32);
    let above = burst.count as f32 / least;
    (above >= 1.0 && burst.bits >= *min_bits).then(|| {
        let (reason, expected, observed) = words(*events, burst, subject);
        let peak = burst.bits.min(max_bits + above.log2() * RATIO_BITS);
        Match { peak, extra: 0.0, reason, expected, observed }
    })
}

/// Why it is a signal, what was expected, and what was seen.
fn words(events: BurstOf, burst: Burst, subject: Subject<'_>) -> (String, String, String) {
    let span = if events == BurstOf::ServicesInMinute { "minute" } else { "hour" };
    let amount = |value: f64| amount(events, value);
    let seen = amount(burst.count as f64);
    let (usual, most) = (amount(f64::from(burst.mean)), amount(f64::from(burst.peak)));
    if events == BurstOf::OddHour {
        let hour = explain::hour(subject.event.time.hour_of_week());
        let habit = match burst.mean {
            mean if mean < 1.0 => "it never works".to_owned(),
            _ => format!("it has at most {usual}"),
        };
        let any = amount(f64::from(subject.behaviour.volume.rhythm.rate.mean()));
        return (
            format!("{seen} within an hour; on {hour}, give or take an hour, {habit}"),
            format!("on {hour}, give or take an hour, {habit}; {any} in an active hour"),
            format!("{seen} in the hour so far"),
        );
    }
    let busy = if span == "minute" { "the busiest minute of an active hour" } else { "an active hour" };
    (
        format!(
            "{seen} within {} {span}, {usual} in {busy} is usual",
            if span == "hour" { "an" } else { "a" }
        ),
        format!("about {usual} in {busy}, at most {most}"),
        format!("{seen} in the {span} so far"),
    )
}

/// So much of what counts: `3,014 events`, `12 different services`, `1.4 GB taken out`.
fn amount(events: BurstOf, value: f64) -> String {
    let what = match events {
        BurstOf::All | BurstOf::OddHour => "events",
        BurstOf::Denied => "denied events",
        BurstOf::Actions => "different actions",
        BurstOf::Services | BurstOf::ServicesInMinute => "different services",
        BurstOf::Bytes => return format!("{} taken out", explain::bytes(value)),
    };
    format!("{} {what}", explain::number(value))
}
