//! The stateful core: `process(record) -> effects`, `tick(now) -> effects`. The only place where the core's stages meet.
//!
//! One monitor holds one partition of identities. It reads no clock: a record brings its reception time
//! with it, and ticks are told theirs. The same records in the same order give the same effects.

#[cfg(test)]
pub(crate) mod fixture;
pub mod identity;
pub mod posture;
pub mod publish;
pub mod rehearsal;
mod schedule;
pub mod state;
mod stats;
#[cfg(test)]
mod tests;
mod view;

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::activity::{Activity, Usage};
use crate::baseline::last_seen::UseStatus;
use crate::baseline::{Dimension, LastSeen, Sighting};
use crate::config::Config;
use crate::detect::Detectors;
use crate::detect::detector::Status;
use crate::detect::families::Subject;
use crate::detect::finding::IncidentReport;
use crate::detect::incident::Incident;
use crate::identity::DeclaredChange;
use crate::term::{Interner, Term};
use crate::time::{DAY_MS, EventTime, HOUR_MS, ProcessingTime};

pub use stats::Stats;
pub use view::{Filter, View};

use identity::{IdentityState, Recreated};
use posture::Judgement;
use schedule::Schedule;
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
}

/// One log source reported during these hours.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CoverageMark {
    /// The log source: `aws:111122223333:eu-west-1`.
    pub scope: String,
    /// Hours since 1970 with at least one record, ascending and distinct.
    pub hours: Vec<u32>,
    /// Newest event time among them, in milliseconds.
    pub until_ms: i64,
}

/// What the monitor wants done.
#[derive(Clone, Debug)]
pub enum Effect {
    /// Publish on `nhi.alerts`.
    Alert(Box<IncidentReport>),
    /// Publish on `nhi.inventory`.
    LastSeen(Box<LastSeen>),
}

/// The monitor of one partition of identities.
pub struct Monitor {
    shared: Arc<Shared>,
    detectors: Arc<Detectors>,
    terms: Arc<Interner>,
    schedule: Schedule,
    changes: Changes,
    stats: Stats,
    next_upkeep: ProcessingTime,
}

/// What changed since the changelog was written.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Changes {
    /// Identities that changed, each once.
    pub identities: Vec<Term>,
    /// Identities that were dropped.
    pub dropped: Vec<Term>,
    /// Log sources whose coverage changed.
    pub scopes: BTreeSet<String>,
}

/// How often limits are looked after.
const UPKEEP_EVERY_MS: i64 = HOUR_MS;

/// Share of the identities that goes when there are too many: enough that it is rare, too few to hurt.
const EVICTED_SHARE: usize = 100;

impl Monitor {
    /// A monitor without any state.
    #[must_use]
    pub fn new(config: &Config, detectors: Arc<Detectors>, terms: Arc<Interner>) -> Self {
        Self {
            shared: Arc::new(Shared::new(Settings::new(config))),
            detectors,
            terms,
            schedule: Schedule::default(),
            changes: Changes::default(),
            stats: Stats::default(),
            next_upkeep: ProcessingTime::default(),
        }
    }

    /// Takes one record in; what is to be done about it is added to `effects`.
    pub fn process(&mut self, record: &Record<'_>, effects: &mut Vec<Effect>) {
        match record {
            Record::Activity(activity) => self.activity(activity, effects),
            Record::Declared(change) => self.declared(change),
            Record::Coverage(marks) => self.coverage(marks),
        }
    }

    /// Takes one activity in, without the box that a [`Record`] needs.
    pub fn activity(&mut self, activity: &Activity<'_>, effects: &mut Vec<Effect>) {
        let event = &activity.event;
        self.stats.clamped += u64::from(event.time_clamped);
        match event.usage {
            Usage::Correction => self.stats.corrections += 1,
            Usage::Unproven => self.unproven(activity, effects),
            Usage::Used | Usage::AuthenticatedOnly => self.used(activity, effects),
        }
    }

    fn used(&mut self, activity: &Activity<'_>, effects: &mut Vec<Effect>) {
        let shared = Arc::clone(&self.shared);
        let event = &activity.event;
        let mut state = self.entry(&shared, &activity.identity.id);
        if !state.recent.insert(event.dedupe_key()) {
            self.stats.duplicates += 1;
            return;
        }
        let terms = Arc::clone(&self.terms);
        match state.note_who(activity, |text| terms.intern(text)) {
            Recreated::Predecessor => {
                self.stats.predecessors += 1;
                return;
            }
            Recreated::Yes => self.recreate(activity, &mut state, effects),
            Recreated::No => {}
        }
        self.stats.activities += 1;
        self.stats.late += u64::from(state.usage.last_seen > Some(event.time));
        let first_seen = state.usage.first_seen;
        state.usage.note(event);
        let sighting = state.behaviour.observe(event, first_seen, shared.settings.behaviour, &terms);
        self.stats.count_evictions("terms", u64::from(sighting.evictions));
        self.detect(activity, &mut state, &sighting, effects);
        self.publish_if_due(&activity.identity.id, &mut state, &sighting, event.received, effects);
        self.settle(&activity.identity.id, &mut state, event.received);
    }

    /// Somebody tried to be an identity and failed: a reason to look where it goes on, but no use of it.
    ///
    /// A name that nobody ever proved to hold is not made an identity, or every guess would be one.
    fn unproven(&mut self, activity: &Activity<'_>, effects: &mut Vec<Effect>) {
        self.stats.unproven += 1;
        let shared = Arc::clone(&self.shared);
        let event = &activity.event;
        let Some(mut state) = shared.identities.get_mut(&*activity.identity.id) else { return };
        if !state.recent.insert(event.dedupe_key()) {
            self.stats.duplicates += 1;
            return;
        }
        let sighting = state.behaviour.observe_unproven(event);
        self.detect(activity, &mut state, &sighting, effects);
        self.settle(&activity.identity.id, &mut state, event.received);
    }

    /// Lets time pass to `now`: closes quiet incidents, judges unused identities, publishes what became quiet.
    pub fn tick(&mut self, now: ProcessingTime, effects: &mut Vec<Effect>) {
        let shared = Arc::clone(&self.shared);
        shared.advance(now);
        while let Some((at, due)) = self.schedule.take_due(now) {
            for id in due {
                let Some(mut state) = shared.identities.get_mut(&id) else { continue };
                if state.due != Some(at) {
                    continue;
                }
                state.due = None;
                self.close_if_over(id.as_str(), &mut state, now, effects);
                self.judge_and_publish(id.as_str(), &mut state, now, effects);
                self.settle(id.as_str(), &mut state, now);
            }
        }
        if now >= self.next_upkeep {
            self.next_upkeep = now.plus_millis(UPKEEP_EVERY_MS);
            self.upkeep(now);
        }
    }

    /// Publishes the exact last use of every identity whose newest use is not published yet (at shutdown).
    pub fn flush(&mut self, now: ProcessingTime, effects: &mut Vec<Effect>) {
        let shared = Arc::clone(&self.shared);
        let mut unpublished: Vec<Term> = shared
            .identities
            .iter()
            .filter(|state| state.published.last_seen != state.usage.last_seen)
            .map(|state| state.key().clone())
            .collect();
        unpublished.sort_by(|a, b| a.as_str().cmp(b.as_str()));
        for id in unpublished {
            if let Some(mut state) = shared.identities.get_mut(&id) {
                let judged = self.judge(id.as_str(), &state, now);
                self.publish(id.as_str(), &mut state, judged, now, effects);
                self.settle(id.as_str(), &mut state, now);
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

    /// What changed since the last call, for the changelog.
    pub fn take_changes(&mut self) -> Changes {
        let changes = std::mem::take(&mut self.changes);
        for id in &changes.identities {
            if let Some(mut state) = self.shared.identities.get_mut(id) {
                state.is_dirty = false;
            }
        }
        changes
    }

    /// State of this partition, for the changelog.
    #[must_use]
    pub fn shared(&self) -> &Shared {
        &self.shared
    }

    /// What interned terms and detector ids in the changelog stand for.
    #[must_use]
    pub fn vocabulary(&self) -> (&Interner, &Detectors) {
        (&self.terms, &self.detectors)
    }

    /// Puts back one identity from the changelog; `None` drops it.
    pub fn restore_identity(&mut self, id: &str, state: Option<IdentityState>) {
        let id = self.terms.intern(id);
        if let Some((_, old)) = self.shared.identities.remove(&id) {
            self.stats.recount(old.counted, None);
            self.stats.open_incidents -= u64::from(is_open(&old));
        }
        let Some(mut state) = state else { return };
        state.due = state.due.map(|due| self.schedule.add(id.clone(), due));
        state.counted = Some((state.effective_kind(), state.published.status));
        self.stats.recount(None, state.counted);
        self.stats.open_incidents += u64::from(is_open(&state));
        self.shared.identities.insert(id, Box::new(state));
    }

    fn entry<'a>(
        &self,
        shared: &'a Shared,
        id: &str,
    ) -> dashmap::mapref::one::RefMut<'a, Term, Box<IdentityState>> {
        match shared.identities.get_mut(id) {
            Some(state) => state,
            None => shared.identities.entry(self.terms.intern(id)).or_default(),
        }
    }

    fn detect(
        &mut self,
        activity: &Activity<'_>,
        state: &mut IdentityState,
        sighting: &Sighting,
        effects: &mut Vec<Effect>,
    ) {
        let event = &activity.event;
        self.close_if_over(&activity.identity.id, state, event.received, effects);
        if !state.is_watched() {
            return;
        }
        let mut signals = Vec::new();
        let detectors = Arc::clone(&self.detectors);
        detectors
            .run(Subject { event, sighting, behaviour: &state.behaviour }, |signal| signals.push(signal));
        for signal in signals {
            self.stats.count_signal(&signal.detector.id);
            if signal.detector.status == Status::Enabled {
                let incident = state.incident.get_or_insert_with(|| {
                    Box::new(Incident::begin(
                        &activity.identity.id,
                        &signal,
                        event.dedupe_key(),
                        event.received,
                    ))
                });
                incident.add(signal, event.received);
            }
        }
        self.report(activity, state, sighting, effects);
    }

    /// Reports the identity's incident where it opened or grew, and holds what is new in this event out of the baseline.
    fn report(
        &mut self,
        activity: &Activity<'_>,
        state: &mut IdentityState,
        sighting: &Sighting,
        effects: &mut Vec<Effect>,
    ) {
        let Some(mut incident) = state.incident.take() else { return };
        let was_open = incident.is_open();
        let subject = publish::subject(&activity.identity.id, state);
        if let Some(report) = incident.next_report(&subject, self.shared.settings.incident) {
            effects.push(Effect::Alert(Box::new(report)));
        }
        self.stats.open_incidents += u64::from(!was_open && incident.is_open());
        if incident.is_open() {
            state.behaviour.quarantine(&activity.event, sighting);
        }
        state.incident = Some(incident);
    }

    fn close_if_over(
        &mut self,
        id: &str,
        state: &mut IdentityState,
        now: ProcessingTime,
        effects: &mut Vec<Effect>,
    ) {
        let settings = self.shared.settings.incident;
        let Some(mut incident) = state.incident.take_if(|incident| incident.is_over(now, settings)) else {
            return;
        };
        self.stats.open_incidents -= u64::from(incident.is_open());
        if let Some(report) = incident.close(&publish::subject(id, state), settings) {
            effects.push(Effect::Alert(Box::new(report)));
        }
    }

    /// Publishes at once on first sight, on a change of status or credentials, and when the last use moved far enough.
    fn publish_if_due(
        &mut self,
        id: &str,
        state: &mut IdentityState,
        sighting: &Sighting,
        now: ProcessingTime,
        effects: &mut Vec<Effect>,
    ) {
        let moved_ms = state
            .usage
            .last_seen
            .zip(state.published.last_seen)
            .map_or(i64::MAX, |(last, published)| last.millis_since(published));
        let is_new_credential = sighting.new_bits[Dimension::Credential as usize].is_some();
        let window_ms = posture::window_ms(state, self.shared.settings.unused_after_days);
        let is_wakened =
            state.published.status != UseStatus::Active && posture::is_in_use(state, now, window_ms);
        if is_new_credential || is_wakened || moved_ms > self.shared.settings.publish_every_ms {
            self.judge_and_publish_at_once(id, state, now, effects);
        }
    }

    fn judge_and_publish_at_once(
        &mut self,
        id: &str,
        state: &mut IdentityState,
        now: ProcessingTime,
        effects: &mut Vec<Effect>,
    ) {
        let judged = self.judge(id, state, now);
        self.note_posture(id, state, &judged, now, effects);
        self.publish(id, state, judged, now, effects);
    }

    /// Publishes where the status changed, or where the identity has been quiet since its last use was published.
    fn judge_and_publish(
        &mut self,
        id: &str,
        state: &mut IdentityState,
        now: ProcessingTime,
        effects: &mut Vec<Effect>,
    ) {
        let judged = self.judge(id, state, now);
        self.note_posture(id, state, &judged, now, effects);
        let is_quiet = quiet_since(state)
            .is_some_and(|since| now.millis_since(since) >= self.shared.settings.publish_every_ms);
        if judged.status != state.published.status || !state.published.is_published || is_quiet {
            self.publish(id, state, judged, now, effects);
        }
    }

    fn judge(&self, id: &str, state: &IdentityState, now: ProcessingTime) -> Judgement {
        let window_ms = posture::window_ms(state, self.shared.settings.unused_after_days);
        posture::judge(id, state, &self.shared.coverage(), now, window_ms)
    }

    fn publish(
        &mut self,
        id: &str,
        state: &mut IdentityState,
        judged: Judgement,
        now: ProcessingTime,
        effects: &mut Vec<Effect>,
    ) {
        state.published.is_published = true;
        state.published.last_seen = state.usage.last_seen;
        state.published.status = judged.status;
        effects.push(Effect::LastSeen(Box::new(publish::last_seen(id, state, judged, now))));
    }

    /// Opens a finding when an identity is proven unused, and ends it when it is used again.
    fn note_posture(
        &mut self,
        id: &str,
        state: &mut IdentityState,
        judged: &Judgement,
        now: ProcessingTime,
        effects: &mut Vec<Effect>,
    ) {
        let is_unused = matches!(judged.status, UseStatus::Unused | UseStatus::NeverSeen);
        if is_unused && state.unused_since.is_none() && posture::is_reported(state) {
            let Some(detector) = self.detectors.posture(judged.status == UseStatus::NeverSeen).cloned()
            else {
                return;
            };
            let since = idle_since(state);
            self.stats.count_signal(&detector.id);
            state.unused_since = Some(since);
            let subject = publish::subject(id, state);
            let days = judged.unused_days.unwrap_or_default();
            let report =
                IncidentReport::unused(&detector, subject, days, (since, state.usage.last_seen), now);
            effects.push(Effect::Alert(Box::new(report)));
        } else if judged.status == UseStatus::Active
            && let Some(since) = state.unused_since.take()
            && let Some(detector) = self.detectors.posture(since == EventTime::default()).cloned()
        {
            let report = IncidentReport::used_again(&detector, publish::subject(id, state), since, now);
            effects.push(Effect::Alert(Box::new(report)));
        }
    }

    /// Books an identity's new size: changelog, statistics, schedule.
    fn settle(&mut self, id: &str, state: &mut IdentityState, now: ProcessingTime) {
        if !state.is_dirty {
            state.is_dirty = true;
            self.changes.identities.push(self.terms.intern(id));
        }
        let counted = Some((state.effective_kind(), state.published.status));
        if state.counted != counted {
            self.stats.recount(state.counted, counted);
            state.counted = counted;
        }
        let next = self.next_due(state, now);
        if state.due.is_none_or(|due| due > next.plus_millis(crate::time::MINUTE_MS)) {
            state.due = Some(self.schedule.add(self.terms.intern(id), next));
        }
    }

    /// When an identity must be looked at even if nothing arrives.
    fn next_due(&self, state: &IdentityState, now: ProcessingTime) -> ProcessingTime {
        let settings = &self.shared.settings;
        let publish = quiet_since(state).map(|since| since.plus_millis(settings.publish_every_ms));
        let close = state.incident.as_ref().map(|incident| incident.over_at(settings.incident));
        let window_ms = posture::window_ms(state, settings.unused_after_days);
        let in_use_until =
            state.usage.last_seen.map(|last| ProcessingTime::from_millis(last.millis() + window_ms));
        let judge = in_use_until.filter(|until| *until > now).unwrap_or_else(|| now.plus_millis(DAY_MS));
        [publish, close].into_iter().flatten().fold(judge, Ord::min)
    }

    fn recreate(&mut self, activity: &Activity<'_>, state: &mut IdentityState, effects: &mut Vec<Effect>) {
        if let Some(mut incident) = state.incident.take() {
            self.stats.open_incidents -= u64::from(incident.is_open());
            let subject = publish::subject(&activity.identity.id, state);
            effects.extend(
                incident.close(&subject, self.shared.settings.incident).map(|r| Effect::Alert(Box::new(r))),
            );
        }
        state.start_over();
        let terms = &self.terms;
        state.note_who(activity, |text| terms.intern(text));
        state.recent.insert(activity.event.dedupe_key());
    }

    fn declared(&mut self, change: &DeclaredChange) {
        self.stats.declarations += 1;
        let shared = Arc::clone(&self.shared);
        let mut state = self.entry(&shared, &change.identity_id);
        state.declared = change.declared.clone().map(Box::new);
        state.published.is_published = false;
        let soon = ProcessingTime::default();
        if state.due.is_none_or(|due| due > soon) {
            state.due = Some(self.schedule.add(self.terms.intern(&change.identity_id), soon));
        }
        if !state.is_dirty {
            state.is_dirty = true;
            self.changes.identities.push(self.terms.intern(&change.identity_id));
        }
    }

    fn coverage(&mut self, marks: &[CoverageMark]) {
        let mut coverage = self.shared.coverage_mut();
        for mark in marks {
            if coverage.note(&mark.scope, &mark.hours, EventTime::from_millis(mark.until_ms)) {
                self.changes.scopes.insert(mark.scope.clone());
            } else {
                self.stats.count_evictions("scopes", 1);
            }
        }
        self.stats.scopes = coverage.len() as u64;
    }

    /// Looks after limits: drops terms that nobody holds, and the identities unseen for longest where there are too many.
    fn upkeep(&mut self, now: ProcessingTime) {
        self.stats.silent_scopes = self.shared.coverage().silent(EventTime::from_millis(now.millis())) as u64;
        let count = self.shared.identities.len();
        if count > self.shared.settings.max_identities {
            let surplus = count - self.shared.settings.max_identities
                + self.shared.settings.max_identities / EVICTED_SHARE;
            self.evict(surplus);
        }
        self.terms.sweep();
    }

    fn evict(&mut self, surplus: usize) {
        let mut oldest: Vec<(Option<EventTime>, Term)> =
            self.shared.identities.iter().map(|state| (state.usage.last_seen, state.key().clone())).collect();
        oldest.sort_by(|a, b| a.0.cmp(&b.0).then_with(|| a.1.as_str().cmp(b.1.as_str())));
        for (_, id) in oldest.into_iter().take(surplus) {
            if let Some((id, state)) = self.shared.identities.remove(&id) {
                self.stats.recount(state.counted, None);
                self.stats.open_incidents -= u64::from(is_open(&state));
                self.stats.count_evictions("identities", 1);
                self.changes.dropped.push(id);
            }
        }
    }
}

fn is_open(state: &IdentityState) -> bool {
    state.incident.as_ref().is_some_and(|incident| incident.is_open())
}

/// Since when an unpublished last use has been waiting for quiet.
fn quiet_since(state: &IdentityState) -> Option<ProcessingTime> {
    (state.published.last_seen != state.usage.last_seen).then_some(state.usage.last_received).flatten()
}

/// Since when an identity is idle: its last use; 1970 where it was never used.
fn idle_since(state: &IdentityState) -> EventTime {
    state.usage.last_seen.unwrap_or_default()
}
