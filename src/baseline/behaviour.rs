//! What an identity normally does: values by dimension, rates and rhythm, and how surprising an event is against them.

use crate::activity::{Event, Outcome};
use crate::config;
use crate::normalize::endpoint::Endpoint;
use crate::term::Term;
use crate::time::{DAY_MS, EventTime, HOUR_MS};

use super::dimension::Dimension;
use super::endpoint;
use super::history::History;
use super::novelty::{Innovation, decay_active_days};
use super::peers::Peers;
use super::place::{Newcomer, Place, Strangeness};
use super::sharing::{self, Observed, Sharing};
use super::terms::{Prior, Retention, TermEntry, TermSet, TermSets, Touched, Words};
use super::volume::{Acquaintance, Bursts, Volume};

/// Active days before novelty means anything: with fewer, everything is new.
const MIN_ACTIVE_DAYS: f32 = 3.0;

/// Events that say as much, on however few days: a key that worked hard for a day and then slept has shown what it does.
const MANY_ACTIVITIES: u64 = 60;

/// How new a network must be for use of a usual one beside it to say anything, in bits.
const MIN_ORIGIN_BITS: f32 = 3.0;

/// How long a move may take, old and new in use side by side: others are expected to follow within that time.
const MOVE_MS: i64 = HOUR_MS;

/// How long after a new network use of a usual one is taken to be at the same time.
const BACK_WITHIN_MS: i64 = 3 * DAY_MS;

/// Dimensions whose values are published with their last use.
const PUBLISHED: [Dimension; 5] =
    [Dimension::Service, Dimension::Credential, Dimension::Action, Dimension::Caller, Dimension::Role];

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
    /// Days learned behind those that are known.
    pub history: History,
    /// Values by dimension.
    pub terms: TermSets,
    /// Habit of bringing new values, by dimension.
    pub innovation: [Innovation; Dimension::COUNT],
    /// Habit of bringing new actions that serve an attack beyond looking around, apart from those that do not: whoever does something
    /// harmless for the first time each day does not thereby make a habit of granting rights.
    pub grave_innovation: Innovation,
    /// How much it does, and at which hours of the week.
    pub volume: Volume,
    /// Decayed share of events that were denied or failed.
    pub error_rate: f32,
    /// First use with signs of a person.
    pub human_since: Option<EventTime>,
    /// Whether use by a person is part of the baseline.
    pub is_human_use_known: bool,
    /// The newest surprising network and its first use, until it is a move or a second place.
    pub new_origin: Option<Box<(Term, EventTime)>>,
    /// Credentials that turned up in a strange place lately.
    pub sharing: Sharing,
}

/// What is known of an identity when an event comes, and what in the event is new.
#[derive(Clone, Debug, Default)]
pub struct Sighting {
    /// Surprise of the event's value by dimension, in bits; `None` where it is known or there is none.
    pub new_bits: [Option<f32>; Dimension::COUNT],
    /// Surprise of a new action that serves an attack beyond looking around, by how often this identity brings such ones, in bits.
    pub grave_bits: Option<f32>,
    /// How many other identities have the event's value, where it is new here.
    pub peers: [u32; Dimension::COUNT],
    /// How strange the event's network is beside those known, where it is new.
    pub network: Strangeness,
    /// How much the hour speaks for another than this identity, in bits: how rarely it works at that time of the week.
    pub off_hours_bits: f32,
    /// A new network from which it was used lately, where the event comes from a usual one again.
    pub second_origin: Option<Term>,
    /// Whether the event passed a VPC endpoint of an account of which the identity used none.
    pub is_strangers_endpoint: bool,
    /// What the event showed of its credential: whether it went from a strange place to a usual one, or back.
    pub sharing: Observed,
    /// Whether the inventory says that there should be no such use: retired, expired, or not among what is allowed.
    pub is_against_inventory: bool,
    /// Whether the identity is known for long enough for novelty to mean anything.
    pub is_settled: bool,
    /// Whether it does not because the identity is seldom used, however long it has been known.
    pub is_seldom_used: bool,
    /// Whole days since the identity was last active; 0 for late events.
    pub pause_days: u32,
    /// Longest pause before this one.
    pub longest_pause_days: u32,
    /// How much this hour has, and surprise of that much.
    pub bursts: Bursts,
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
    /// Surprise of the event's value in a dimension, in bits, less what others lend: each doubling of those who have it takes
    /// one bit. `None` where it is known or there is none.
    #[must_use]
    pub fn bits(&self, dimension: Dimension) -> Option<f32> {
        let bits = self.new_bits[dimension as usize]?;
        Some((bits - ((1 + self.peers[dimension as usize]) as f32).log2()).max(0.0))
    }

    /// Surprise of the event's action among those of its sort: of one that serves an attack, by how often this identity brings
    /// such ones; less what others lend. `None` where it is known.
    #[must_use]
    pub fn action_bits(&self) -> Option<f32> {
        let bits = self.bits(Dimension::Action)?;
        let lent = self.new_bits[Dimension::Action as usize].unwrap_or_default() - bits;
        Some(self.grave_bits.map_or(bits, |grave| (grave - lent).max(0.0)))
    }

    /// Whether the event's value in a dimension is new.
    #[must_use]
    pub fn is_new(&self, dimension: Dimension) -> bool {
        self.new_bits[dimension as usize].is_some()
    }

    /// Whether anything in the event could interest a detector: most events are wholly as usual.
    #[must_use]
    pub fn is_notable(&self) -> bool {
        self.is_new_human_use
            || self.pause_days > 0
            || self.second_origin.is_some()
            || self.sharing.turn.is_some()
            || self.is_against_inventory
            || self.bursts.is_judged()
            || self.new_bits.iter().any(Option::is_some)
    }
}

/// Settings of a baseline, in the units used here.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    learning_days: u32,
    memory_ms: i64,
    quarantine_ms: i64,
    with_peers: bool,
    is_grave: fn(&Event<'_>) -> bool,
}

impl Settings {
    /// From the configuration, and what tells whether an action serves an attack beyond looking around.
    #[must_use]
    pub fn new(
        baseline: &config::Baseline,
        detection: &config::Detection,
        is_grave: fn(&Event<'_>) -> bool,
    ) -> Self {
        Self {
            learning_days: baseline.learning_days,
            memory_ms: i64::from(baseline.memory_days) * DAY_MS,
            quarantine_ms: i64::from(detection.quarantine_days) * DAY_MS,
            with_peers: detection.peers,
            is_grave,
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
        words: &mut Words<'_>,
    ) -> Sighting {
        let age_days = first_seen.map_or(0, |first| event.time.day().saturating_sub(first.day()));
        let pause_days = self.pass_days(event, first_seen);
        let is_known = self.active_days >= MIN_ACTIVE_DAYS || self.activities >= MANY_ACTIVITIES;
        let is_settled = age_days >= settings.learning_days && is_known;
        let mut sighting = Sighting {
            is_settled,
            is_seldom_used: age_days >= settings.learning_days && !is_known,
            pause_days,
            longest_pause_days: self.longest_pause_days,
            is_new_human_use: self.observe_human_use(event, is_settled, settings.quarantine_ms),
            age_days,
            ..Sighting::default()
        };
        self.longest_pause_days = self.longest_pause_days.max(pause_days);
        self.activities += 1;
        self.observe_terms(event, settings, words, &mut sighting);
        self.observe_origin(event, settings, words, &mut sighting);
        self.observe_volume(event, &mut sighting);
        sighting
    }

    /// Counts an attempt by somebody who did not prove to be the identity. It teaches nothing but the rate of denials.
    pub fn observe_unproven(&mut self, event: &Event<'_>) -> Sighting {
        let bursts = self.volume.observe_unproven(event);
        Sighting { bursts, is_settled: true, ..Sighting::default() }
    }

    /// Notes what a record is published of, from a report that teaches nothing: a duplicate or a correction. Says whether
    /// anything changed.
    pub fn note_again(&mut self, event: &Event<'_>, words: &mut Words<'_>) -> bool {
        let mut is_changed = false;
        for dimension in PUBLISHED {
            let noted =
                dimension.value_of(event, |value| self.terms.note((dimension, value), event.time, words));
            is_changed |= noted == Some(true);
        }
        is_changed
    }

    /// Holds a value out of the baseline that was new on the day of `time`.
    pub fn quarantine(&mut self, (dimension, value): (Dimension, &str), time: EventTime, peers: &mut Peers) {
        self.terms.quarantine((dimension, value), time, peers);
        self.take_back(dimension, time.day());
    }

    /// What a day brought in a dimension is no habit.
    fn take_back(&mut self, dimension: Dimension, day: u32) {
        self.innovation[dimension as usize].take_back(day);
        if dimension == Dimension::Action {
            self.grave_innovation.take_back(day);
        }
    }

    /// Holds out again, from `time` on, a value that an analyst had released.
    pub fn quarantine_again(
        &mut self,
        (dimension, value): (Dimension, &str),
        time: EventTime,
        peers: &mut Peers,
    ) {
        let known = self.terms.of(dimension).iter().find(|entry| entry.term.as_str() == value);
        if let Some(first_seen) = known.map(TermEntry::first_seen) {
            self.terms.quarantine((dimension, value), time, peers);
            self.take_back(dimension, first_seen.day());
        }
    }

    /// Holds what is new in an event out of the baseline until a time that may lie ahead, and from then on for the quarantine.
    pub fn hold_out_until(
        &mut self,
        event: &Event<'_>,
        sighting: &Sighting,
        until: EventTime,
        peers: &mut Peers,
    ) {
        for dimension in Dimension::ALL {
            if sighting.new_bits[dimension as usize].is_some() {
                self.take_back(dimension, event.time.day());
                dimension.value_of(event, |value| self.terms.hold((dimension, value), until, peers));
            }
        }
        if sighting.is_new_human_use {
            self.human_since = self.human_since.max(Some(until));
        }
        self.volume.hold_out(&sighting.bursts);
    }

    /// The values of one dimension.
    #[must_use]
    pub fn values(&self, dimension: Dimension) -> TermSet<'_> {
        self.terms.of(dimension)
    }

    /// Moves on to the event's day. Returns the whole days without activity in between.
    fn pass_days(&mut self, event: &Event<'_>, first_seen: Option<EventTime>) -> u32 {
        let day = event.time.day();
        if day <= self.last_day {
            if event.is_past && self.history.moves_on(day, first_seen) {
                self.count_day();
            }
            return 0;
        }
        let pause = if self.last_day == 0 { 0 } else { day - self.last_day - 1 };
        self.last_day = day;
        self.count_day();
        pause
    }

    /// Counts an active day. The decayed count is the same in whatever order days come.
    fn count_day(&mut self) {
        self.active_days = decay_active_days(self.active_days);
        self.innovation.iter_mut().for_each(Innovation::pass_day);
        self.grave_innovation.pass_day();
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
        words: &mut Words<'_>,
        sighting: &mut Sighting,
    ) {
        for dimension in Dimension::ALL {
            let index = dimension as usize;
            let sets = &mut self.terms;
            let retention = settings.retention(dimension);
            let touched = dimension
                .value_of(event, |value| sets.touch((dimension, value), event.time, retention, words));
            let Some(Touched { prior, evicted, peers }) = touched else { continue };
            sighting.evictions += u32::from(evicted);
            if dimension == Dimension::Credential {
                sighting.has_new_credential = prior == Prior::New && !evicted;
            }
            if prior == Prior::Known {
                continue;
            }
            sighting.peers[index] = if settings.with_peers { peers } else { 0 };
            match self.standing(dimension, event, sighting) {
                Standing::Comparable => {}
                Standing::Incomparable => {
                    sighting.new_bits[index] = Some(0.0);
                    continue;
                }
                Standing::Restated => continue,
            }
            let innovation = &mut self.innovation[index];
            sighting.new_bits[index] = Some(innovation.surprise_bits(self.active_days));
            let (day, is_learning) = (event.time.day(), !sighting.is_settled);
            if prior == Prior::New {
                innovation.note_new(day, is_learning);
            }
            if dimension == Dimension::Action && (settings.is_grave)(event) {
                sighting.grave_bits = Some(self.grave_innovation.surprise_bits(self.active_days));
                if prior == Prior::New {
                    self.grave_innovation.note_new(day, is_learning);
                }
            }
        }
    }

    /// What a new value of a dimension is worth, where it was looked up.
    fn standing(&self, dimension: Dimension, event: &Event<'_>, sighting: &Sighting) -> Standing {
        if !dimension.is_looked_up() {
            return Standing::Comparable;
        }
        if !sighting.is_new(Dimension::Network) && event.origin.network.is_some() {
            return Standing::Restated;
        }
        let is_other = |entry: &TermEntry| {
            entry.is_learned()
                && dimension.value_of(event, |value| entry.term.as_str() != value).unwrap_or_default()
        };
        // No network is of any class until it is on a list.
        let has_others =
            dimension == Dimension::NetworkClass || self.terms.of(dimension).iter().any(is_other);
        if has_others { Standing::Comparable } else { Standing::Incomparable }
    }

    /// Notes a surprising new network, and tells when a usual one is in use beside it, by the identity or by one credential.
    ///
    /// A move goes one way, and takes others along. Whoever took a credential uses it beside its owner.
    fn observe_origin(
        &mut self,
        event: &Event<'_>,
        settings: Settings,
        words: &mut Words<'_>,
        sighting: &mut Sighting,
    ) {
        let Some(network) = event.origin.network.as_deref() else { return };
        if let Some(bits) = sighting.bits(Dimension::Network) {
            let is_strange = self.weigh_network(network, bits, event, sighting) && sighting.is_settled;
            let standing = if is_strange { sharing::Standing::Strange } else { sharing::Standing::Other };
            sighting.sharing = self.sharing.observe(event, standing, words.terms);
            // One that is older was a move.
            let is_free = self
                .new_origin
                .as_deref()
                .is_none_or(|(_, since)| event.time.millis_since(*since) >= BACK_WITHIN_MS);
            if is_strange && is_free {
                self.new_origin = Some(Box::new((words.terms.intern(network), event.time)));
            }
            return;
        }
        sighting.sharing = self.sharing.observe(event, sharing::Standing::Usual, words.terms);
        let Some((other, since)) = self.new_origin.as_deref() else { return };
        let age_ms = event.time.millis_since(*since);
        if other.as_str() == network || age_ms < MOVE_MS {
            return;
        }
        let is_alone = !settings.with_peers || words.peers.holders(Dimension::Network, other.as_str()) <= 1;
        if let Some(origin) = self.new_origin.take()
            && age_ms < BACK_WITHIN_MS
            && is_alone
        {
            sighting.second_origin = Some(origin.0);
        }
    }

    /// Works out how strange a new network is beside those known; says whether a copy of the credential may be there.
    fn weigh_network(&self, network: &str, bits: f32, event: &Event<'_>, sighting: &mut Sighting) -> bool {
        let known = self.terms.of(Dimension::Network).iter().filter(|entry| entry.is_learned());
        let known: Vec<&str> = known.map(|entry| entry.term.as_str()).collect();
        sighting.network = match Endpoint::of(network) {
            Some(endpoint) => {
                sighting.is_strangers_endpoint = endpoint::is_of_strangers(endpoint, &known);
                endpoint::strangeness(endpoint, bits, &known)
            }
            None => {
                let bits = (bits, Innovation::surprise_of_first(self.active_days));
                Strangeness::of(newcomer(network, event, sighting), bits, known.into_iter())
            }
        };
        let is_private = Place::of(network) == Some(Place::Private) && !sighting.is_strangers_endpoint;
        sighting.network.bits >= MIN_ORIGIN_BITS && !is_private
    }

    fn observe_volume(&mut self, event: &Event<'_>, sighting: &mut Sighting) {
        if sighting.new_bits.iter().any(Option::is_some) {
            sighting.off_hours_bits = self.volume.rhythm.hours.off_hours_bits(event.time.hour_of_week());
        }
        let is_error = if event.outcome == Outcome::Success { 0.0 } else { 1.0 };
        self.error_rate += ERROR_RATE_WEIGHT * (is_error - self.error_rate);
        let Sighting { age_days, is_settled, is_seldom_used, .. } = *sighting;
        let known = Acquaintance { age_days, is_settled, is_seldom_used };
        sighting.bursts = self.volume.observe(event, known);
    }
}

/// What a value that the baseline does not know is worth.
enum Standing {
    /// It is held against those known.
    Comparable,
    /// There is nothing known to hold it against: it is new, and no surprise.
    Incomparable,
    /// A database or a list says something else of a network that is known: nothing is new of the identity.
    Restated,
}

/// A new network with what was looked up of it.
fn newcomer<'e>(network: &'e str, event: &'e Event<'_>, sighting: &Sighting) -> Newcomer<'e> {
    let known_asn = event.origin.asn.as_deref().filter(|_| !sighting.is_new(Dimension::Asn));
    Newcomer { network, class: event.origin.listed.as_ref().map(|listed| listed.class), known_asn }
}

#[cfg(test)]
mod tests;
