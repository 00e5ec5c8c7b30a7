//! Runs the embedded tests of detectors on a monitor of their own.

use std::sync::Arc;
use std::time::Duration;

use crate::activity::{
    Activity, Class, Classification, Client, Credential, CredentialKind, Event, Evidence, Identity,
    Interactive, Issued, Kind, Listed, Origin, Provenance, Usage,
};
use crate::config::Config;
use crate::detect::detector::Status;
use crate::detect::testing::{Actor, Case, CaseResult, Sample, Step};
use crate::detect::{Detector, Detectors};
use crate::identity::declared::DeclaredStatus;
use crate::identity::{Declared, DeclaredChange};
use crate::term::Interner;
use crate::text::Text;
use crate::time::{EventTime, HOUR_MS, ProcessingTime, SECOND_MS};

use super::{CoverageMark, Effect, Monitor, Record};

/// The identity that the tests are about.
const IDENTITY: &str = "arn:aws:iam::111122223333:role/rehearsal";

/// Its log source.
pub(crate) const SCOPE: &str = "aws:111122223333:eu-west-1";

/// Where the tests' time begins: Monday 2026-01-05, midnight UTC.
pub(crate) const START_MS: i64 = 1_767_571_200_000;

/// Runs one detector's embedded tests, as if it were enabled.
#[must_use]
pub fn run(detector: &Detector) -> Vec<CaseResult> {
    let enabled = Detector { status: Status::Enabled, ..detector.clone() };
    let alone = Arc::new(Detectors::only(Arc::new(enabled)));
    detector.tests.iter().map(|case| Rehearsal::new(&alone, case.identity.as_ref()).run(case)).collect()
}

struct Rehearsal {
    monitor: Monitor,
    effects: Vec<Effect>,
    actor: Actor,
    now_ms: i64,
    covered_until_ms: i64,
    count: i64,
}

impl Rehearsal {
    fn new(detectors: &Arc<Detectors>, actor: Option<&Actor>) -> Self {
        let monitor = Monitor::new(&Config::default(), Arc::clone(detectors), Arc::new(Interner::new()));
        let actor = actor.cloned().unwrap_or_default();
        let is_declared = actor.environment.is_some() || actor.criticality.is_some();
        let (now_ms, count) = (START_MS, 0);
        let mut rehearsal =
            Self { monitor, effects: Vec::new(), actor, now_ms, covered_until_ms: now_ms, count };
        if is_declared {
            rehearsal.declare(None);
        }
        rehearsal
    }

    fn run(mut self, case: &Case) -> CaseResult {
        case.history.iter().for_each(|step| self.step(step));
        let before = self.counts();
        self.effects.clear();
        case.then.iter().for_each(|step| self.step(step));
        let after = self.counts();
        CaseResult {
            name: case.name.clone(),
            expected: case.expect,
            signals: after.0 - before.0,
            excepted: after.1 - before.1,
            alerts: self.effects.iter().filter_map(words).collect(),
        }
    }

    /// Signals, and what exceptions let pass. There is one detector.
    fn counts(&self) -> (u64, u64) {
        let stats = self.monitor.stats();
        (stats.signals.values().sum(), stats.excepted.values().sum())
    }

    fn identity(&self) -> &str {
        self.actor.id.as_deref().unwrap_or(IDENTITY)
    }

    fn step(&mut self, step: &Step) {
        let end_ms = self.now_ms + step.lasting.map_or(0, millis);
        if step.declare_other {
            let other = format!("{}-other", self.identity());
            self.tell(other, Declared::default());
        }
        if step.declares() {
            self.declare(Some(step));
        }
        if let Some(sample) = &step.activity {
            let every_ms = step.every.map_or(0, millis);
            let by_time = if every_ms > 0 { (end_ms - self.now_ms) / every_ms } else { 1 };
            for _ in 0..step.times.map_or(by_time.max(1), i64::from) {
                for nth in 0..i64::from(step.run.unwrap_or(1)) {
                    self.act(sample, self.now_ms + nth * SECOND_MS);
                }
                self.pass(self.now_ms + every_ms, step.source_silent);
            }
        }
        self.pass(end_ms.max(self.now_ms), step.source_silent);
    }

    fn act(&mut self, sample: &Sample, at_ms: i64) {
        self.count += 1;
        let event_id = format!("event-{}", self.count);
        let mut activity = activity(sample, at_ms, &event_id);
        activity.identity.id = Text::from(self.identity().to_owned());
        activity.identity.kind = self.actor.kind.unwrap_or(activity.identity.kind);
        let classification = &mut activity.identity.classification;
        classification.class = self.actor.class.unwrap_or(classification.class);
        self.monitor.activity(&activity, &mut self.effects);
    }

    fn declare(&mut self, step: Option<&Step>) {
        let now = EventTime::from_millis(self.now_ms);
        let is_retired = step.is_some_and(|step| step.retire);
        let is_owned = step.is_some_and(|step| step.own);
        let own = self.actor.environment.clone();
        let allow = step.and_then(|step| step.allow.clone()).unwrap_or_default();
        let declared = Declared {
            status: if is_retired { DeclaredStatus::Retired } else { DeclaredStatus::Active },
            retired_at: is_retired.then_some(now),
            created_at: step.is_some_and(|step| step.declare).then_some(now),
            kind: self.actor.kind,
            class: self.actor.class,
            environment: step.and_then(|step| step.environment.clone()).or(own),
            criticality: self.actor.criticality.unwrap_or_default(),
            expires_at: step.is_some_and(|step| step.expire).then_some(now),
            owner: is_owned.then(|| "team-a".to_owned()),
            purpose: is_owned.then(|| "rehearsal".to_owned()),
            allowed_services: allow.services,
            allowed_networks: allow.networks,
            allowed_schedule: allow.schedule.map(Box::new),
            key_dates: step
                .and_then(|step| step.declare_key.clone())
                .map(|key| (key, now))
                .into_iter()
                .collect(),
            ..Declared::default()
        };
        self.tell(self.identity().to_owned(), declared);
    }

    fn tell(&mut self, identity_id: String, declared: Declared) {
        let change = DeclaredChange { identity_id, declared: Some(declared) };
        self.monitor.process(&Record::Declared(Box::new(change)), &mut self.effects);
    }

    /// Lets time pass, hour by hour, with or without reports of the log source.
    fn pass(&mut self, to_ms: i64, is_silent: bool) {
        while self.now_ms < to_ms {
            self.now_ms = (self.now_ms + HOUR_MS).min(to_ms);
            if is_silent {
                self.covered_until_ms = self.now_ms;
            } else {
                let first = (self.covered_until_ms / HOUR_MS) as u32;
                let mark = CoverageMark {
                    scope: SCOPE.into(),
                    hours: (first..=(self.now_ms / HOUR_MS) as u32).collect(),
                    until_ms: self.now_ms,
                };
                self.covered_until_ms = self.now_ms;
                self.monitor.process(&Record::Coverage(vec![mark]), &mut self.effects);
            }
            self.monitor.tick(ProcessingTime::from_millis(self.now_ms), &mut self.effects);
        }
    }
}

pub(super) fn activity<'a>(sample: &'a Sample, now_ms: i64, event_id: &'a str) -> Activity<'a> {
    let (service, operation) = sample.action.split_once(':').unwrap_or((&sample.action, ""));
    let key_kind =
        |id: &str| if id.starts_with("ASIA") { CredentialKind::Temporary } else { CredentialKind::LongTerm };
    let event = Event {
        time: EventTime::from_millis(now_ms),
        time_clamped: false,
        received: ProcessingTime::from_millis(now_ms),
        usage: Usage::Used,
        credential: sample.credential.as_deref().map(|id| Credential { kind: key_kind(id), id: id.into() }),
        service: service.into(),
        operation: operation.into(),
        read_only: None,
        resource: sample.resource.as_deref().map(Text::from),
        outcome: sample.outcome,
        error_code: None,
        bytes_out: sample.bytes_out,
        origin: origin(sample),
        client: Some(Client { family: sample.client.as_str().into(), version: None }),
        region: Some(sample.region.as_str().into()),
        account: sample.account.as_deref().map(Text::from),
        session: None,
        workload: sample.workload.as_deref().map(Text::from),
        caller: sample.caller.as_deref().map(Text::from),
        issued: sample
            .issues
            .as_deref()
            .map(|id| Issued { id: id.into(), session: Some("rehearsed".into()) }),
        interactive: if sample.console { Interactive::CONSOLE } else { Interactive::default() },
        via_service: None,
        event_id: Some(event_id.into()),
        shared_event_id: None,
        scope: SCOPE.into(),
        provenance: Provenance::default(),
        is_past: false,
    };
    let identity = Identity {
        id: IDENTITY.into(),
        unique_id: None,
        kind: Kind::CloudRole,
        classification: Classification {
            class: Class::NonHuman,
            confidence: 50,
            evidence: Evidence::Default,
        },
    };
    Activity { identity, event }
}

fn origin(sample: &Sample) -> Origin<'_> {
    let of_address = || sample.ip.rsplit_once('.').map(|(network, _)| Text::from(format!("{network}.0/24")));
    let network = sample.network.as_deref().map(Text::from).or_else(of_address);
    Origin {
        ip: Some(sample.ip.as_str().into()),
        network,
        country: sample.country.as_deref().map(Text::from),
        asn: sample.asn.as_deref().map(Text::from),
        listed: sample.network_class.map(|class| Listed { class, list: class.as_str().into() }),
        ..Origin::default()
    }
}

/// What an alert says.
fn words(effect: &Effect) -> Option<String> {
    match effect {
        Effect::Alert(report) => Some(report.message.clone()),
        _ => None,
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_embedded_test_of_every_builtin_detector_passes() {
        let detectors = Detectors::builtin().unwrap();
        let failed: Vec<String> = detectors
            .iter()
            .flat_map(|detector| run(detector).into_iter().map(|result| (detector.id.clone(), result)))
            .filter(|(_, result)| !result.passed())
            .map(|(id, result)| format!("{id}: {result:?}"))
            .collect();
        assert!(failed.is_empty(), "{failed:#?}");
    }

    #[test]
    fn every_file_in_the_detectors_folder_is_built_in() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/detectors");
        let mut files: Vec<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        files.sort();
        let builtin: Vec<&str> = crate::detect::builtin::FILES.iter().map(|(name, _)| *name).collect();
        assert_eq!(files, builtin);
    }
}
