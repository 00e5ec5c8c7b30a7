//! What the rest of the project relies on: repeatability, order, and a truth that adds up.

use std::collections::BTreeMap;

use super::*;
use crate::time::{DAY_MS, EventTime, HOUR_MS};

fn plan(days: i64, events: u64) -> Plan {
    let until = EventTime::parse_rfc3339("2026-01-31T00:00:00Z").unwrap();
    let since = until.plus_millis(-days * DAY_MS);
    Plan { since, until, events, incidents: Some((until.plus_millis(-DAY_MS), until.plus_millis(-HOUR_MS))) }
}

fn payloads(seed: u64, mix: Mix) -> (Vec<Payload>, Truth) {
    let company = Company::new(seed, 80);
    let emissions = company.emissions(&plan(10, 5_000));
    let mut truth = Truth::new(&company, emissions.incidents());
    let (mut mixer, mut out) = (Mixer::new(seed, mix), Vec::new());
    for emission in emissions {
        mixer.push(&emission, &mut truth, &mut out);
    }
    mixer.finish(&mut truth, &mut out);
    (out, truth)
}

#[test]
fn a_seed_fixes_every_byte() {
    assert_eq!(payloads(5, Mix::mixed()), payloads(5, Mix::mixed()));
    assert_ne!(payloads(5, Mix::mixed()).0, payloads(6, Mix::mixed()).0);
}

#[test]
fn records_come_in_order_of_time_and_about_as_many_as_planned() {
    let plan = plan(10, 20_000);
    let (mut last, mut count) = (plan.since, 0_u64);
    for emission in Company::new(1, 150).emissions(&plan) {
        assert!(emission.time >= last.plus_millis(-1_000) && emission.time < plan.until);
        last = emission.time;
        count += 1;
    }
    assert!((17_000..23_000).contains(&count), "{count}");
}

#[test]
fn the_truth_adds_up() {
    let (out, truth) = payloads(2, Mix::mixed());
    let records: u64 = out.iter().map(|payload| u64::from(payload.records)).sum();
    assert_eq!(truth.records, records);
    assert_eq!(truth.payloads, out.len() as u64);
    assert_eq!(records, truth.activities + truth.repeated + truth.skippable_total() + truth.broken_total());
    assert_eq!(truth.activities, truth.identities.values().map(|used| used.events).sum::<u64>());
    assert!(truth.broken_total() > 0 && truth.skippable_total() > 0 && truth.repeated > 0);
}

#[test]
fn every_scenario_is_injected_on_an_identity_of_its_own() {
    let company = Company::new(3, 60);
    let emissions = company.emissions(&plan(4, 4_000));
    let incidents = emissions.incidents().to_vec();
    assert_eq!(incidents.len(), Scenario::DEMO.len());
    let mut seen = BTreeMap::<usize, u64>::new();
    for emission in emissions {
        if let Some(index) = emission.incident {
            *seen.entry(index).or_default() += 1;
            let incident = &incidents[index];
            assert_eq!(*emission.identity, *incident.identity_id);
            assert!(emission.time >= incident.start.plus_millis(-1_000), "{incident:?}");
        }
    }
    assert_eq!(seen.len(), incidents.len());
}

/// Two months of three companies under attack, with a change of the clock, Easter and the end of a quarter.
fn campaigns() -> impl Iterator<Item = Emissions> {
    let since = EventTime::parse_rfc3339("2026-03-01T00:00:00Z").unwrap();
    let until = since.plus_millis(60 * DAY_MS);
    let incidents = Some((since.plus_millis(14 * DAY_MS), until.plus_millis(-DAY_MS)));
    let plan = Plan { since, until, events: 60_000, incidents };
    (20..23).map(move |seed| Company::new(seed, 150).campaign(&plan, 28))
}

#[test]
fn a_campaign_has_every_scenario_and_every_benign_change() {
    let (mut scenarios, mut causes) = (std::collections::BTreeSet::new(), std::collections::BTreeSet::new());
    for emissions in campaigns() {
        scenarios.extend(emissions.incidents().iter().map(|incident| incident.scenario.as_str()));
        causes.extend(emissions.map(|emission| emission.cause));
    }
    assert_eq!(scenarios.len(), Scenario::ALL.len(), "{scenarios:?}");
    let missing: Vec<Cause> = Cause::ALL.into_iter().filter(|cause| !causes.contains(cause)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn an_attack_of_a_campaign_is_on_victims_of_its_own_and_within_its_time() {
    for emissions in campaigns().take(1) {
        let incidents = emissions.incidents().to_vec();
        assert!(incidents.len() >= 24, "{}", incidents.len());
        let victims =
            incidents.iter().flat_map(|incident| incident.accomplices.iter().chain([&incident.identity_id]));
        let count = victims.clone().count();
        assert_eq!(victims.collect::<std::collections::BTreeSet<_>>().len(), count);
        for emission in emissions {
            let Some(incident) = emission.incident.map(|index| &incidents[index]) else { continue };
            let acts = |id: &String| **id == *emission.identity;
            assert!(acts(&incident.identity_id) || incident.accomplices.iter().any(acts), "{incident:?}");
            assert!(emission.time >= incident.start.plus_millis(-1_000), "{incident:?}");
            assert!(emission.time <= incident.end.plus_millis(1_000), "{incident:?}");
        }
    }
}

#[test]
fn the_dormant_and_the_retired_are_silent_before_they_are_abused() {
    for emissions in campaigns().take(1) {
        let incidents = emissions.incidents().to_vec();
        let retired: Vec<EventTime> = emissions.retirements().iter().map(|(time, _)| *time).collect();
        assert!(retired.is_sorted());
        let mut last = BTreeMap::new();
        for emission in emissions.filter(|emission| emission.incident.is_none()) {
            last.insert(emission.identity.to_string(), emission.time);
        }
        for incident in incidents {
            let silence = incident.start.millis_since(last[&incident.identity_id]);
            match incident.scenario {
                Scenario::DormantKeyAwakened => assert!(silence > 10 * DAY_MS, "{incident:?}"),
                Scenario::RetiredIdentity => assert!(silence > 2 * DAY_MS, "{incident:?}"),
                _ => {}
            }
        }
    }
}

#[test]
fn a_seed_fixes_every_attack() {
    let told = |emissions: Emissions| -> Vec<String> {
        let attacks = emissions.filter(|emission| emission.incident.is_some());
        attacks.map(|emission| format!("{emission:?}")).collect()
    };
    let (first, again) = (campaigns().next().map(told), campaigns().next().map(told));
    assert!(first.as_ref().is_some_and(|events| events.len() > 500));
    assert_eq!(first, again);
}

#[test]
fn identities_have_names_of_their_own_and_all_kinds_are_there() {
    let company = Company::new(4, 300);
    let ids: std::collections::BTreeSet<_> = company.members().iter().map(|member| &member.id).collect();
    assert_eq!(ids.len(), company.members().len());
    let kinds: std::collections::BTreeSet<_> = company.members().iter().map(|member| member.kind).collect();
    assert!(kinds.len() >= 8, "{kinds:?}");
    assert_eq!(company.members().len(), 300);
}

#[test]
fn the_forgotten_fall_silent_and_the_undeclared_stay_out_of_the_inventory() {
    let (_, truth) = payloads(7, Mix::bare());
    let plan = plan(10, 0);
    assert!(!truth.forgotten.is_empty());
    for id in &truth.forgotten {
        let last = truth.identities.get(id).and_then(|used| used.last_seen);
        assert!(last.is_none_or(|last| last < plan.since.plus_millis(4 * DAY_MS)), "{id}");
    }
    let company = Company::new(7, 80);
    let declared = inventory(&company, plan.since).len();
    assert!(declared > 40 && declared < company.members().len());
}

#[test]
fn records_look_like_cloudtrail() {
    let (out, _) = payloads(8, Mix::bare());
    let mut bytes = 0;
    let calls: Vec<_> = out.iter().filter(|payload| payload.topic == Topic::CloudTrail).collect();
    for payload in &calls {
        let record: serde_json::Value = serde_json::from_slice(&payload.bytes).unwrap();
        for field in ["eventVersion", "userIdentity", "eventTime", "eventSource", "eventName", "eventID"] {
            assert!(!record[field].is_null(), "{field} in {record}");
        }
        bytes += payload.bytes.len();
    }
    let mean = bytes / calls.len();
    assert!((900..2_500).contains(&mean), "{mean}");
}

/// What came out of ingest, beside the truth.
#[derive(Default)]
struct Taken {
    used: BTreeMap<String, Use>,
    activities: u64,
    skipped: BTreeMap<&'static str, u64>,
    rejected: BTreeMap<&'static str, u64>,
}

impl crate::ingest::Sink for Taken {
    fn activity(&mut self, activity: crate::activity::Activity<'_>) {
        use crate::activity::Outcome;
        self.activities += 1;
        let id = activity.identity.id.to_string();
        let (time, used) = (Some(activity.event.time), self.used.entry(id).or_default());
        used.events += 1;
        used.first_seen =
            Some(used.first_seen.map_or(activity.event.time, |first| first.min(activity.event.time)));
        used.last_seen = used.last_seen.max(time);
        match activity.event.outcome {
            Outcome::Success => used.last_success = used.last_success.max(time),
            Outcome::Denied => used.last_denied = used.last_denied.max(time),
            Outcome::Failed => {}
        }
    }

    fn skipped(&mut self, reason: &'static str) {
        *self.skipped.entry(reason).or_default() += 1;
    }

    fn rejected(&mut self, rejected: crate::ingest::Rejected<'_>) {
        *self.rejected.entry(rejected.reason).or_default() += 1;
    }
}

fn take(payloads: &[Payload]) -> Taken {
    let mut ingest = crate::ingest::Ingest::new(crate::config::Limits::default());
    let mut taken = Taken::default();
    for (offset, payload) in payloads.iter().enumerate() {
        let (source, format) = match payload.topic {
            Topic::CloudTrail => ("cloudtrail", crate::decode::FormatHint::Cloudtrail),
            Topic::Auth => ("auth.linux", crate::decode::FormatHint::LinuxAuth),
        };
        let records = ingest.ingest(
            crate::ingest::Payload {
                bytes: &payload.bytes,
                source,
                partition: 0,
                offset: offset as i64,
                received: crate::time::ProcessingTime::from_millis(payload.time.millis() + 1_000),
                format,
            },
            &mut taken,
        );
        assert_eq!(records, payload.records, "{}", String::from_utf8_lossy(&payload.bytes));
    }
    taken
}

fn check_against_ingest(mix: Mix) {
    let (out, truth) = payloads(11, mix);
    let taken = take(&out);
    assert_eq!(taken.activities, truth.activities + truth.repeated);
    assert_eq!(taken.skipped.values().sum::<u64>(), truth.skippable_total(), "{:?}", taken.skipped);
    assert_eq!(
        taken.rejected.values().sum::<u64>(),
        truth.broken_total(),
        "{:?} {:?}",
        taken.rejected,
        truth.broken
    );
    let facts = |used: &Use| (used.first_seen, used.last_seen, used.last_success, used.last_denied);
    for (id, used) in &truth.identities {
        let seen = taken.used.get(id).unwrap_or_else(|| panic!("{id} is not known as such"));
        assert_eq!(facts(seen), facts(used), "{id}");
    }
    assert_eq!(taken.used.len(), truth.identities.len());
}

#[test]
fn ingest_reads_plain_records_as_the_truth_says() {
    check_against_ingest(Mix::bare());
}

#[test]
fn ingest_reads_every_transport_shape_as_the_truth_says() {
    check_against_ingest(Mix::mixed());
}
