//! How much an identity does: events, denied events, different actions and services, bytes taken out.

use xxhash_rust::xxh3::xxh3_64;

use crate::activity::{Event, Outcome};
use crate::time::EventTime;

use super::dimension::Dimension;
use super::fan_out::{FanOut, Refused, Used};
use super::rate::{Burst, HourlyRate};
use super::rhythm::Rhythm;
use super::transfer::Transfer;

/// Days of life after which what an identity has shown counts as its usual: each day of the week twice. Until then the most of an
/// hour is learned at once.
const YOUNG_DAYS: u32 = 14;

/// Fewest different refused calls of an hour that are judged of who is seldom used: a broken deployment is refused a few.
const MIN_REFUSED: u64 = 8;

/// How much an identity does by the hour.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Volume {
    /// All events but those that were throttled.
    pub rhythm: Rhythm,
    /// Denied events.
    pub denied: HourlyRate,
    /// Different actions and services.
    pub fan_out: FanOut,
    /// Bytes taken out, where the log tells of any.
    pub transfer: Option<Box<Transfer>>,
}

/// What was judged with an event, and nothing of what was not.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Bursts {
    /// Events of this hour.
    pub events: Burst,
    /// Events of this hour, against what this time of the week has.
    pub odd_hour: Burst,
    /// Denied events of this hour.
    pub denied: Burst,
    /// Different calls among them: by action, and by what was acted on where that says something. Attempts of somebody who did not prove
    /// to be the identity are each one of their own.
    pub denied_calls: u64,
    /// The same, of an identity that is seldom used. Nothing is usual of it: each is a surprise of its own. Judged is what grew.
    pub refused_calls: Burst,
    /// Different actions of this hour.
    pub actions: Burst,
    /// Different services of this hour.
    pub services: Burst,
    /// Different services of this minute.
    pub services_in_minute: Burst,
    /// Bytes taken out in this hour.
    pub bytes: Burst,
}

impl Bursts {
    /// Whether anything was judged.
    #[must_use]
    pub const fn is_judged(&self) -> bool {
        let Self {
            events,
            odd_hour: _,
            denied,
            denied_calls: _,
            refused_calls,
            actions,
            services,
            services_in_minute,
            bytes,
        } = self;
        // Each is counted where it is not 0.
        let in_an_hour = events.count | denied.count | refused_calls.count | actions.count | services.count;
        in_an_hour | services_in_minute.count | bytes.count != 0
    }
}

/// How far an identity is known.
#[derive(Clone, Copy, Debug)]
pub struct Acquaintance {
    /// Days of observed life.
    pub age_days: u32,
    /// Whether what is new in it means anything.
    pub is_settled: bool,
    /// Whether it does not because it is seldom used, however long it has been known.
    pub is_seldom_used: bool,
}

impl Volume {
    /// Counts an event. Bursts of events do not wait for the identity to be settled, the others do. Of one that may never be, being
    /// seldom used, different refused calls are told.
    pub fn observe(&mut self, event: &Event<'_>, known: Acquaintance) -> Bursts {
        let (hour, is_young) = (event.time.hour(), known.age_days < YOUNG_DAYS);
        let mut bursts = Bursts::default();
        // A refused hurry is retried: what was throttled is the same call again.
        if !is_throttled(event) {
            (bursts.events, bursts.odd_hour) = self.rhythm.count(hour, is_young);
        }
        let [actions, services, services_in_minute] =
            self.fan_out.count(minute(event.time), used(event), is_young);
        let (denied, Refused { calls: denied_calls, is_new }) = self.count_denied(event, is_young);
        let bytes = self.add_bytes(event, is_young);
        if known.is_settled {
            bursts = Bursts { denied, denied_calls, actions, services, services_in_minute, bytes, ..bursts };
        } else {
            bursts.odd_hour = Burst::default();
        }
        if known.is_seldom_used && is_new && denied_calls >= MIN_REFUSED {
            bursts.refused_calls =
                Burst { count: denied_calls, bits: denied_calls as f32, ..Burst::default() };
        }
        bursts
    }

    /// Counts an attempt by somebody who did not prove to be the identity. It teaches nothing but the rate of denials.
    pub fn observe_unproven(&mut self, event: &Event<'_>) -> Bursts {
        let denied = self.denied_now(event.time.hour(), false);
        Bursts { denied, denied_calls: denied.count, ..Bursts::default() }
    }

    /// Holds the current hour out of what is learned, as far as a burst showed.
    pub fn hold_out(&mut self, bursts: &Bursts) {
        if bursts.events.bits > 0.0 || bursts.odd_hour.bits > 0.0 {
            self.rhythm.rate.hold_out();
        }
        let is_search = bursts.refused_calls.bits > 0.0;
        if is_search || bursts.denied.bits > 0.0 {
            self.denied.hold_out();
        }
        let broad = [bursts.actions, bursts.services, bursts.services_in_minute];
        if is_search || broad.iter().any(|burst| burst.bits > 0.0) {
            self.fan_out.hold_out();
        }
        if let Some(transfer) = self.transfer.as_deref_mut().filter(|_| bursts.bytes.bits > 0.0) {
            transfer.hold_out();
        }
    }

    fn count_denied(&mut self, event: &Event<'_>, is_young: bool) -> (Burst, Refused) {
        if event.outcome != Outcome::Denied {
            return Default::default();
        }
        let refused = self.fan_out.count_refused(minute(event.time), call(event));
        (self.denied_now(event.time.hour(), is_young), refused)
    }

    fn denied_now(&mut self, hour: u32, is_young: bool) -> Burst {
        self.denied.count(hour, is_young);
        self.denied.judged(hour).unwrap_or_default()
    }

    fn add_bytes(&mut self, event: &Event<'_>, is_young: bool) -> Burst {
        let Some(bytes) = event.bytes_out.filter(|bytes| *bytes > 0) else { return Burst::default() };
        let transfer = self.transfer.get_or_insert_default();
        transfer.add(event.time.hour(), bytes, is_young).unwrap_or_default()
    }
}

/// Minutes since 1970.
fn minute(time: EventTime) -> u32 {
    u32::try_from(time.secs() / 60).unwrap_or(u32::MAX)
}

fn used(event: &Event<'_>) -> Used {
    let service = xxh3_64(event.service.as_bytes());
    Used { action: service.rotate_left(1) ^ xxh3_64(event.operation.as_bytes()), service }
}

/// The hash of a call: the action, and what was acted on where that says something.
fn call(event: &Event<'_>) -> u64 {
    let of = |dimension: Dimension| dimension.value_of(event, |value| xxh3_64(value.as_bytes()));
    [Dimension::Resource, Dimension::Role]
        .into_iter()
        .filter_map(of)
        .fold(used(event).action, |hash, on| hash.rotate_left(1) ^ on)
}

/// Whether a call was turned away for coming too fast.
fn is_throttled(event: &Event<'_>) -> bool {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::testing::Sample;
    use crate::monitor::fixture;
    use crate::time::MINUTE_MS;

    const KNOWN: Acquaintance = Acquaintance { age_days: 30, is_settled: true, is_seldom_used: false };

    /// One that has read an object of a megabyte each minute of three hours a day, for a month.
    fn reader() -> Volume {
        let mut volume = Volume::default();
        for day in 0..30 {
            for minute in 0..180 {
                observe(&mut volume, &megabyte(), day * 1_440 + minute);
            }
        }
        volume
    }

    fn megabyte() -> Sample {
        Sample { bytes_out: Some(1_000_000), ..Sample::default() }
    }

    fn observe(volume: &mut Volume, sample: &Sample, minute: i64) -> Bursts {
        let activity = fixture::activity("reader", sample, minute * MINUTE_MS, "event");
        volume.observe(&activity.event, KNOWN)
    }

    #[test]
    fn an_identity_takes_little_room() {
        assert!(size_of::<Volume>() <= 200, "{}", size_of::<Volume>());
    }

    #[test]
    fn the_usual_is_judged_and_weighs_nothing() {
        let mut volume = reader();
        let judged = (0..60).map(|minute| observe(&mut volume, &megabyte(), 30 * 1_440 + minute));
        let judged: Vec<Bursts> = judged.filter(Bursts::is_judged).collect();
        assert!(!judged.is_empty());
        assert!(judged.iter().all(|bursts| bursts.events.bits == 0.0 && bursts.bytes.bits < 1.0));
    }

    #[test]
    fn what_is_throttled_counts_for_nothing_and_what_is_denied_counts_twice() {
        let mut volume = reader();
        let before = volume.rhythm.clone();
        let sample = Sample { outcome: Outcome::Denied, ..Sample::default() };
        let mut activity = fixture::activity("reader", &sample, 31 * 1_440 * MINUTE_MS, "event");
        activity.event.error_code = Some("ThrottlingException".into());
        let judged: Vec<Bursts> = (0..64).map(|_| volume.observe(&activity.event, KNOWN)).collect();
        assert_eq!(volume.rhythm, before);
        assert!(judged.iter().any(|bursts| bursts.denied.count == 64));
    }

    /// Guarantees that one refused call, however often it is tried, is told from a search.
    #[test]
    fn refused_calls_are_told_apart_by_action_and_resource() {
        let calls = |action: fn(i64) -> String, resource: fn(i64) -> String| {
            let mut volume = reader();
            let refused = |number: i64| Sample {
                action: action(number),
                resource: Some(resource(number)),
                outcome: Outcome::Denied,
                ..Sample::default()
            };
            (0..20)
                .map(|number| observe(&mut volume, &refused(number), 31 * 1_440 + number).denied_calls)
                .max()
        };
        let (one, many) = (|_| "s3:GetObject".to_owned(), |number| format!("ec2:Describe{number}"));
        assert_eq!(
            calls(one, |number| format!("arn:aws:s3:::own/{number}")),
            Some(1),
            "objects of one bucket"
        );
        assert!(calls(one, |number| format!("arn:aws:s3:::bucket-{number}")) >= Some(17));
        assert!(calls(many, |_| "i-1".to_owned()) >= Some(17));
    }

    #[test]
    fn an_hour_that_raised_an_alert_teaches_none_of_what_showed_in_it() {
        let (mut volume, theft) = (reader(), Sample { bytes_out: Some(1 << 40), ..Sample::default() });
        let bursts = observe(&mut volume, &theft, 30 * 1_440);
        assert!(bursts.bytes.bits > 10.0, "{bursts:?}");
        volume.hold_out(&bursts);
        let after = observe(&mut volume, &theft, 31 * 1_440);
        assert!(after.bytes.mean < 1e8 && after.bytes.peak < 1e8, "{after:?}");
    }

    #[test]
    fn of_the_young_only_bursts_of_events_are_told() {
        let mut volume = reader();
        let young = Acquaintance { age_days: 3, is_settled: false, is_seldom_used: false };
        let theft = Sample { bytes_out: Some(1 << 40), ..Sample::default() };
        let activity = fixture::activity("reader", &theft, 30 * 1_440 * MINUTE_MS, "event");
        let told: Vec<Bursts> = (0..200).map(|_| volume.observe(&activity.event, young)).collect();
        assert!(told.iter().all(|bursts| bursts.bytes.count == 0 && bursts.odd_hour.count == 0));
        assert!(told.iter().any(|bursts| bursts.events.count > 100));
    }

    /// So many different refused calls from a time on (milliseconds), by one that is seldom used or is not.
    fn refused(volume: &mut Volume, is_seldom_used: bool, calls: i64, from: i64) -> Vec<Bursts> {
        let known = Acquaintance { age_days: 30, is_settled: !is_seldom_used, is_seldom_used };
        let refused = |number: i64| {
            let action = format!("iam:List{number}");
            let sample = Sample { action, outcome: Outcome::Denied, ..Sample::default() };
            let event = format!("{from}-{number}");
            let activity = fixture::activity("reader", &sample, from + number * 1_000, &event);
            volume.observe(&activity.event, known)
        };
        (0..calls).map(refused).collect()
    }

    const NOW: i64 = 31 * 1_440 * MINUTE_MS;

    #[test]
    fn different_refused_calls_are_told_of_the_seldom_used_alone() {
        let told = |is_seldom_used| -> Vec<u64> {
            let told = refused(&mut reader(), is_seldom_used, 20, NOW);
            told.iter().map(|bursts| bursts.refused_calls.count).filter(|count| *count > 0).collect()
        };
        assert!(
            told(true).first() == Some(&MIN_REFUSED) && told(true).last() >= Some(&17),
            "{:?}",
            told(true)
        );
        assert_eq!(told(false), [0; 0]);
    }

    #[test]
    fn refused_calls_that_come_again_or_late_are_not_told() {
        let mut volume = reader();
        refused(&mut volume, true, 20, NOW);
        for from in [NOW, NOW - 60 * MINUTE_MS] {
            let again = refused(&mut volume, true, 20, from);
            assert!(again.iter().all(|bursts| bursts.refused_calls == Burst::default()), "{from}");
        }
    }

    #[test]
    fn an_hour_of_a_search_teaches_nothing() {
        let learned = |is_held_out: bool| {
            let mut volume = reader();
            let told = refused(&mut volume, true, 40, NOW);
            told.iter().filter(|_| is_held_out).for_each(|bursts| volume.hold_out(bursts));
            observe(&mut volume, &Sample { outcome: Outcome::Denied, ..megabyte() }, 33 * 1_440);
            volume.denied.mean()
        };
        assert!(learned(true) < learned(false), "{} {}", learned(true), learned(false));
    }
}
