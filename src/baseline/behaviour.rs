//! What an identity normally does: values by dimension, rates and rhythm, and how surprising an event is against them.

use crate::activity::{Event, Outcome};
use crate::config;
use crate::term::Interner;
use crate::time::{DAY_MS, EventTime};

use super::dimension::Dimension;
use super::hours::HourProfile;
use super::novelty::{Innovation, decay_active_days};
use super::rate::HourlyRate;
use super::terms::{Prior, Retention, TermSet, TermSets};

/// Active days before novelty means anything: with fewer, everything is new.
const MIN_ACTIVE_DAYS: f32 = 3.0;

/// Weight of the newest event in the decayed error rate.
const ERROR_RATE_WEIGHT: f32 = 0.01;

/// What an identity normally does.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Behaviour {
    /// Events learned from.
    pub activities: u64,
    /// Decayed count of active days.
    pub active_days: f32,
    /// Newest active day (days since 1970).
    pub last_day: u32,
    /// Longest pause between active days so far, in days.
    pub longest_pause_days: u32,
    /// Values by dimension.
    pub terms: TermSets,
    /// Habit of bringing new values, by dimension.
    pub innovation: [Innovation; 8],
    /// All events.
    pub rate: HourlyRate,
    /// Denied events.
    pub denied_rate: HourlyRate,
    /// Hours of the week.
    pub hours: HourProfile,
    /// Decayed share of events that were denied or failed.
    pub error_rate: f32,
    /// First use with signs of a person.
    pub human_since: Option<EventTime>,
    /// Whether use by a person is part of the baseline.
    pub is_human_use_known: bool,
}

/// What is known of an identity when an event comes, and what in the event is new.
#[derive(Clone, Debug, Default)]
pub struct Sighting {
    /// Surprise of the event's value by dimension, in bits; `None` where it is known or there is none.
    pub new_bits: [Option<f32>; 8],
    /// Whether the identity is known for long enough for novelty to mean anything.
    pub is_settled: bool,
    /// Whole days since the identity was last active; 0 for late events.
    pub pause_days: u32,
    /// Whether the identity's log sources were covered during that pause.
    pub is_pause_covered: bool,
    /// Longest pause before this one.
    pub longest_pause_days: u32,
    /// Events of this hour, and surprise of that many.
    pub burst: Burst,
    /// Denied events of this hour, and surprise of that many.
    pub denied_burst: Burst,
    /// Whether the event has signs of a person that the baseline does not know of.
    pub is_new_human_use: bool,
    /// Days of observed life before this event.
    pub age_days: u32,
    /// Whether the event shows a credential that was never seen before, and the credentials are not overflowing.
    pub has_new_credential: bool,
    /// Values that had to go for new ones.
    pub evictions: u32,
}

impl Sighting {
    /// Whether anything in the event could interest a detector: most events are wholly as usual.
    #[must_use]
    pub fn is_notable(&self) -> bool {
        self.is_new_human_use
            || self.pause_days > 0
            || self.burst.count > 0
            || self.denied_burst.count > 0
            || self.new_bits.iter().any(Option::is_some)
    }
}

/// How many events an hour has, and how surprising that is.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Burst {
    /// Events in the current hour; 0 where nothing was judged.
    pub count: u32,
    /// Mean of an active hour.
    pub mean: f32,
    /// Surprise in bits.
    pub bits: f32,
}

/// Settings of a baseline, in the units used here.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    learning_days: u32,
    memory_ms: i64,
    quarantine_ms: i64,
}

impl Settings {
    /// From the configuration.
    #[must_use]
    pub fn new(baseline: &config::Baseline, detection: &config::Detection) -> Self {
        Self {
            learning_days: baseline.learning_days,
            memory_ms: i64::from(baseline.memory_days) * DAY_MS,
            quarantine_ms: i64::from(detection.quarantine_days) * DAY_MS,
        }
    }

    fn retention(self, dimension: Dimension) -> Retention {
        Retention {
            capacity: dimension.capacity(),
            memory_ms: self.memory_ms,
            quarantine_ms: self.quarantine_ms,
        }
    }
}

impl Behaviour {
    /// Learns from an event, and says what was surprising about it before it was learned.
    ///
    /// `first_seen` is the identity's first use. What is learned here and then raises an alert is held
    /// out again by [`Self::quarantine`].
    pub fn observe(
        &mut self,
        event: &Event<'_>,
        first_seen: Option<EventTime>,
        settings: Settings,
        terms: &Interner,
    ) -> Sighting {
        let age_days = first_seen.map_or(0, |first| event.time.day().saturating_sub(first.day()));
        let pause_days = self.pass_days(event.time);
        let is_settled = age_days >= settings.learning_days && self.active_days >= MIN_ACTIVE_DAYS;
        let mut sighting = Sighting {
            is_settled,
            pause_days,
            longest_pause_days: self.longest_pause_days,
            is_new_human_use: self.observe_human_use(event, is_settled, settings.quarantine_ms),
            age_days,
            ..Sighting::default()
        };
        self.longest_pause_days = self.longest_pause_days.max(pause_days);
        self.activities += 1;
        self.observe_terms(event, settings, terms, &mut sighting);
        self.observe_rates(event, &mut sighting);
        sighting
    }

    /// Counts an attempt by somebody who did not prove to be the identity. It teaches nothing but the rate of denials.
    pub fn observe_unproven(&mut self, event: &Event<'_>) -> Sighting {
        let denied_burst = counted(&mut self.denied_rate, event.time.hour());
        Sighting { denied_burst, is_settled: true, ..Sighting::default() }
    }

    /// Notes what a record is published of, from a report that teaches nothing: a duplicate or a correction. Says whether
    /// anything changed.
    pub fn note_again(&mut self, event: &Event<'_>, terms: &Interner) -> bool {
        let mut is_changed = false;
        for dimension in [Dimension::Service, Dimension::Credential] {
            let noted =
                dimension.value_of(event, |value| self.terms.note((dimension, value), event.time, terms));
            is_changed |= noted == Some(true);
        }
        is_changed
    }

    /// Holds a value out of the baseline that was new on the day of `time`.
    pub fn quarantine(&mut self, dimension: Dimension, value: &str, time: EventTime) {
        self.terms.quarantine(dimension, value, time);
        self.innovation[dimension as usize].take_back(time.day());
    }

    /// Holds what is new in an event out of the baseline until a time that may lie ahead, and from then on for the quarantine.
    pub fn hold_out_until(&mut self, event: &Event<'_>, sighting: &Sighting, until: EventTime) {
        for dimension in Dimension::ALL {
            if sighting.new_bits[dimension as usize].is_some() {
                self.innovation[dimension as usize].take_back(event.time.day());
                dimension.value_of(event, |value| self.terms.hold(dimension, value, until));
            }
        }
        if sighting.is_new_human_use {
            self.human_since = self.human_since.max(Some(until));
        }
        self.hold_out_bursts(sighting);
    }

    /// Holds the current hour out of the rates in which a burst showed.
    pub fn hold_out_bursts(&mut self, sighting: &Sighting) {
        if sighting.burst.bits > 0.0 {
            self.rate.hold_out();
        }
        if sighting.denied_burst.bits > 0.0 {
            self.denied_rate.hold_out();
        }
    }

    /// The values of one dimension.
    #[must_use]
    pub fn values(&self, dimension: Dimension) -> TermSet<'_> {
        self.terms.of(dimension)
    }

    /// Moves on to the event's day. Returns the whole days without activity in between.
    fn pass_days(&mut self, time: EventTime) -> u32 {
        let day = time.day();
        if day <= self.last_day {
            return 0;
        }
        let pause = if self.last_day == 0 { 0 } else { day - self.last_day - 1 };
        self.last_day = day;
        self.active_days = decay_active_days(self.active_days);
        self.innovation.iter_mut().for_each(Innovation::pass_day);
        pause
    }

    /// Whether signs of a person are new. They are learned while the identity is young, or when the first has aged.
    fn observe_human_use(&mut self, event: &Event<'_>, is_settled: bool, quarantine_ms: i64) -> bool {
        if event.interactive.is_empty() {
            return false;
        }
        let since = *self.human_since.get_or_insert(event.time);
        self.is_human_use_known |= !is_settled || event.time.millis_since(since) >= quarantine_ms;
        !self.is_human_use_known
    }

    fn observe_terms(
        &mut self,
        event: &Event<'_>,
        settings: Settings,
        terms: &Interner,
        sighting: &mut Sighting,
    ) {
        for dimension in Dimension::ALL {
            let index = dimension as usize;
            let sets = &mut self.terms;
            let retention = settings.retention(dimension);
            let touched = dimension
                .value_of(event, |value| sets.touch((dimension, value), event.time, retention, terms));
            let Some((prior, evicted)) = touched else { continue };
            sighting.evictions += u32::from(evicted);
            if dimension == Dimension::Credential {
                sighting.has_new_credential = prior == Prior::New && !evicted;
            }
            if prior == Prior::Known {
                continue;
            }
            let innovation = &mut self.innovation[index];
            sighting.new_bits[index] = Some(innovation.surprise_bits(self.active_days));
            if prior == Prior::New {
                innovation.note_new(event.time.day(), !sighting.is_settled);
            }
        }
    }

    fn observe_rates(&mut self, event: &Event<'_>, sighting: &mut Sighting) {
        let hour = event.time.hour();
        if hour > self.rate.current_hour() {
            self.hours.note(event.time.hour_of_week());
        }
        let is_error = if event.outcome == Outcome::Success { 0.0 } else { 1.0 };
        self.error_rate += ERROR_RATE_WEIGHT * (is_error - self.error_rate);
        let burst = counted(&mut self.rate, hour);
        if self.rate.is_settled() {
            sighting.burst = burst;
        }
        if event.outcome == Outcome::Denied {
            let burst = counted(&mut self.denied_rate, hour);
            if sighting.is_settled {
                sighting.denied_burst = burst;
            }
        }
    }
}

/// Counts an event; judges the hour when its count reaches a power of two or a multiple of 256, so that bursts cost little.
fn counted(rate: &mut HourlyRate, hour: u32) -> Burst {
    let count = rate.count(hour);
    let is_judged =
        hour == rate.current_hour() && count >= 8 && (count.is_power_of_two() || count.is_multiple_of(256));
    if is_judged { Burst { count, mean: rate.mean(), bits: rate.surprise_bits() } } else { Burst::default() }
}
