//! The stateful core: `process(record) -> effects`, `tick(now) -> effects`. The only place where the core's stages meet.
//!
//! One monitor holds one partition of identities. It reads no clock: a record brings its reception time
//! with it, and ticks are told theirs. The same records in the same order give the same effects.

#[cfg(test)]
pub(crate) mod fixture;
mod changelog;
mod covered;
mod credentials;
mod declared;
mod decommission;
mod eviction;
pub mod feedback;
mod heartbeat;
mod held;
pub mod identity;
mod incidents;
mod inputs;
pub mod joints;
pub mod keys;
mod loss;
#[cfg(test)]
mod order_tests;
#[cfg(test)]
mod past_tests;
pub mod posture;
mod publication;
pub mod publish;
pub mod rehearsal;
mod reload;
mod schedule;
mod sources;
pub mod state;
mod stats;
#[cfg(test)]
mod tests;
mod upkeep;
mod verdicts;
mod view;

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::activity::{Activity, Event, Usage};
use crate::baseline::terms::Words;
use crate::baseline::{CoverageMap, LastSeen, Peers};
use crate::config::Config;
use crate::detect::Detectors;
use crate::detect::budget::{self, Budget};
use crate::detect::finding::IncidentReport;
use crate::identity::DeclaredChange;
use crate::term::{Interner, Lexicon, Term};
#[cfg(test)]
use crate::time::DAY_MS;
use crate::time::{EventTime, HOUR_MS, ProcessingTime};

pub use changelog::Vocabulary;
pub use covered::{CompleteHours, CoverageMark, LateMark};
pub use feedback::{Feedback, Verdict};
pub use held::{HeldIncident, HeldSignal, IncidentFilter, IncidentState};
pub use inputs::Inputs;
pub use stats::Stats;
pub use view::{Filter, View};

use declared::DeclaredAccounts;
use identity::{IdentityState, Published, PublishedRecord, Whose};
use schedule::Schedule;
use sources::Place;
use state::{Settings, Shared};

/// One input of the monitor.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Record<'a> {
    /// An identity was used.
    #[serde(borrow)]
    Activity(Box<Activity<'a>>),
    /// The inventory says something about an identity.
    Declared(Box<DeclaredChange>),
    /// Log sources reported during these hours.
    Coverage(Vec<CoverageMark>),
    /// How far input partitions are read.
    Progress(Vec<InputProgress>),
    /// Part of an input partition will never be read.
    Lost(InputLoss),
    /// An analyst says something about an identity.
    Feedback(Box<Feedback>),
    /// Logs came that cannot be read.
    Unreadable(Vec<Unreadable>),
    /// Log sources reported during these hours, as an archive has it.
    PastCoverage(Vec<CoverageMark>),
    /// Nothing of these hours is missing, as an archive's digests prove: the silence in them is silence.
    Complete(Vec<CompleteHours>),
    /// Log sources told late of hours.
    LateCoverage(Vec<LateMark>),
}

/// What was received in an hour and cannot be read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unreadable {
    /// Hour of the reception, since 1970.
    pub hour: u32,
    /// Whole payloads of which nobody knows how many records they hold.
    pub payloads: u32,
    /// Single records.
    pub records: u32,
}

/// Messages of one input partition were gone before they were read: what was received from its last
/// [`InputProgress`] up to a certain time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InputLoss {
    /// Topic.
    pub topic: String,
    /// Partition.
    pub partition: i32,
    /// Reception time of the first message that is still there; where there is none, of the discovery.
    pub until: ProcessingTime,
    /// Whether the partition was read before. Where that is not known, it is a loss to those who were told of its progress.
    pub is_certain: bool,
}

/// How far one input partition is read: everything that reached it before this time was taken in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InputProgress {
    /// Topic.
    pub topic: String,
    /// Partition.
    pub partition: i32,
    /// Reception time of the newest record that was read; the time of day where it was read to its end.
    pub until: ProcessingTime,
}

/// What the monitor wants done.
#[derive(Clone, Debug)]
pub enum Effect {
    /// Publish on `nhi.alerts`.
    Alert(Box<IncidentReport>),
    /// Publish on `nhi.inventory`.
    LastSeen(Box<LastSeen>),
    /// Take the last-seen record of this identity off `nhi.inventory`: it was withdrawn before it was ever used.
    Withdrawn(String),
}

/// The monitor of one partition of identities.
pub struct Monitor {
    shared: Arc<Shared>,
    detectors: Arc<Detectors>,
    terms: Arc<Interner>,
    peers: Peers,
    lately: Lexicon,
    schedule: Schedule,
    changes: Changes,
    stats: Stats,
    inputs: Inputs,
    input_topics: Vec<String>,
    upkept_at: ProcessingTime,
    budget: Budget,
    budget_settings: budget::Settings,
    place: Place,
    next_sources: ProcessingTime,
    /// Log sources that came further since they were written down.
    newer_scopes: BTreeSet<String>,
    declared_accounts: DeclaredAccounts,
    forgotten_until: Option<EventTime>,
}

/// What changed since the changelog was written.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Changes {
    /// Identities that changed, each once.
    pub identities: Vec<Term>,
    /// Identities that were dropped.
    pub dropped: Vec<Term>,
    /// Log sources whose coverage changed or was dropped.
    pub scopes: BTreeSet<String>,
    /// Whether it was told how far the inputs are read.
    pub inputs: bool,
    /// Whether it was told that records were lost.
    pub losses: bool,
    /// Whether an incident counted towards the alert budget.
    pub budget: bool,
    /// Whether identities went since there are too many.
    pub forgotten: bool,
}

/// How often limits are looked after: at whole multiples of it, as of that time, so that it does not matter when a process
/// started.
const UPKEEP_EVERY_MS: i64 = HOUR_MS;

impl Monitor {
    /// A monitor without any state.
    #[must_use]
    pub fn new(config: &Config, detectors: Arc<Detectors>, terms: Arc<Interner>) -> Self {
        Self {
            shared: Arc::new(Shared::new(Settings::new(config))),
            detectors,
            terms,
            peers: Peers::counting(config.detection.peers),
            lately: Lexicon::default(),
            schedule: Schedule::default(),
            changes: Changes::default(),
            stats: Stats { threshold_risk: u64::from(config.detection.incident_risk), ..Stats::default() },
            inputs: Inputs::default(),
            input_topics: input_topics(config),
            upkept_at: ProcessingTime::default(),
            budget: Budget::default(),
            budget_settings: budget::Settings::new(&config.detection),
            place: Place::ONLY,
            next_sources: ProcessingTime::default(),
            newer_scopes: BTreeSet::new(),
            declared_accounts: DeclaredAccounts::default(),
            forgotten_until: None,
        }
    }

    /// The same, as one (from 0) of so many partitions, which share the alert budget and the log sources to look after.
    #[must_use]
    pub fn as_one_of(mut self, number: usize, partitions: usize) -> Self {
        self.place = Place { number, partitions };
        self.budget_settings = self.budget_settings.of_one_in(partitions);
        self
    }

    /// Takes one record in; what is to be done about it is added to `effects`.
    pub fn process(&mut self, record: &Record<'_>, effects: &mut Vec<Effect>) {
        match record {
            Record::Activity(activity) => self.activity(activity, effects),
            Record::Declared(change) => self.declared(change, effects),
            Record::Coverage(marks) => self.coverage(marks, CoverageMap::note),
            Record::PastCoverage(marks) => self.coverage(marks, CoverageMap::note_past),
            Record::Progress(inputs) => self.progress(inputs),
            Record::Lost(loss) => self.lost_input(loss),
            Record::Feedback(feedback) => self.feedback(feedback, effects),
            Record::Unreadable(unreadable) => self.unreadable(unreadable),
            Record::Complete(complete) => self.complete(complete),
            Record::LateCoverage(marks) => self.late_coverage(marks),
        }
    }

    /// Takes one activity in, without the box that a [`Record`] needs.
    pub fn activity(&mut self, activity: &Activity<'_>, effects: &mut Vec<Effect>) {
        let event = &activity.event;
        self.stats.clamped += u64::from(event.time_clamped);
        match event.usage {
            Usage::Unproven => self.unproven(activity, effects),
            Usage::Used | Usage::AuthenticatedOnly | Usage::Correction => self.used(activity, effects),
        }
    }

    fn used(&mut self, activity: &Activity<'_>, effects: &mut Vec<Effect>) {
        let shared = Arc::clone(&self.shared);
        let event = &activity.event;
        if self.is_of_the_forgotten(activity) {
            return;
        }
        self.make_room(&activity.identity.id, event.received, effects);
        let mut entry = Self::entry(&shared, &activity.identity.id);
        let (id, state) = entry.pair_mut();
        match state.whose(activity) {
            Whose::Predecessor => {
                self.stats.predecessors += 1;
                return;
            }
            Whose::Successor => self.recreate(activity, state, effects),
            Whose::Own => {}
        }
        if self.is_told_again(event, state) {
            return self.note_again(activity, id, state);
        }
        let terms = Arc::clone(&self.terms);
        state.note_who(activity, |text| terms.intern(text));
        self.stats.activities += 1;
        self.stats.late += u64::from(state.usage.last_seen > Some(event.time));
        let (first_seen, last_seen) = (state.usage.first_seen, state.usage.last_seen);
        state.usage.note(event, &terms);
        state.graded.note(event, &state.behaviour.terms, &terms);
        keys::note_made(id.as_str(), state, event, &terms);
        self.note_run(id.as_str(), state, (event, last_seen), effects);
        outdate(state);
        self.expire_feedback(state, event.time);
        let mut words = Words { terms: &terms, peers: &mut self.peers };
        let mut sighting = state.behaviour.observe(event, first_seen, shared.settings.behaviour, &mut words);
        self.stats.count_evictions("terms", u64::from(sighting.evictions));
        self.stats.count_evictions("shared_credentials", u64::from(sighting.sharing.is_evicted));
        if event.is_past {
            self.stats.past += 1;
            // Published once the identity is quiet, and not for every hour of its history.
            return self.settle(id, state, event.received);
        }
        self.detect(activity, state, &mut sighting, effects);
        self.publish_if_due(id.as_str(), state, &sighting, event.received, effects);
        self.settle(id, state, event.received);
    }

    /// Whether an event is no use of its own: a correction, or one that was taken before.
    ///
    /// A correction is not remembered: should it overtake what it corrects, that is still the use.
    fn is_told_again(&mut self, event: &Event<'_>, state: &mut IdentityState) -> bool {
        if event.usage == Usage::Correction {
            self.stats.corrections += 1;
            return true;
        }
        let is_duplicate = !state.recent.insert(event.dedupe_key());
        self.stats.duplicates += u64::from(is_duplicate);
        is_duplicate
    }

    /// Takes over what a duplicate or a correction says about when and by whom an identity was used. It is not counted, teaches
    /// nothing and raises nothing.
    ///
    /// Copies of one event may differ: two accounts log one action, and corrections complete it. What is published of them
    /// must not depend on which came first, nor on whether the first is still remembered.
    fn note_again(&mut self, activity: &Activity<'_>, id: &Term, state: &mut IdentityState) {
        let terms = Arc::clone(&self.terms);
        let mut words = Words { terms: &terms, peers: &mut self.peers };
        let is_changed = [
            state.note_who(activity, |text| terms.intern(text)),
            state.usage.note_again(&activity.event, &terms),
            state.graded.note(&activity.event, &state.behaviour.terms, &terms),
            state.behaviour.note_again(&activity.event, &mut words),
            keys::note_made(id.as_str(), state, &activity.event, &terms),
        ]
        .contains(&true);
        if is_changed {
            outdate(state);
            self.settle(id, state, activity.event.received);
        }
    }

    /// Somebody tried to be an identity and failed: a reason to look where it goes on, but no use of it.
    ///
    /// A name that nobody ever proved to hold is not made an identity, or every guess would be one.
    fn unproven(&mut self, activity: &Activity<'_>, effects: &mut Vec<Effect>) {
        self.stats.unproven += 1;
        let shared = Arc::clone(&self.shared);
        let event = &activity.event;
        let Some(mut entry) = shared.identities.get_mut(&*activity.identity.id) else { return };
        let (id, state) = entry.pair_mut();
        if !state.recent.insert(event.dedupe_key()) {
            self.stats.duplicates += 1;
            return;
        }
        let mut sighting = state.behaviour.observe_unproven(event);
        if !event.is_past {
            self.detect(activity, state, &mut sighting, effects);
        }
        self.settle(id, state, event.received);
    }

    /// Lets time pass to `now`: closes quiet incidents, judges what is unused or overdue, publishes what became quiet.
    pub fn tick(&mut self, now: ProcessingTime, effects: &mut Vec<Effect>) {
        let shared = Arc::clone(&self.shared);
        let now = self.inputs.as_of(now);
        shared.advance(now);
        while let Some((at, mut due)) = self.schedule.take_due(now) {
            // In an order that a restore does not change.
            due.sort_unstable_by(|a, b| a.as_str().cmp(b.as_str()));
            for id in due {
                let Some(mut state) = shared.identities.get_mut(&id) else { continue };
                if state.due != Some(at) {
                    continue;
                }
                state.due = None;
                let before = (effects.len(), state.standing());
                self.close_if_over(id.as_str(), &mut state, now, effects);
                self.judge_and_publish(id.as_str(), &mut state, now, effects);
                if before != (effects.len(), state.standing()) {
                    self.book(&id, &mut state);
                }
                self.reschedule(&id, &mut state, now);
            }
        }
        self.judge_sources(now, effects);
        let hour = now.plus_millis(-now.millis().rem_euclid(UPKEEP_EVERY_MS));
        if hour > self.upkept_at {
            self.upkept_at = hour;
            self.upkeep(hour, effects);
        }
    }

    /// Publishes what is known of every identity of which that is not published yet (at shutdown).
    pub fn flush(&mut self, now: ProcessingTime, effects: &mut Vec<Effect>) {
        self.settle_scopes();
        let shared = Arc::clone(&self.shared);
        let mut unpublished: Vec<Term> = shared
            .identities
            .iter()
            .filter(|state| is_outdated(state))
            .map(|state| state.key().clone())
            .collect();
        unpublished.sort_by(|a, b| a.as_str().cmp(b.as_str()));
        for id in unpublished {
            if let Some(mut state) = shared.identities.get_mut(&id) {
                let judged = self.judge(id.as_str(), &state, now);
                self.publish(id.as_str(), &mut state, judged, now, effects);
                self.settle(&id, &mut state, now);
            }
        }
    }

    /// Counts so far.
    #[must_use]
    pub fn stats(&self) -> &Stats {
        &self.stats
    }

    /// A handle for readers.
    #[must_use]
    pub fn view(&self) -> View {
        View { shared: Arc::clone(&self.shared) }
    }

    fn entry<'a>(shared: &'a Shared, id: &str) -> dashmap::mapref::one::RefMut<'a, Term, Box<IdentityState>> {
        match shared.identities.get_mut(id) {
            Some(state) => state,
            None => shared.identities.entry(Term::unshared(id)).or_default(),
        }
    }

    /// Books what changed about an identity, and when it must be looked at next.
    fn settle(&mut self, id: &Term, state: &mut IdentityState, now: ProcessingTime) {
        self.book(id, state);
        self.reschedule(id, state, now);
    }

    /// Books a change for the changelog and the statistics.
    fn book(&mut self, id: &Term, state: &mut IdentityState) {
        if !state.is_dirty {
            state.is_dirty = true;
            self.changes.identities.push(id.clone());
        }
        let counted = Some((state.effective_kind(), state.published.status));
        if state.counted != counted {
            self.stats.recount(state.counted, counted);
            state.counted = counted;
        }
    }

    fn recreate(&mut self, activity: &Activity<'_>, state: &mut IdentityState, effects: &mut Vec<Effect>) {
        if let Some(mut incident) = state.incident.take() {
            self.stats.open_incidents -= u64::from(incident.is_open());
            let subject = publish::subject(&activity.identity.id, state);
            effects.extend(
                incident.close(&subject, self.shared.settings.incident).map(|r| Effect::Alert(Box::new(r))),
            );
        }
        let (id, received) = (&activity.identity.id, activity.event.received);
        self.end_unused(id, state, received, effects);
        self.end_missed(id, state, crate::detect::heartbeat::Ending::Renewed, received, effects);
        self.end_credentials(id, state, crate::detect::credential::Ending::Renewed, received, effects);
        self.end_keys(id, state, crate::detect::rotation::Ending::Renewed, received, effects);
        self.peers.remove_all(&state.behaviour.terms);
        state.start_over(activity.event.time);
    }
}

fn is_open(state: &IdentityState) -> bool {
    state.incident.as_ref().is_some_and(|incident| incident.is_open())
}

/// The topics whose partitions tell how far they are read.
fn input_topics(config: &Config) -> Vec<String> {
    let inputs = config.topics.inputs.iter().map(|input| input.topic.clone());
    inputs.chain([config.topics.inventory.clone(), config.topics.feedback.clone()]).collect()
}

/// Whether something came since a record was published.
fn is_outdated(state: &IdentityState) -> bool {
    let Published { last_seen, record, .. } = state.published;
    last_seen != state.usage.last_seen || record != PublishedRecord::Current
}

/// Notes that something came which is not published yet.
fn outdate(state: &mut IdentityState) {
    if state.published.record == PublishedRecord::Current {
        state.published.record = PublishedRecord::Outdated;
    }
}

/// Since when something unpublished has been waiting for quiet.
fn quiet_since(state: &IdentityState) -> Option<ProcessingTime> {
    is_outdated(state).then_some(state.usage.last_received).flatten()
}
