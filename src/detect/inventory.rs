//! Uses against the inventory's word: after the end that it sets, or outside of what it allows.

use crate::activity::{Outcome, Usage};
use crate::baseline::Dimension;
use crate::baseline::terms::TermEntry;
use crate::identity::Declared;
use crate::time::{DAY_MS, HOUR_MS};

use super::explain;
use super::families::{Match, REFUSED_SHARE, Subject};

/// Allowed values spelled out in what was expected; the rest are counted.
const SPELLED_OUT: usize = 4;

pub(super) fn expired(bits: f32, subject: Subject<'_>) -> Option<Match> {
    let Subject { event, declared, .. } = subject;
    let declared = declared.filter(|declared| declared.is_expired_at(event.time))?;
    let end = declared.expires_at?;
    // That it is retired is told already.
    if event.usage == Usage::Unproven || declared.is_retired_at(event.time) {
        return None;
    }
    let is_refused = event.outcome == Outcome::Denied;
    let day = &end.to_rfc3339()[..10];
    Some(Match {
        peak: 0.0,
        extra: if is_refused { bits * REFUSED_SHARE } else { bits },
        harmless: 0.0,
        reason: format!("expired on {day}, used {} later", span(event.time.millis_since(end))),
        expected: format!("no use after {}", end.to_rfc3339()),
        observed: explain::shortened(&event.action()),
    })
}

/// `20 minutes`, `5 hours`, `3 days`: whole ones, rounded down.
fn span(millis: i64) -> String {
    let (count, unit) = match millis {
        DAY_MS.. => (millis / DAY_MS, "day"),
        HOUR_MS.. => (millis / HOUR_MS, "hour"),
        _ => (millis / 60_000, "minute"),
    };
    format!("{count} {unit}{}", if count == 1 { "" } else { "s" })
}

pub(super) fn outside(bits: f32, known_days: u32, subject: Subject<'_>) -> Option<Match> {
    let Subject { event, declared, .. } = subject;
    // A name that was only tried says nothing about who has it.
    let declared = declared.filter(|_| event.usage != Usage::Unproven)?;
    let is_news = |dimension: Dimension| !is_known(dimension, known_days, subject);
    let is_service = declared.forbids_service(event) && is_news(Dimension::Service);
    let is_network = declared.forbids_origin(&event.origin) && is_news(Dimension::Network);
    let service =
        is_service.then(|| (format!("service {}", explain::shortened(&event.service)), services(declared)));
    let network = is_network.then(|| (format!("network {}", network(subject)), networks(declared)));
    let hour = declared
        .allowed_schedule
        .as_deref()
        .filter(|_| declared.forbids_time(event) && !is_known_hour(known_days, subject));
    let hour =
        hour.map(|schedule| (format!("time {}", schedule.hour_of(event.time)), format!("hours {schedule}")));
    let (seen, allowed): (Vec<String>, Vec<String>) = [service, network, hour].into_iter().flatten().unzip();
    (!seen.is_empty()).then(|| Match {
        peak: bits,
        extra: 0.0,
        harmless: 0.0,
        reason: format!("outside of what the inventory allows: {}", seen.join(", ")),
        expected: allowed.join("; "),
        observed: seen.join(", "),
    })
}

/// Whether the identity has used this value in peace for so long that its declaration is what is wrong.
fn is_known(dimension: Dimension, known_days: u32, subject: Subject<'_>) -> bool {
    let Subject { event, behaviour, .. } = subject;
    let known_ms = i64::from(known_days) * DAY_MS;
    let is_old =
        |entry: &TermEntry| entry.is_learned() && event.time.millis_since(entry.first_seen()) >= known_ms;
    dimension.value_of(event, str::to_owned).is_some_and(|value| {
        behaviour.values(dimension).iter().any(|e| e.term.as_str() == value && is_old(e))
    })
}

/// Whether the identity was at work at this hour of the week for so many weeks that its declaration is what is wrong.
fn is_known_hour(known_days: u32, subject: Subject<'_>) -> bool {
    let hours = &subject.behaviour.volume.rhythm.hours;
    hours.weeks_at(subject.event.time.hour_of_week()) >= known_days.div_ceil(7)
}

fn network(subject: Subject<'_>) -> String {
    let origin = &subject.event.origin;
    origin.network.as_deref().map_or_else(|| explain::origin(subject.event), explain::shortened)
}

fn services(declared: &Declared) -> String {
    listed("services", declared.allowed_services.iter().map(String::as_str))
}

fn networks(declared: &Declared) -> String {
    let shown: Vec<String> = declared.allowed_networks.iter().map(ToString::to_string).collect();
    listed("networks", shown.iter().map(String::as_str))
}

fn listed<'a>(what: &str, all: impl ExactSizeIterator<Item = &'a str>) -> String {
    let rest = all.len().saturating_sub(SPELLED_OUT);
    let more = if rest > 0 { format!(" and {rest} more") } else { String::new() };
    let named: Vec<String> = all.take(SPELLED_OUT).map(explain::shortened).collect();
    format!("{what} {}{more}", named.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_and_lists_read_as_a_person_says_them() {
        let spans = [20 * 60_000, HOUR_MS, DAY_MS - 1, DAY_MS, 3 * DAY_MS].map(span);
        assert_eq!(spans, ["20 minutes", "1 hour", "23 hours", "1 day", "3 days"]);
        assert_eq!(listed("services", ["s3", "kms"].into_iter()), "services s3, kms");
        assert_eq!(listed("services", ["a"; 6].into_iter()), "services a, a, a, a and 2 more");
    }
}
