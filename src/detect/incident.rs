//! Incidents: the signals of one identity, grouped in time, weighed, and reported as they grow.

mod report;
#[cfg(test)]
mod tests;

use thin_vec::ThinVec;
use xxhash_rust::xxh3::xxh3_128;

use crate::baseline::Dimension;
use crate::config;
use crate::identity::declared::Criticality;
use crate::term::{Term, stable_hash};
use crate::time::{DAY_MS, EventTime, ProcessingTime};

use super::bound;
use super::chain::{Links, MAX_OPENED, Opened};
use super::detector::{Axis, Rule};
use super::finding::{MAX_REPORTED_SIGNALS, Severity, Signal};
use super::kept::KeptSignal;
use report::UPDATE_BITS;

/// Bits that make a risk of 50: a release, a move or an upgrade stay below, at most 6 to 8 bits alone and 11 for two at once; one with
/// something that only attackers need does not.
pub const HALF_RISK_BITS: f32 = 12.8;

/// Days in which the weight of signals that raised nothing halves: someone who goes slowly is seen, and two releases a month
/// apart have nothing to do with each other.
const HALF_LIFE_DAYS: f32 = 5.0;

/// How long signals that raised nothing are remembered after the last one: three half-lives, an eighth of their weight.
const PENDING_MS: i64 = 15 * DAY_MS;

/// Most that facts and sensitive actions add up to, so that one long incident cannot overflow what a risk can tell.
const MAX_EXTRA_BITS: f32 = 60.0;

/// Most that what ordinary changes bring many of (new actions, resources, services) adds up to: a new tool or a release brings ten as
/// easily as three.
const MAX_HARMLESS_BITS: f32 = 4.0;

/// What each further day on which somebody looks around adds to that limit, and the most that it comes to. A release looks around once;
/// who takes a week over it is found by the days that it takes.
const LOOKING_DAY_BITS: f32 = 2.0;
const MAX_LOOKING_BITS: f32 = 10.0;

/// Days from one look around to the next after which it is another: what weekly releases bring is counted anew each time.
const LOOKING_PAUSE_DAYS: u32 = 4;

/// Quiet after which what comes is another incident: days later, somebody looks anew.
const SUCCESSOR_MS: i64 = 2 * DAY_MS;

/// Mark of the fingerprints of facts that last.
const LASTING: u64 = 1;

/// Bounds kept for an acceptance: one for each doubling of a burst or pause, and some places of people.
const MAX_BOUNDS: usize = 64;

/// Distinct signals told apart within one incident; further ones weigh each time they come, so that nobody can hide behind many.
const MAX_DISTINCT: usize = 256;

/// Signals kept of an incident that is not open: one in three identities has one, most of which never open.
const MAX_KEPT_SIGNALS: usize = 5;

/// New values remembered of an incident that is not open yet. It opens after two or three signals.
pub const MAX_HELD: usize = 64;

/// Settings of incidents, in the units used here.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    open_risk: u8,
    /// Threshold that the alert budget asks for; not below `open_risk`.
    budget_risk: u8,
    quiet_ms: i64,
    memory_ms: i64,
}

impl Settings {
    /// From the configuration.
    #[must_use]
    pub fn new(detection: &config::Detection) -> Self {
        let quiet_ms = i64::try_from(detection.incident_quiet.as_millis()).unwrap_or(i64::MAX);
        let memory_ms = i64::from(detection.quarantine_days) * DAY_MS;
        Self {
            open_risk: detection.incident_risk,
            budget_risk: detection.incident_risk,
            quiet_ms,
            memory_ms: memory_ms.max(quiet_ms),
        }
    }

    /// The same with the threshold that the alert budget asks for.
    #[must_use]
    pub fn with_threshold(self, risk: u8) -> Self {
        Self { budget_risk: risk.max(self.open_risk), ..self }
    }
}

/// Signals of one identity that belong together.
#[derive(Clone, Debug)]
pub struct Incident {
    /// Deterministic id.
    pub uid: u128,
    /// Event time of the first signal.
    pub first_seen: EventTime,
    /// Event time of the last signal.
    pub last_seen: EventTime,
    /// Reception of the newest signal's record.
    pub received: ProcessingTime,
    /// Weightiest signals, heaviest first.
    pub signals: ThinVec<KeptSignal>,
    /// How many signals there were.
    pub signal_count: u32,
    /// Weight of the distinct signals, in bits: the strongest surprise of each axis, and all that adds up.
    pub bits: f32,
    /// Strongest surprise by axis.
    pub peaks: [f32; Axis::COUNT],
    /// What adds up.
    pub extra: f32,
    /// What adds up of ordinary changes, up to a limit.
    pub harmless: f32,
    /// Days on which it looked around or was refused something new: the newest, as days since 1970, and how many.
    pub looked: (u32, u8),
    /// Fingerprints of the signals told apart: first those that it inherited, then its own.
    pub distinct: ThinVec<u64>,
    /// How many of them it inherited from the incident that it follows: known, and none of what it says itself.
    pub inherited: u16,
    /// Reports made.
    pub sequence: u32,
    /// Weight at the last report.
    pub reported_bits: f32,
    /// Severity at the last report.
    pub reported_severity: Option<Severity>,
    /// Whether it was closed. It is remembered for as long as what it held is kept out of the baseline, so that more of the
    /// same is the old incident again and not a new one.
    pub is_closed: bool,
    /// Credentials that it gave out, oldest first.
    pub opened: ThinVec<Opened>,
    /// What was new in its events while it was not open, with the time: held out of the baseline when it opens.
    pub held: ThinVec<(Dimension, Term, EventTime)>,
    /// Gravest severity of its signals, those that are not kept included, and the newest event of one so grave.
    pub gravest: (Severity, EventTime),
    /// What an acceptance covers of signals that count by their detector alone ([`bound::key`]).
    pub accepted_as: ThinVec<u64>,
    /// Newest event of which the last report told that opened it or was an update.
    pub told_until: EventTime,
    /// Newest event of a lasting fact that was known by then; the epoch where there was none.
    pub went_on: EventTime,
    /// Reports that said no more than that a fact goes on.
    pub reminders: u8,
}

impl Incident {
    /// An incident that begins with an event of this time and reception; `event_key` is the event's dedupe key.
    #[must_use]
    pub fn begin(identity_id: &str, (time, received): (EventTime, ProcessingTime), event_key: u128) -> Self {
        let mut seed = identity_id.as_bytes().to_vec();
        seed.extend_from_slice(&event_key.to_be_bytes());
        Self {
            uid: xxh3_128(&seed),
            first_seen: time,
            last_seen: time,
            received,
            signals: ThinVec::new(),
            signal_count: 0,
            bits: 0.0,
            peaks: [0.0; Axis::COUNT],
            extra: 0.0,
            harmless: 0.0,
            looked: (0, 0),
            distinct: ThinVec::new(),
            inherited: 0,
            sequence: 0,
            reported_bits: 0.0,
            reported_severity: None,
            is_closed: false,
            opened: ThinVec::new(),
            held: ThinVec::new(),
            gravest: (Severity::Informational, time),
            accepted_as: ThinVec::new(),
            told_until: time,
            went_on: EventTime::default(),
            reminders: 0,
        }
    }

    /// The incident that a signal of this event belongs to: this one, or after some days of quiet one that follows it and
    /// remembers what it said, so that more of the same says nothing. Facts are said anew: that somebody is back at a retired
    /// identity is news.
    #[must_use]
    pub fn at(
        mut self: Box<Self>,
        identity_id: &str,
        event: (EventTime, ProcessingTime),
        key: u128,
    ) -> Box<Self> {
        if !self.is_closed || event.0.millis_since(self.last_seen) < SUCCESSOR_MS {
            return self;
        }
        let mut distinct = std::mem::take(&mut self.distinct);
        distinct.retain(|fingerprint| *fingerprint & LASTING == 0);
        let inherited = u16::try_from(distinct.len()).unwrap_or(u16::MAX);
        Box::new(Self { distinct, inherited, ..Self::begin(identity_id, event, key) })
    }

    /// Takes in a signal. One that says the same as an earlier one adds to the count and not to the weight; of those that speak
    /// of one kind of change, the most surprising counts. A signal's weight becomes what it added.
    pub fn add(&mut self, mut signal: Signal, received: ProcessingTime) {
        self.fade(signal.time);
        self.signal_count = self.signal_count.saturating_add(1);
        self.first_seen = self.first_seen.min(signal.time);
        self.last_seen = self.last_seen.max(signal.time);
        self.received = self.received.max(received);
        let fingerprint = fingerprint(&signal);
        if let Some(place) = self.distinct.iter().position(|known| *known == fingerprint) {
            if fingerprint & LASTING != 0 {
                self.went_on = self.went_on.max(signal.time);
            }
            if self.grow_volume(&signal) {
                self.make_own(place);
            }
            if self.own().contains(&fingerprint) {
                self.note_gravity(&signal);
                self.note_bound(&signal);
            }
            return;
        }
        self.note_distinct(fingerprint);
        self.note_gravity(&signal);
        self.note_bound(&signal);
        signal.bits = self.weigh(&signal);
        self.keep(&signal);
    }

    /// Tells a signal apart from now on. What it inherited makes room for what it says itself.
    fn note_distinct(&mut self, fingerprint: u64) {
        if self.distinct.len() >= MAX_DISTINCT && self.inherited > 0 {
            self.distinct.remove(0);
            self.inherited -= 1;
        }
        if self.distinct.len() < MAX_DISTINCT {
            self.distinct.reserve_exact(1);
            self.distinct.push(fingerprint);
        }
    }

    /// Fingerprints of what it says itself, and its reports with it: what it inherited was said by another.
    #[must_use]
    pub fn own(&self) -> &[u64] {
        self.distinct.get(usize::from(self.inherited)..).unwrap_or_default()
    }

    /// Says itself what it inherited so far.
    fn make_own(&mut self, place: usize) {
        if place < usize::from(self.inherited) {
            let fingerprint = self.distinct.remove(place);
            self.distinct.push(fingerprint);
            self.inherited -= 1;
        }
    }

    /// Keeps a signal among those that weigh most.
    fn keep(&mut self, signal: &Signal) {
        let most = if self.is_open() { MAX_REPORTED_SIGNALS } else { MAX_KEPT_SIGNALS };
        let place = self.signals.partition_point(|other| other.bits >= signal.bits);
        if place < most {
            self.signals.truncate(most - 1);
            self.signals.reserve_exact(1);
            let kept = KeptSignal::beside(&self.signals, signal);
            self.signals.insert(place, kept);
        }
    }

    fn note_gravity(&mut self, signal: &Signal) {
        let (gravest, time) = self.gravest;
        let severity = signal.severity();
        if severity >= gravest {
            self.gravest = (severity, if severity > gravest { signal.time } else { time.max(signal.time) });
        }
    }

    fn note_bound(&mut self, signal: &Signal) {
        let key = bound::key(signal).filter(|key| !self.accepted_as.contains(key));
        if let Some(key) = key.filter(|_| self.accepted_as.len() < MAX_BOUNDS) {
            self.accepted_as.push(key);
        }
    }

    /// Adds a signal's weight; returns by how much the incident's weight grew.
    fn weigh(&mut self, signal: &Signal) -> f32 {
        let before = self.bits;
        let peak = &mut self.peaks[signal.detector.rule.axis() as usize];
        *peak = peak.max(signal.peak);
        let extra = (signal.bits - signal.peak - signal.harmless).max(0.0);
        self.extra = (self.extra + extra).min(MAX_EXTRA_BITS);
        self.note_looking(signal);
        // A limit that is lower by now takes nothing away from what was said.
        self.harmless = (self.harmless + signal.harmless).min(self.most_harmless().max(self.harmless));
        self.sum_up();
        self.bits - before
    }

    fn note_looking(&mut self, signal: &Signal) {
        let ((newest, days), day) = (self.looked, signal.time.day());
        if signal.harmless > 0.0 && signal.looks_around() && day > newest {
            let goes_on = day - newest <= LOOKING_PAUSE_DAYS;
            self.looked = (day, if goes_on { days.saturating_add(1) } else { 1 });
        }
    }

    fn most_harmless(&self) -> f32 {
        let further = f32::from(self.looked.1.saturating_sub(1));
        (MAX_HARMLESS_BITS + LOOKING_DAY_BITS * further).min(MAX_LOOKING_BITS)
    }

    /// A burst goes on: it says the same, and more loudly. An incident that follows another may hear of one for the first time.
    /// Tells whether it says anything by that.
    fn grow_volume(&mut self, signal: &Signal) -> bool {
        if signal.detector.rule.axis() != Axis::Volume {
            return false;
        }
        let grown = self.weigh(&Signal { bits: signal.peak, harmless: 0.0, ..signal.clone() });
        let same = self.signals.iter_mut().find(|other| other.detector.id == signal.detector.id);
        match same {
            _ if grown <= 0.0 => {}
            Some(same) => {
                *same = KeptSignal::beside(&[], &Signal { bits: same.bits + grown, ..signal.clone() });
                self.signals.sort_by(|a, b| b.bits.total_cmp(&a.bits));
            }
            None => self.keep(&Signal { bits: grown, ..signal.clone() }),
        }
        grown > 0.0
    }

    fn sum_up(&mut self) {
        self.bits = self.peaks.iter().sum::<f32>() + self.extra + self.harmless;
    }

    /// Lets what raised nothing fade until `time`, the time of what is added next.
    pub fn fade(&mut self, time: EventTime) {
        let passed_ms = time.millis_since(self.last_seen);
        if self.sequence > 0 || passed_ms <= 0 {
            return;
        }
        let left = (-(passed_ms as f32 / DAY_MS as f32) / HALF_LIFE_DAYS).exp2();
        self.peaks.iter_mut().for_each(|peak| *peak *= left);
        self.extra *= left;
        self.harmless *= left;
        self.last_seen = time;
        self.sum_up();
        self.forget_gravity(time);
    }

    /// What was gravest counts for as long as its weight does. After it, what is kept of the time since.
    fn forget_gravity(&mut self, time: EventTime) {
        let is_remembered = |since: EventTime| time.millis_since(since) <= PENDING_MS;
        if !is_remembered(self.gravest.1) {
            let kept = self.signals.iter().filter(|signal| is_remembered(signal.time));
            let gravest = kept.map(|signal| (signal.severity(), signal.time)).max();
            self.gravest = gravest.unwrap_or((Severity::Informational, time));
        }
    }

    /// The highest threshold at which it would open: its risk, and any where it is grave. The alert budget never hides what is
    /// of high severity before the identity's criticality is looked at.
    #[must_use]
    pub fn reach(&self, floor: u8) -> u8 {
        let is_grave = self.risk() >= floor && self.severity(Criticality::Medium) >= Severity::High;
        if is_grave { 100 } else { self.risk() }
    }

    /// Remembers a credential that it gave out; says whether another had to go for it, or there was no room.
    ///
    /// Of an open incident, a way on to another identity is reported at once where the call raised a signal: whoever looks into it must
    /// know where to look next. Credentials whose call raised none make room for others.
    pub fn note_opened(&mut self, opened: Opened) -> bool {
        if self.opened.iter().any(|known| known.credential == opened.credential) {
            return false;
        }
        let leads_on = |known: &Opened| known.is_signal && known.target == opened.target;
        if opened.is_signal && self.is_open() && !self.opened.iter().any(leads_on) {
            self.reported_bits = self.reported_bits.min(self.bits - UPDATE_BITS);
        }
        let is_full = self.opened.len() >= MAX_OPENED;
        if is_full {
            let Some(quiet) = self.opened.iter().position(|known| !known.is_signal) else { return true };
            self.opened.remove(quiet);
        }
        self.opened.push(opened);
        is_full
    }

    /// The credentials that join it with others.
    #[must_use]
    pub fn links(&self) -> Links {
        Links::new(&self.opened, self.signals.iter().filter_map(KeptSignal::credential))
    }

    /// Remembers what was new, to hold it out of the baseline should the incident open. Where there is too much, the oldest goes.
    pub fn hold(&mut self, dimension: Dimension, term: Term, time: EventTime) {
        if self.held.iter().any(|(of, known, _)| *of == dimension && *known == term) {
            return;
        }
        if self.held.len() >= MAX_HELD {
            self.held.remove(0);
        }
        self.held.reserve_exact(1);
        self.held.push((dimension, term, time));
    }

    /// Risk, 0 to 100: 50 at 12.8 bits, 75 at 25.6, nearing 100.
    #[must_use]
    pub fn risk(&self) -> u8 {
        (100.0 * (1.0 - (-self.bits / HALF_RISK_BITS).exp2())).round() as u8
    }

    /// Lets a closed incident come back with the next signal, as if none of it had been reported.
    pub fn reopen(&mut self) {
        self.reported_bits = 0.0;
    }

    /// The fact that goes on, where it is kept; else what weighs most.
    #[must_use]
    pub fn lasting(&self) -> Option<&KeptSignal> {
        let lasting = self.signals.iter().find(|signal| is_lasting(&signal.detector.rule));
        lasting.or(self.signals.first())
    }

    /// Whether it was reported, and not closed since.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        self.sequence > 0 && !self.is_closed
    }

    /// When something is to be done about it if nothing is added: closed after the quiet time, forgotten after the
    /// quarantine. What was never reported is forgotten when it has faded.
    #[must_use]
    pub fn due_at(&self, settings: Settings) -> ProcessingTime {
        self.received.plus_millis(match self.sequence {
            0 => PENDING_MS,
            _ if self.is_closed => settings.memory_ms,
            _ => settings.quiet_ms,
        })
    }
}

/// What makes two signals say the same: the detector and what it saw, but for facts and volumes only the detector.
#[must_use]
pub fn fingerprint(signal: &Signal) -> u64 {
    let detector = &signal.detector;
    let hash = match detector.rule {
        Rule::Burst { .. }
        | Rule::HumanUse { .. }
        | Rule::SharedCredential { .. }
        | Rule::Dormancy { .. }
        | Rule::Retired { .. }
        | Rule::ExpiredUse { .. }
        | Rule::OffHours { .. } => stable_hash(&detector.id),
        _ => stable_hash(&format!("{}\0{}", detector.id, signal.observed)),
    };
    if is_lasting(&detector.rule) { hash | LASTING } else { hash & !LASTING }
}

/// Whether a rule states a fact that each further event states again for as long as it holds.
const fn is_lasting(rule: &Rule) -> bool {
    matches!(
        rule,
        Rule::Retired { .. }
            | Rule::ExpiredUse { .. }
            | Rule::HumanUse { .. }
            | Rule::DisplacedCredential { .. }
    )
}
